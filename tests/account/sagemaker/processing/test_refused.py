"""Processing jobs that are refused, as AWS refuses them or because they cannot be done here."""

from __future__ import annotations

import pytest

from support.processing import IMAGE, NOT_HERE, changed, definition, source, target
from support.training import name, refusal


@pytest.mark.parametrize(
    ("path", "member", "sentence"),
    [
        ("/opt/ml/test", "LocalPath", "must be below /opt/ml/processing/"),
        ("/opt/ml/processing", "LocalPath", "must be below /opt/ml/processing/"),
        ("/opt/ml/processing/../model", "LocalPath", "must be below /opt/ml/processing/"),
        ("processing/input", "LocalPath", "must be below /opt/ml/processing/"),
        ("", "LocalPath", "must be below /opt/ml/processing/"),
        ("/opt/ml/processing/input/code/", "LocalPath", "is used more than once"),
        ("/opt/ml/processing/" + "x" * 250, "localPath", "less than or equal to 256"),
    ],
)
def test_bad_local_paths(sagemaker, s3, bucket, path, member, sentence):
    params = definition(s3, bucket, name("bad-path"), "")
    data = source("more", f"s3://{bucket}/{params['ProcessingJobName']}/table.csv", path)
    code, message = refusal(
        sagemaker.create_processing_job, **params | {"ProcessingInputs": [params["ProcessingInputs"][0], data]}
    )
    assert code == "ValidationException" and sentence in message and member in message
    outputs = {"Outputs": [target("bad", f"s3://{bucket}/x", path)]}
    code, message = refusal(sagemaker.create_processing_job, **params | {"ProcessingOutputConfig": outputs})
    assert code == "ValidationException" and sentence in message


@pytest.mark.parametrize("uri", ["s3://{}/nothing/here/", "s3://no-such-bucket-at-all/x", "s3://{}/nothing.csv"])
def test_an_input_that_is_not_there(sagemaker, s3, bucket, uri):
    uri = uri.format(bucket)
    params = definition(s3, bucket, name("no-input"), "")
    params["ProcessingInputs"].append(source("gone", uri, "/opt/ml/processing/input/gone"))
    code, message = refusal(sagemaker.create_processing_job, **params)
    assert code == "ValidationException" and message.startswith(f'No S3 objects found under S3 URL "{uri}"')
    assert refusal(sagemaker.describe_processing_job, ProcessingJobName=params["ProcessingJobName"])


@pytest.mark.parametrize(
    ("path", "value", "word"),
    [
        ("AppSpecification.ImageUri", "1.dkr.ecr.us-east-1.amazonaws.com/sagemaker-spark-processing:3", "spark"),
        ("AppSpecification.ImageUri", "382416733822.dkr.ecr.us-east-1.amazonaws.com/linear-learner:1", "linear"),
        ("AppSpecification", {"ImageUri": IMAGE}, "ContainerEntrypoint"),
        ("ProcessingResources.ClusterConfig.InstanceCount", 2, "more than one instance"),
        ("ProcessingInputs.1.AppManaged", True, "AppManaged (input 'table')"),
        ("ProcessingInputs.1.S3Input.S3InputMode", "Pipe", "S3InputMode Pipe (input 'table')"),
        ("ProcessingInputs.1.S3Input.S3CompressionType", "Gzip", "S3CompressionType Gzip"),
        ("ProcessingInputs.1.DatasetDefinition", {"LocalPath": "/opt/ml/processing/x"}, "Athena or Redshift"),
        ("ProcessingOutputConfig.Outputs.0.S3Output.S3UploadMode", "Continuous", "S3UploadMode Continuous"),
        ("ProcessingOutputConfig.Outputs.0.FeatureStoreOutput", {"FeatureGroupName": "x"}, "FeatureStoreOutput"),
        ("NetworkConfig.EnableNetworkIsolation", True, "NetworkConfig.EnableNetworkIsolation"),
        ("NetworkConfig.VpcConfig", {"SecurityGroupIds": ["sg"], "Subnets": ["s"]}, "NetworkConfig.VpcConfig"),
        ("ExperimentConfig.ExperimentName", "mine", "ExperimentConfig"),
    ],
)
def test_what_the_account_cannot_do(sagemaker, s3, bucket, path, value, word):
    params = changed(definition(s3, bucket, name("refused"), ""), path, value)
    code, message = refusal(sagemaker.create_processing_job, **params)
    assert code == "ValidationException" and word in message and NOT_HERE in message


@pytest.mark.parametrize(
    ("path", "value", "sentence"),
    [
        ("ProcessingInputs.1.InputName", "code", "Duplicate InputName 'code'."),
        ("ProcessingInputs.1", {"InputName": "bare"}, "The input 'bare' has neither S3Input nor DatasetDefinition."),
        ("ProcessingOutputConfig.Outputs.0", {"OutputName": "bare"}, "The output 'bare' has no S3Output."),
        ("ProcessingInputs.1.S3Input.S3Uri", "https://bucket/key", "not of the form s3://BUCKET/KEY"),
        ("ProcessingOutputConfig.Outputs.0.S3Output.S3Uri", "https://b/k", "not of the form s3://BUCKET/KEY"),
        ("AppSpecification.ContainerArguments", ["a", ""], "empty string in ContainerArguments at index 1"),
        ("RoleArn", "arn:aws:iam::111111111111:role/Other", "Cross-account pass role is not allowed."),
        ("ProcessingJobName", "no_underscores", "failed to satisfy constraint"),
    ],
)
def test_what_aws_refuses_too(sagemaker, s3, bucket, path, value, sentence):
    params = changed(definition(s3, bucket, name("invalid"), ""), path, value)
    code, message = refusal(sagemaker.create_processing_job, **params)
    assert code == "ValidationException" and sentence in message
