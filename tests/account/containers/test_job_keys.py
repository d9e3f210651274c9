"""A job's script calls AWS: with keys that were drawn for it, as its role, and void when it has ended."""

from __future__ import annotations

import json
import time

import boto3
import pytest
from botocore.exceptions import ClientError

from support import processing, training
from support.account import Place, until
from support.roles import trust
from support.scripts import image, log, packed
from support.training import ended, members, name, wait_until

ACCOUNT = "000000000000"
OWN = f"arn:aws:sts::{ACCOUNT}:assumed-role/AmazonSageMaker-ExecutionRole-Local/SageMaker"
# Says who it is, takes an object and puts another one; what it was given is in a file.
CALLS = """
import boto3, json, os
def keys():
    found = boto3.Session().get_credentials().get_frozen_credentials()
    return {"keys": list(found)[:3], "arn": boto3.client("sts").get_caller_identity()["Arn"],
            "environment": dict(os.environ), "region": boto3.Session().region_name}
def copy(bucket, key):
    s3 = boto3.client("s3")
    body = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    s3.put_object(Bucket=bucket, Key=key + ".copy", Body=body[::-1])
"""


def client(account, service: str, keys: list[str]):
    return boto3.client(
        service,
        endpoint_url=account.url,
        region_name="us-east-1",
        aws_access_key_id=keys[0],
        aws_secret_access_key=keys[1],
        aws_session_token=keys[2],
    )


def refused(call, **params) -> tuple[str, int, str]:
    with pytest.raises(ClientError) as caught:
        call(**params)
    error = caught.value.response
    return error["Error"]["Code"], error["ResponseMetadata"]["HTTPStatusCode"], error["Error"]["Message"]


def check_void(account, keys: list[str]) -> None:
    """In the words of each family of services."""
    sentence = "The security token included in the request is expired"
    assert refused(client(account, "sts", keys).get_caller_identity) == ("ExpiredToken", 403, sentence)
    assert refused(client(account, "sagemaker", keys).list_models) == ("ExpiredTokenException", 400, sentence)
    assert refused(client(account, "s3", keys).list_buckets) == ("ExpiredToken", 400, "The provided token has expired.")


def check_own(account, told: dict, arn: str = OWN) -> None:
    """What a script was given: keys of its own, and none of the account's."""
    assert told["arn"] == arn and told["region"] == "us-east-1"
    assert told["environment"]["AWS_DEFAULT_REGION"] == told["environment"]["AWS_REGION"] == "us-east-1"
    own, text = account.account, json.dumps(told)
    assert not [secret for secret in (own.access_key_id, own.secret_access_key, own.session_token) if secret in text]
    assert "LOCAL_AWS_STATE" not in told["environment"]


def test_a_training_script(account, sagemaker, s3, bucket, train):
    s3.put_object(Bucket=bucket, Key="keys/x", Body=b"abc")
    program = CALLS + f"copy('{bucket}', 'keys/x'); json.dump(keys(), open('/opt/ml/model/keys.json', 'w'))"
    body = ended(sagemaker, job := train(program))
    assert body["TrainingJobStatus"] == "Completed", log(job)
    told = json.loads(members(s3, body["ModelArtifacts"]["S3ModelArtifacts"])["keys.json"])
    check_own(account, told)
    assert s3.get_object(Bucket=bucket, Key="keys/x.copy")["Body"].read() == b"cba"
    assert not [line for line in log(job) if told["keys"][1] in line or told["keys"][2] in line]
    check_void(account, told["keys"])
    other = json.loads(members(s3, ended(sagemaker, train(program))["ModelArtifacts"]["S3ModelArtifacts"])["keys.json"])
    assert not set(other["keys"]) & set(told["keys"])


def test_the_sdk_in_a_training_script(account, sagemaker, s3, bucket, train):
    """It asks STS by a regional address of its own, and then IAM for the role's path."""
    body = ended(
        sagemaker,
        job := train(
            "import sagemaker, subprocess, sys\n"
            "print('role', sagemaker.get_execution_role(), sagemaker.Session().default_bucket())\n"
            'code = \'import boto3; print(boto3.client("sts", endpoint_url="https://sts.us-east-1.amazonaws.com")'
            '.get_caller_identity()["Arn"])\'\n'
            "print('child', subprocess.run([sys.executable, '-c', code], capture_output=True, text=True).stdout)\n"
        ),
    )
    assert body["TrainingJobStatus"] == "Completed", log(job)
    lines = log(job)
    assert f"role {account.account.role_arn} sagemaker-us-east-1-{ACCOUNT}" in lines and f"child {OWN}" in lines


