"""`python -m tools.preflight`: is the AWS account ready for the lessons? And what packages are installed by."""
