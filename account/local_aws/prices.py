"""Prices of instances on AWS: US dollars an hour in us-east-1, on demand.

Source: aws.amazon.com/sagemaker/pricing, by way of public copies of it that agree.
"""

PRICED = "November 2026"
SOURCE = "https://aws.amazon.com/sagemaker/pricing/"

JOBS = {"ml.m5.large": 0.115, "ml.m5.xlarge": 0.23}
HOSTING = {
    "ml.t2.medium": 0.056,
    "ml.m5.large": 0.115,
    "ml.m5.xlarge": 0.23,
    "ml.m5.2xlarge": 0.461,
    "ml.m5.4xlarge": 0.922,
    "ml.c5.large": 0.102,
    "ml.c5.xlarge": 0.204,
    "ml.c5.2xlarge": 0.408,
}
