"""Training jobs that cannot be: refused when they are created, or failed with a reason that helps."""

from __future__ import annotations

import json
import os

import pytest

from support.training import ENDLESS, QUICK, channel, csv, definition, ended, name, refusal, table, wait_until

ROWS = 40
X, Y = table(ROWS)
GOOD = csv(X, Y)


@pytest.fixture(scope="module")
def train(account, sagemaker, s3, bucket):
    """Run a job on some objects and return its description; every reason is looked at for what must not be."""

    def run(objects: dict[str, bytes] | None = None, hyperparameters=QUICK, content_type="text/csv", **more):
        job = name("bad")
        for key, body in ({"train.csv": GOOD} if objects is None else objects).items():
            s3.put_object(Bucket=bucket, Key=f"{job}/{key}", Body=body)
        uri = more.pop("uri", f"s3://{bucket}/{job}/")
        place = channel(uri, kind=more.pop("kind", "S3Prefix"), content_type=content_type)
        params = definition(account, job, place, bucket=bucket, hyperparameters=hyperparameters)
        sagemaker.create_training_job(**params | more)
        body = ended(sagemaker, job)
        reason = body.get("FailureReason", "")
        assert len(reason) <= 1024
        assert str(account.folder) not in reason and "/tmp" not in reason and "Traceback" not in reason
        if body["TrainingJobStatus"] == "Failed":
            assert body["SecondaryStatusTransitions"][-1]["Status"] == "Failed"
            assert body["SecondaryStatusTransitions"][-1]["StatusMessage"] == reason
            key = body["ModelArtifacts"]["S3ModelArtifacts"].removeprefix(f"s3://{bucket}/")
            assert "Contents" not in s3.list_objects_v2(Bucket=bucket, Prefix=key)
        return body

    return run


def failed(body: dict) -> str:
    assert (body["TrainingJobStatus"], body["SecondaryStatus"]) == ("Failed", "Failed")
    return body["FailureReason"]


# The algorithm's own refusals: the job fails.


def test_the_same_with_nothing_wrong_completes(train):
    assert train()["TrainingJobStatus"] == "Completed"


def without(member: str) -> dict:
    return {key: value for key, value in QUICK.items() if key != member}


@pytest.mark.parametrize(
    ("hyperparameters", "words"),
    [
        (
            without("predictor_type"),
            ["No value(s) were specified for 'predictor_type'", "required hyperparameter"],
        ),
        (
            QUICK | {"objective": "MSE"},
            ["Additional properties are not allowed", "'objective' was unexpected"],
        ),
        (QUICK | {"epochs": "many"}, ["'many'", "epochs"]),
        (QUICK | {"epochs": "0"}, ["'0'", "epochs"]),
        (QUICK | {"loss": "MSE"}, ["'MSE'", "loss"]),
        (QUICK | {"predictor_type": "regression"}, ["'regression'", "predictor_type"]),
        (QUICK | {"learning_rate": "nan"}, ["'nan'", "learning_rate"]),
        (QUICK | {"mini_batch_size": str(ROWS + 1)}, ["mini-batch size", "too high"]),
        (QUICK | {"feature_dim": "5"}, ["5", "2", "feature"]),
        (QUICK | {"x" * 200: "y" * 2000}, ["Additional properties are not allowed"]),
    ],
)
def test_hyperparameters(train, hyperparameters, words):
    reason = failed(train(hyperparameters=hyperparameters))
    assert reason.startswith("ClientError: ")
    assert all(word in reason for word in words), reason


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (
            b"charges,age,bmi\n" + GOOD,
            ["Unable to parse csv: rows 1-4, file /opt/ml/input/data/train/train.csv"],
        ),
        (GOOD + b"1,two,3\n", ["Unable to parse csv: rows 41-44, file /opt/ml/input/data/train/train.csv"]),
        (GOOD + b"1,2\n", ["Unable to parse csv: rows 41-44"]),
        (GOOD + b"1,,3\n", ["Unable to parse csv: rows 41-44"]),
        (GOOD + b"1,nan,3\n", ["Found missing (NaN) values", "train.csv, row 41"]),
        (GOOD + b"1,inf,3\n", ["infinite", "train.csv, row 41"]),
        (b"1\n2\n3\n4\n", ["no features"]),
        (b"", ["No training data processed"]),
        (b"\n\n", ["No training data processed"]),
        (b"\x00\xff\xfe binary", ["Unable to parse csv"]),
    ],
)
def test_tables(train, body, words):
    reason = failed(train({"train.csv": body}))
    assert reason.startswith("ClientError: ")
    assert all(word in reason for word in words), reason