def test_a_role_that_was_made(account, sagemaker, s3, bucket):
    """Its session has its name; on several jobs of a tuning job, too."""
    arn = boto3.client("iam").create_role(RoleName="of-jobs", Path="/a/", AssumeRolePolicyDocument=trust())["Role"][
        "Arn"
    ]
    program = CALLS + "print('am', keys()['arn']); print('score=1;')"
    s3.put_object(Bucket=bucket, Key="keys/code.tar.gz", Body=packed({"train.py": program}))
    hyperparameters = {
        "sagemaker_program": '"train.py"',
        "sagemaker_submit_directory": f'"s3://{bucket}/keys/code.tar.gz"',
    }
    spec = {"TrainingImage": image("sagemaker-scikit-learn"), "TrainingInputMode": "File"}
    spec["MetricDefinitions"] = [{"Name": "score", "Regex": "score=(.*);"}]
    definition = training.definition(account, "x", bucket=bucket, AlgorithmSpecification=spec, RoleArn=arn)
    for member in ("TrainingJobName", "InputDataConfig", "HyperParameters"):
        del definition[member]
    tuning = name("keys")[:32]
    sagemaker.create_hyper_parameter_tuning_job(
        HyperParameterTuningJobName=tuning,
        HyperParameterTuningJobConfig={
            "Strategy": "Random",
            "ResourceLimits": {"MaxNumberOfTrainingJobs": 1, "MaxParallelTrainingJobs": 1},
            "HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": "score"},
            "ParameterRanges": {"ContinuousParameterRanges": [{"Name": "a", "MinValue": "0", "MaxValue": "1"}]},
        },
        TrainingJobDefinition=definition | {"StaticHyperParameters": hyperparameters},
    )
    named = {"HyperParameterTuningJobName": tuning}
    wait_until(
        lambda: sagemaker.describe_hyper_parameter_tuning_job(**named)["HyperParameterTuningJobStatus"],
        lambda status: status != "InProgress",
        tuning,
    )
    (job,) = sagemaker.list_training_jobs_for_hyper_parameter_tuning_job(**named)["TrainingJobSummaries"]
    assert f"am arn:aws:sts::{ACCOUNT}:assumed-role/of-jobs/SageMaker" in log(job["TrainingJobName"])
    boto3.client("iam").delete_role(RoleName="of-jobs")


def puts_keys(bucket: str, key: str, then: str) -> str:
    """A script that puts what it was given into an object."""
    put = f"boto3.client('s3').put_object(Bucket={bucket!r}, Key={key!r}, Body=json.dumps(keys()).encode())"
    return f"{CALLS}import time\n{put}\n{then}\n"


@pytest.mark.parametrize(("end", "status"), [("time.sleep(600)", "Stopped"), ("raise SystemExit(3)", "Failed")])
@pytest.mark.parametrize("kind", ["training", "processing"])
def test_keys_are_void_after_a_stop_and_a_failure(account, sagemaker, s3, bucket, train, kind, end, status):
    key = name("keys")
    program = puts_keys(bucket, key, end)
    if kind == "training":
        job = train(program)
        stop, end = (sagemaker.stop_training_job, "TrainingJobName"), ended
    else:
        job = name("keys")
        sagemaker.create_processing_job(**processing.definition(s3, bucket, job, program))
        stop, end = (sagemaker.stop_processing_job, "ProcessingJobName"), processing.ended
    told = json.loads(wait_until(lambda: _object(s3, bucket, key), bool, key))
    check_own(account, told)
    if status == "Stopped":
        assert client(account, "sts", told["keys"]).get_caller_identity()["Arn"] == OWN
        stop[0](**{stop[1]: job})
    body = end(sagemaker, job)
    assert body.get("TrainingJobStatus", body.get("ProcessingJobStatus")) == status
    check_void(account, told["keys"])


def _object(s3, bucket: str, key: str) -> bytes:
    try:
        return s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    except s3.exceptions.NoSuchKey:
        return b""


def test_an_endpoint_and_a_batch(account, sagemaker, runtime, s3, bucket, endpoint):
    """A model's container has keys of its role as long as it lives."""
    code = CALLS + (
        "def model_fn(folder): return None\n"
        "def input_fn(body, kind): return body\n"
        "def predict_fn(body, model): return keys()\n"
        "def output_fn(told, accept): return json.dumps(told)\n"
    )
    with endpoint({"code/inference.py": code}) as made:
        told = json.loads(runtime.invoke_endpoint(EndpointName=made, Body=b"x")["Body"].read())
        check_own(account, told)
        assert client(account, "sts", told["keys"]).get_caller_identity()["Arn"] == OWN
        s3.put_object(Bucket=bucket, Key="keys/batch.txt", Body=b"x")
        batch = {"TransformJobName": name("keys"), "ModelName": made}
        sagemaker.create_transform_job(
            **batch,
            TransformInput={
                "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{bucket}/keys/batch.txt"}}
            },
            TransformOutput={"S3OutputPath": f"s3://{bucket}/keys-out"},
            TransformResources={"InstanceType": "ml.m5.large", "InstanceCount": 1},
        )
        status = wait_until(
            lambda: sagemaker.describe_transform_job(TransformJobName=batch["TransformJobName"])["TransformJobStatus"],
            lambda status: status != "InProgress",
            "batch",
        )
        assert status == "Completed"
        of_batch = json.loads(s3.get_object(Bucket=bucket, Key="keys-out/batch.txt.out")["Body"].read())
        check_own(account, of_batch)
        check_void(account, of_batch["keys"])
    end = time.monotonic() + 60
    while time.monotonic() < end:
        try:
            check_void(account, told["keys"])
            break
        except pytest.fail.Exception:  # the container is ending
            time.sleep(0.1)
    else:
        check_void(account, told["keys"])


