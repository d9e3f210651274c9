"""IAM, STS and ECR: identities, roles, policies and what they allow; repositories."""