def test_files_of_different_widths(train):
    reason = failed(train({"a.csv": GOOD, "b.csv": b"1,2,3,4,5\n"}))
    assert "b.csv has 4 features, the files before it 2" in reason


def test_records_without_labels(train):
    from io import BytesIO

    from sagemaker.amazon.common import write_numpy_to_dense_tensor

    for labels, expected in ((Y, "Completed"), (None, "Failed")):
        file = BytesIO()
        write_numpy_to_dense_tensor(file, X, labels)
        body = train({"data.pbr": file.getvalue()}, content_type=None)
        assert body["TrainingJobStatus"] == expected
    assert "no labels" in body["FailureReason"]


def test_content_types(train):
    reason = failed(train(content_type="csv"))
    assert reason == "ClientError: No iterator has been registered for ContentType ('csv', '1.0')"
    assert "recordio-protobuf" in failed(train(content_type=None))  # CSV, and nobody says so
    assert "Unable to parse csv" in failed(train({"data.pbr": b"\n#\xd7\xce\x04\0\0\0abcd"}))


def test_channels_of_other_names(account, sagemaker, s3, bucket):
    s3.put_object(Bucket=bucket, Key="channels/train.csv", Body=GOOD)
    for names, word in (
        (["training"], "'training' was unexpected"),
        (["validation"], "'train' is a required"),
    ):
        job = name("channels")
        channels = [channel(f"s3://{bucket}/channels/", each) for each in names]
        sagemaker.create_training_job(**definition(account, job, *channels, bucket=bucket))
        assert word in failed(ended(sagemaker, job))
    job = name("channels")
    params = definition(account, job, bucket=bucket)
    del params["InputDataConfig"]
    sagemaker.create_training_job(**params)
    assert "'train' is a required" in failed(ended(sagemaker, job))


def test_a_reason_is_cut_where_aws_cuts_it(train):
    unknown = {f"{number}{'x' * 200}": "1" for number in range(9)}
    reason = failed(train(hyperparameters=QUICK | unknown))
    assert len(reason) == 1024 and reason.startswith("ClientError: Additional properties are not allowed")


# Keys


@pytest.mark.parametrize("key", ["../outside.csv", "a/../../outside.csv", "a/../../../../../../outside.csv"])
def test_keys_that_lead_outside_the_channel(account, train, key):
    reason = failed(train({key: GOOD}))
    assert reason.startswith("ClientError: Data download failed: s3://")
    assert f"/{key} in the channel 'train': its file would lie outside" in reason
    # The folder of the job goes while one looks; os.walk does not mind.
    assert not any("outside.csv" in files for _, _, files in os.walk(account.folder))


def test_keys_with_dots_that_stay_inside(train):
    assert train({"a/../train.csv": GOOD})["TrainingJobStatus"] == "Completed"


def test_keys_that_are_file_and_folder(train):
    reason = failed(train({"a": GOOD, "a/b": GOOD}))
    assert reason.startswith("ClientError: Data download failed: s3://") and "/a/b in the channel" in reason


def test_two_keys_of_one_file(train):
    reason = failed(train({"train.csv": GOOD, "a/../train.csv": GOOD}))
    assert reason.startswith("ClientError: Data download failed: s3://") and "File exists" in reason


def test_names_that_no_file_can_have(train):
    assert "File name too long" in failed(train({"x" * 300: GOOD}))


def test_markers_of_folders_are_no_files(train):
    assert train({"": b"", "more/": b"", "more/train.csv": GOOD})["TrainingJobStatus"] == "Completed"


# Manifests


def manifest(s3, bucket, *entries) -> str:
    key = f"manifests/{name('m')}"
    s3.put_object(Bucket=bucket, Key=key, Body=json.dumps(list(entries)).encode())
    return f"s3://{bucket}/{key}"


def test_a_manifest_s_objects_keep_their_paths(train, s3, bucket):
    s3.put_object(Bucket=bucket, Key="listed/deep/train.csv", Body=GOOD)
    uri = manifest(s3, bucket, {"prefix": f"s3://{bucket}/listed/"}, "deep/train.csv")
    assert train({}, uri=uri, kind="ManifestFile")["TrainingJobStatus"] == "Completed"
    uri = manifest(s3, bucket, {"prefix": f"s3://{bucket}/listed/deep"}, "/../deep/train.csv")
    s3.put_object(Bucket=bucket, Key="listed/deep/../deep/train.csv", Body=GOOD)
    assert "would lie outside" in failed(train({}, uri=uri, kind="ManifestFile"))


