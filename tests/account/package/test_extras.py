"""What needs a library that is not installed is refused, in AWS's form, with the extra that brings it."""

from __future__ import annotations

import subprocess
import sys

import pytest
from botocore.exceptions import ClientError

from local_aws.core.extras import EXTRAS, lack_of
from support.account import Place, until
from support.account_without_extras import Account
from support.training import channel, csv, definition, ended, table

REGISTRY = "683313688378.dkr.ecr.us-east-1.amazonaws.com"
XGBOOST, SKLEARN = f"{REGISTRY}/sagemaker-xgboost:3.0-5", f"{REGISTRY}/sagemaker-scikit-learn:1.2-1-cpu-py3"
SCRIPT = {"sagemaker_program": "train.py", "sagemaker_submit_directory": "s3://data/code.tar.gz"}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    place = Account(tmp_path_factory.mktemp("extras") / "account")
    place.start()  # in this environment, which has all of them
    s3 = place.client("s3")
    s3.create_bucket(Bucket="data")
    s3.put_object(Bucket="data", Key="rows.csv", Body=csv(*table()))
    s3.put_object(Bucket="data", Key="model.tar.gz", Body=b"")
    sagemaker = place.client("sagemaker")
    for image in (XGBOOST, SKLEARN):
        name = {"ModelName": image.partition("/")[2].partition(":")[0]}
        sagemaker.create_model(**model(place, image) | name)
    Place.close(place)
    place.begin()
    yield place
    assert "Traceback" not in place.log()
    place.close()


@pytest.fixture(scope="module")
def sagemaker(place):
    return place.client("sagemaker")


def job(place, image: str, **hyperparameters: str) -> dict:
    """A request to train with an image."""
    made = definition(place.running(), "a-job", channel("s3://data/rows.csv"), bucket="data")
    specification = made["AlgorithmSpecification"] | {"TrainingImage": image}
    return made | {"AlgorithmSpecification": specification, "HyperParameters": hyperparameters}


def model(place, image: str) -> dict:
    return {
        "ModelName": "a-model",
        "ExecutionRoleArn": place.running().role_arn,
        "PrimaryContainer": {"Image": image, "ModelDataUrl": "s3://data/model.tar.gz"},
    }


def processing(place, image: str) -> dict:
    cluster = {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 5}
    return {
        "ProcessingJobName": "a-job",
        "RoleArn": place.running().role_arn,
        "AppSpecification": {"ImageUri": image, "ContainerEntrypoint": ["python3", "-c", "1"]},
        "ProcessingResources": {"ClusterConfig": cluster},
    }


def tuning(place) -> dict:
    training = definition(place.running(), "unused", channel("s3://data/rows.csv"), bucket="data")
    specification = {name: training["AlgorithmSpecification"][name] for name in ("TrainingImage", "TrainingInputMode")}
    return {
        "HyperParameterTuningJobName": "a-job",
        "HyperParameterTuningJobConfig": {
            "Strategy": "Bayesian",
            "HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": "test:objective_loss"},
            "ResourceLimits": {"MaxNumberOfTrainingJobs": 2, "MaxParallelTrainingJobs": 1},
            "ParameterRanges": {
                "ContinuousParameterRanges": [{"Name": "learning_rate", "MinValue": "0.01", "MaxValue": "0.1"}]
            },
        },
        "TrainingJobDefinition": {
            "StaticHyperParameters": {"predictor_type": "regressor"},
            "AlgorithmSpecification": specification,
            **{
                name: training[name]
                for name in ("RoleArn", "InputDataConfig", "OutputDataConfig", "ResourceConfig", "StoppingCondition")
            },
        },
    }