def test_a_job_that_is_isolated_from_the_network_has_no_keys(account, sagemaker, s3, bucket, train):
    """As on AWS, whose guide says so."""
    s3.put_object(
        Bucket=bucket,
        Key="keys/alone.tar.gz",
        Body=packed({"train.py": "import boto3\nboto3.client('s3').list_buckets()"}),
    )
    spec = {"TrainingImage": image("sagemaker-scikit-learn"), "TrainingInputMode": "File"}
    hyperparameters = {
        "sagemaker_program": '"train.py"',
        "sagemaker_submit_directory": f'"s3://{bucket}/keys/alone.tar.gz"',
    }
    body = training.definition(account, name("keys"), bucket=bucket, AlgorithmSpecification=spec)
    body |= {"HyperParameters": hyperparameters, "EnableNetworkIsolation": True}
    del body["InputDataConfig"]
    sagemaker.create_training_job(**body)
    assert ended(sagemaker, body["TrainingJobName"])["TrainingJobStatus"] == "Failed"
    assert any("NoCredentialsError" in line for line in log(body["TrainingJobName"]))


def test_a_users_own_variables_win(account, sagemaker, s3, bucket):
    """Keys and a region of the user's, as on AWS; nobody leads the job's clients elsewhere."""
    program = "import boto3\nprint(boto3.Session().region_name)\nboto3.client('sts').get_caller_identity()"
    theirs = {
        "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "x",
        "AWS_DEFAULT_REGION": "eu-west-1",
    }
    theirs |= {"HTTP_PROXY": "http://127.0.0.1:9", "http_proxy": "http://127.0.0.1:9", "NO_PROXY": "example.com"}
    job = processing.definition(s3, bucket, name("keys"), program, Environment=theirs)
    sagemaker.create_processing_job(**job)
    processing.ended(sagemaker, job["ProcessingJobName"])
    lines = processing.log(job["ProcessingJobName"])
    assert lines[0] == "eu-west-1" and "InvalidClientTokenId" in lines[-1]


def test_keys_are_void_after_kill_9(tmp_path):
    place = Place(tmp_path / "state")
    try:
        place.start()
        s3, key = place.client("s3"), "keys"
        s3.create_bucket(Bucket="buckets")
        job = processing.definition(s3, "buckets", "job", puts_keys("buckets", key, "time.sleep(600)"))
        place.client("sagemaker").create_processing_job(**job)
        told = json.loads(until(lambda: _object(s3, "buckets", key)))
        assert place.client("sts", *told["keys"]).get_caller_identity()["Arn"] == OWN
        place.kill()
        place.start()
        code, *_ = refused(place.client("sts", *told["keys"]).get_caller_identity)
        assert code == "InvalidClientTokenId"
        assert told["keys"][1].encode() not in b"".join(
            path.read_bytes() for path in place.folder.rglob("*") if path.is_file() and path.name.startswith("keys")
        )
    finally:
        place.close()


def test_under_a_policy_a_job_may_do_what_the_policy_allows(tmp_path):
    """The policy is for all keys alike; what the account does for a job asks for nothing."""
    allow = [
        {"Effect": "Allow", "Action": ["s3:*", "sagemaker:*", "iam:PassRole", "logs:*"], "Resource": "*"},
        {
            "Effect": "Deny",
            "Action": "s3:PutObject",
            "Resource": "arn:aws:s3:::buckets/secret/*",
            "Condition": {"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/service-role/*"}},
        },
    ]
    (tmp_path / "policy.json").write_text(json.dumps({"Version": "2012-10-17", "Statement": allow}))
    place = Place(tmp_path / "state")
    try:
        place.start(LOCAL_AWS_POLICY=str(tmp_path / "policy.json"))
        s3 = place.client("s3")
        s3.create_bucket(Bucket="buckets")
        program = (
            "import boto3\ns3 = boto3.client('s3')\ns3.put_object(Bucket='buckets', Key='open/x', Body=b'x')\n"
            "s3.put_object(Bucket='buckets', Key='secret/x', Body=b'x')\n"
        )
        job = processing.definition(s3, "buckets", "job", program)
        sagemaker = place.client("sagemaker")
        sagemaker.create_processing_job(**job)
        assert processing.ended(sagemaker, "job")["ProcessingJobStatus"] == "Failed"
        said = processing.log("job", place.client("logs"))[-1]
        assert f"User: {OWN} is not authorized to perform: s3:PutObject on resource: " in said
        assert said.endswith("with an explicit deny in an identity-based policy")
        assert _object(s3, "buckets", "open/x") == b"x"
    finally:
        place.close()