@pytest.mark.parametrize(
    "body",
    [b"not json", b"{}", b"[]", b"5", b'["a"]', b"[{}]", b'[{"prefix": 5}]', b"[" * 100_000, b"\xff\xfe",
     b'[{"prefix": "http://x/"}, "a"]', b'[{"prefix": "s3://nowhere/"}, 5]'],
)  # fmt: skip
def test_manifests_that_are_none(account, sagemaker, s3, bucket, body):
    key = f"manifests/{name('none')}"
    s3.put_object(Bucket=bucket, Key=key, Body=body)
    place = channel(f"s3://{bucket}/{key}", kind="ManifestFile")
    code, message = refusal(sagemaker.create_training_job, **definition(account, name("m"), place, bucket=bucket))
    assert code == "ValidationException"
    assert f"s3://{bucket}/{key}" in message or "http://x/" in message


def test_a_manifest_of_objects_that_are_not_there(account, sagemaker, s3, bucket):
    for uri in (
        manifest(s3, bucket, {"prefix": f"s3://{bucket}/nothing/"}, "here.csv"),
        manifest(s3, bucket, {"prefix": "s3://no-such-bucket-at-all/"}, "here.csv"),
        manifest(s3, bucket, {"prefix": f"s3://{bucket}/nothing/"}),
        f"s3://{bucket}/manifests/not-there",
    ):
        place = channel(uri, kind="ManifestFile")
        code, message = refusal(sagemaker.create_training_job, **definition(account, name("m"), place, bucket=bucket))
        assert code == "ValidationException"
        assert message.startswith(f'No S3 objects found under S3 URL "{uri}" given in input data source.')


# Requests that are refused


@pytest.fixture
def refused(account, sagemaker, s3, bucket):
    """Code and sentence of the refusal of a job that would be good but for some members."""
    s3.put_object(Bucket=bucket, Key="good/train.csv", Body=GOOD)

    def call(**more) -> tuple[str, str]:
        job = name("refused")
        params = definition(account, job, channel(f"s3://{bucket}/good/"), bucket=bucket)
        for path, value in more.items():
            first, *rest = path.split("__")
            place = params
            for member in rest:
                place, first = place[first], member
                place = place[0] if isinstance(place, list) else place
            place[first] = value
        found = refusal(sagemaker.create_training_job, **params)
        assert refusal(sagemaker.describe_training_job, TrainingJobName=job)[1] == "Requested resource not found."
        return found

    return call


SOURCE = "InputDataConfig__DataSource__S3DataSource__"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            {SOURCE + "S3Uri": "s3://a-bucket-for-tests/nothing/here/"},
            ['"s3://a-bucket-for-tests/nothing/here/"'],
        ),
        ({SOURCE + "S3Uri": "s3://no-such-bucket-at-all/x"}, ["No S3 objects found under S3 URL"]),
        ({SOURCE + "S3Uri": "https://example.com/x"}, ["https://example.com/x", "s3://BUCKET/KEY"]),
        ({"OutputDataConfig__S3OutputPath": "file:///x"}, ["file:///x"]),
        (
            {"AlgorithmSpecification__TrainingImage": "000000000000.dkr.ecr.us-east-1.amazonaws.com/mine:1"},
            ["mine:1"],
        ),
        ({"ResourceConfig__InstanceType": "local"}, ["instanceType", "enum"]),
        ({"ResourceConfig__InstanceCount": 0}, ["InstanceCount", "at least 1"]),
        ({"InputDataConfig__RecordWrapperType": "RecordIO"}, ["RecordWrapperType"]),
        ({"InputDataConfig__ShuffleConfig": {"Seed": 1}}, ["ShuffleConfig"]),
        ({SOURCE + "S3DataType": "AugmentedManifestFile"}, ["AugmentedManifestFile"]),
        (
            {
                "InputDataConfig__DataSource": {
                    "FileSystemDataSource": {
                        "FileSystemId": "fs-0123456789abcdef0",
                        "FileSystemAccessMode": "ro",
                        "FileSystemType": "EFS",
                        "DirectoryPath": "/",
                    }
                }
            },
            ["data source"],
        ),
        ({"EnableManagedSpotTraining": True}, ["Invalid MaxWaitTimeInSeconds. It must be present"]),
        (
            {
                "EnableManagedSpotTraining": True,
                "StoppingCondition": {"MaxRuntimeInSeconds": 60, "MaxWaitTimeInSeconds": 59},
            },
            ["greater than or equal to MaxRuntimeInSeconds"],
        ),
        ({"CheckpointConfig": {"S3Uri": "s3://a-bucket-for-tests/c"}}, ["CheckpointConfig"]),
        ({"VpcConfig": {"SecurityGroupIds": ["sg-1"], "Subnets": ["subnet-1"]}}, ["VpcConfig"]),
        ({"TensorBoardOutputConfig": {"S3OutputPath": "s3://a-bucket-for-tests/b"}}, ["TensorBoardOutputConfig"]),
        ({"AlgorithmSpecification__ContainerEntrypoint": ["sh"]}, ["ContainerEntrypoint"]),
        ({"AlgorithmSpecification": {"TrainingInputMode": "File"}}, ["TrainingImage"]),
        ({"HyperParameters": {"x": "y" * 2501}}, ["hyperParameters", "less than or equal to 2500"]),
        ({"RoleArn": "a-role-without-an-address"}, ["roleArn"]),
        ({"Tags": [{"Key": "a", "Value": "1"}, {"Key": "a", "Value": "2"}]}, ["Duplicate tag keys found."]),
        ({"Tags": [{"Key": "aws:mine", "Value": "1"}]}, ["aws:mine"]),
    ],
)
def test_requests(refused, change, words):
    code, message = refused(**change)
    assert code == "ValidationException"
    assert all(word in message for word in words), message


