"""Trust policies of roles."""

from __future__ import annotations

import json

SERVICE = "sagemaker.amazonaws.com"


def trust(*statements: dict) -> str:
    """A trust policy of statements that allow SageMaker what they do not say otherwise."""
    usual = {"Effect": "Allow", "Principal": {"Service": SERVICE}, "Action": "sts:AssumeRole"}
    made = []
    for each in statements or ({},):
        left = {key: value for key, value in usual.items() if f"Not{key}" not in each}
        made.append(left | each)
    return json.dumps({"Version": "2012-10-17", "Statement": made})