REFUSED = {
    "training with XGBoost": ("create_training_job", lambda place: job(place, XGBOOST, num_round="3"), "xgboost"),
    "a script in XGBoost": ("create_training_job", lambda place: job(place, XGBOOST, **SCRIPT), "xgboost"),
    "a script in scikit-learn": ("create_training_job", lambda place: job(place, SKLEARN, **SCRIPT), "sklearn"),
    "a model of XGBoost": ("create_model", lambda place: model(place, XGBOOST), "xgboost"),
    "a model of scikit-learn": ("create_model", lambda place: model(place, SKLEARN), "sklearn"),
    "processing in XGBoost": ("create_processing_job", lambda place: processing(place, XGBOOST), "xgboost"),
    "processing in scikit-learn": ("create_processing_job", lambda place: processing(place, SKLEARN), "sklearn"),
    "Bayesian tuning": ("create_hyper_parameter_tuning_job", tuning, "sklearn"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_of_sagemaker(place, sagemaker, what: str) -> None:
    operation, request, extra = REFUSED[what]
    with pytest.raises(ClientError) as told:
        getattr(sagemaker, operation)(**request(place))
    assert told.value.response["Error"]["Code"] == "ValidationException"
    said = told.value.response["Error"]["Message"]
    assert f"{EXTRAS[extra][1]} is not installed in the Python that the embedded AWS account runs in." in said
    assert f"pip install 'embedded-aws-account[{extra}]'" in said


@pytest.mark.parametrize(
    ("service", "operation", "request_"),
    [
        ("iam", "list_roles", {}),
        ("iam", "get_role", {"RoleName": "any"}),
        ("sts", "assume_role", {"RoleArn": "arn:aws:iam::000000000000:role/any", "RoleSessionName": "any"}),
        ("ecr", "describe_repositories", {}),
    ],
)
def test_of_the_services_that_moto_answers(place, service: str, operation: str, request_: dict) -> None:
    with pytest.raises(
        ClientError, match=r"moto is not installed .* pip install 'embedded-aws-account\[iam\]'"
    ) as told:
        getattr(place.client(service), operation)(**request_)
    assert told.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


@pytest.mark.parametrize(("name", "extra"), [("sagemaker-xgboost", "xgboost"), ("sagemaker-scikit-learn", "sklearn")])
def test_a_model_of_before_does_not_serve_and_says_why(place, sagemaker, name: str, extra: str) -> None:
    variant = {"VariantName": "v", "ModelName": name, "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://data/rows.csv"}}
    sagemaker.create_transform_job(
        TransformJobName=name,
        ModelName=name,
        TransformInput={"DataSource": source, "ContentType": "text/csv"},
        TransformOutput={"S3OutputPath": "s3://data/out"},
        TransformResources={"InstanceType": "ml.m5.large", "InstanceCount": 1},
    )
    job = until(lambda: done(sagemaker.describe_transform_job(TransformJobName=name), "TransformJobStatus"))
    endpoint = until(lambda: done(sagemaker.describe_endpoint(EndpointName=name), "EndpointStatus"))
    sagemaker.delete_endpoint(EndpointName=name)
    for answer, status in ((job, "TransformJobStatus"), (endpoint, "EndpointStatus")):
        assert answer[status] == "Failed"
        assert f"pip install 'embedded-aws-account[{extra}]'" in answer["FailureReason"]


def done(answer: dict, status: str) -> dict | None:
    return None if answer[status] in ("InProgress", "Creating") else answer


def test_what_needs_none_of_them_goes_on(place, sagemaker) -> None:
    assert place.client("sts").get_caller_identity()["Arn"] == place.running().account.identity_arn
    sagemaker.create_training_job(**definition(place.running(), "linear", channel("s3://data/rows.csv"), bucket="data"))
    assert ended(sagemaker, "linear")["TrainingJobStatus"] == "Completed"


def test_a_library_that_is_installed_meanwhile_is_found(tmp_path, monkeypatch) -> None:
    monkeypatch.setitem(EXTRAS, "torch", ("a_module_that_comes_later", "PyTorch"))
    monkeypatch.syspath_prepend(tmp_path)
    assert lack_of("torch") is not None
    (tmp_path / "a_module_that_comes_later.py").write_text("")
    assert lack_of("torch") is None


def test_linear_learner_reads_a_large_table_without_pandas() -> None:
    """Slower, and the same: what the other reader cannot do goes to NumPy."""
    program = (
        "import sys, io; sys.modules['pandas'] = None\n"
        "from local_aws.algorithms.linear_learner.plain_csv import read_plain\n"
        "try:\n    list(read_plain(io.BytesIO(b'1,2\\n'), 10))\n"
        "except ValueError as error:\n    print(error)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "pandas is not installed\n"