def test_a_role_of_another_account(refused, account):
    code, message = refused(RoleArn="arn:aws:iam::123456789012:role/service-role/Theirs")
    assert code == "ValidationException"
    assert message.startswith("RoleArn: Cross-account pass role is not allowed.")
    assert account.account.role_arn in message  # what would do


def test_a_name_that_cannot_be(account, sagemaker, bucket):
    for bad in ("under_score", "-first", "x" * 64, "a/b"):
        code, message = refusal(
            sagemaker.create_training_job, **definition(account, bad, channel("s3://a/b"), bucket=bucket)
        )
        assert code == "ValidationException" and "trainingJobName" in message


def test_two_channels_of_one_name(account, sagemaker, s3, bucket):
    s3.put_object(Bucket=bucket, Key="good/train.csv", Body=GOOD)
    twice = [channel(f"s3://{bucket}/good/")] * 2
    code, message = refusal(sagemaker.create_training_job, **definition(account, name("twice"), *twice, bucket=bucket))
    assert code == "ValidationException" and "'train'" in message


def test_the_output_bucket_is_not_there(account, sagemaker, s3, bucket):
    s3.put_object(Bucket=bucket, Key="good/train.csv", Body=GOOD)
    job = name("output")
    place = channel(f"s3://{bucket}/good/")
    sagemaker.create_training_job(**definition(account, job, place, bucket="no-such-bucket-at-all"))
    reason = failed(ended(sagemaker, job))
    assert reason.startswith("ClientError: Artifact upload failed") and "NoSuchBucket" in reason


def test_what_happens_while_a_job_waits_for_its_instance(account, sagemaker, s3, bucket):
    """As many jobs run at once as there are processors: one more waits, may be stopped, and may lose its input."""
    jobs = [name("occupies") for _ in range(os.cpu_count())] + [name("waits"), name("stopped")]
    for job in jobs:
        s3.put_object(Bucket=bucket, Key=f"{job}/train.csv", Body=GOOD)
        place = channel(f"s3://{bucket}/{job}/")
        params = definition(account, job, place, bucket=bucket, hyperparameters=ENDLESS)
        sagemaker.create_training_job(**params)
        if job not in jobs[-2:]:
            wait_until(
                lambda job=job: sagemaker.describe_training_job(TrainingJobName=job)["SecondaryStatus"],
                lambda status: status == "Training",
                job,
            )
    *running, waiting, stopped = jobs
    for job in (waiting, stopped):
        body = sagemaker.describe_training_job(TrainingJobName=job)
        assert (body["TrainingJobStatus"], body["SecondaryStatus"]) == ("InProgress", "Starting")
        assert "TrainingStartTime" not in body
    sagemaker.stop_training_job(TrainingJobName=stopped)
    body = ended(sagemaker, stopped)
    assert body["TrainingJobStatus"] == "Stopped" and "BillableTimeInSeconds" not in body
    s3.delete_object(Bucket=bucket, Key=f"{waiting}/train.csv")
    for job in running:
        sagemaker.stop_training_job(TrainingJobName=job)
    reason = failed(ended(sagemaker, waiting))
    assert reason.startswith(f"ClientError: Data download failed: s3://{bucket}/{waiting}/train.csv")
    assert "NoSuchKey" in reason
    for job in running:
        ended(sagemaker, job)
