"""The training image of TensorFlow, as AWS's open ``sagemaker-tensorflow-training`` 20.4.1 treats a script.

Most of it needs no TensorFlow: what the image does around the script is the same whatever the script imports.
"""

from __future__ import annotations

import importlib.util
import json
import textwrap

import numpy as np
import pytest

from support import processing
from support.scripts import image, log, packed
from support.training import ended, members, name, refusal, wait_until

TENSORFLOW = "tensorflow-training"
with_tensorflow = pytest.mark.skipif(
    importlib.util.find_spec("tensorflow") is None, reason="tensorflow is not installed"
)
SHOW = """
    import json, os, sys
    names = ("S3_REGION", "S3_USE_HTTPS", "TF_CPP_MIN_LOG_LEVEL", "SM_FRAMEWORK_MODULE", "SM_MODEL_DIR")
    told = {"args": sys.argv[1:], "hps": json.loads(os.environ["SM_HPS"])}
    print(json.dumps(told | {name: os.environ[name] for name in names}))
"""


@pytest.fixture(scope="module")
def session(account):
    from local_aws.client.session import open_session

    return open_session()[0]


def shown(job: str) -> dict:
    return json.loads(next(line for line in log(job) if line.startswith('{"args"')))


def completed(sagemaker, job: str) -> dict:
    body = ended(sagemaker, job)
    assert body["TrainingJobStatus"] == "Completed", (body.get("FailureReason"), log(job))
    return body


def failure(sagemaker, job: str) -> str:
    body = ended(sagemaker, job)
    assert body["TrainingJobStatus"] == "Failed", body
    return body["FailureReason"]


def test_model_dir_is_an_argument_and_not_where_the_model_goes(train, sagemaker, bucket):
    """SageMaker's SDK sends it as a hyperparameter; what is in SM_MODEL_DIR becomes the artifact."""
    job = train(SHOW, repository=TENSORFLOW, model_dir=f"s3://{bucket}/job/model", epochs=3)
    completed(sagemaker, job)
    told = shown(job)
    assert told["args"] == ["--epochs", "3", "--model_dir", f"s3://{bucket}/job/model"]
    assert told["S3_REGION"] == "us-east-1" and told["S3_USE_HTTPS"] == "1" and told["TF_CPP_MIN_LOG_LEVEL"] == "1"
    assert told["SM_FRAMEWORK_MODULE"] == "sagemaker_tensorflow_container.training:main"
    assert told["SM_MODEL_DIR"].endswith("/opt/ml/model")
    lines = "\n".join(log(job))
    assert "Imported framework sagemaker_tensorflow_container.training" in lines
    assert "Invoking user training script." not in lines and "/bin/python train.py --epochs 3" in lines


def test_without_model_dir_the_region_is_the_jobs(train, sagemaker):
    job = train(SHOW, repository=TENSORFLOW)
    completed(sagemaker, job)
    assert shown(job)["args"] == [] and shown(job)["S3_REGION"] == "us-east-1"


def test_a_variable_of_the_job_does_not_change_those_of_the_image(account, sagemaker, s3, bucket, train):
    """The image sets them after the job's: ``s3_utils.configure`` asks for none."""
    job = train(SHOW, repository=TENSORFLOW)
    body = completed(sagemaker, job)
    again = {key: body[key] for key in ("AlgorithmSpecification", "RoleArn", "OutputDataConfig", "ResourceConfig")}
    spec = {key: body["AlgorithmSpecification"][key] for key in ("TrainingImage", "TrainingInputMode")}
    second = name("script")
    sagemaker.create_training_job(
        **again | {"AlgorithmSpecification": spec},
        TrainingJobName=second, HyperParameters=body["HyperParameters"], StoppingCondition=body["StoppingCondition"],
        Environment={"TF_CPP_MIN_LOG_LEVEL": "3"},
    )  # fmt: skip
    completed(sagemaker, second)
    assert shown(second)["TF_CPP_MIN_LOG_LEVEL"] == "1"


def test_a_bucket_that_is_not_there_fails_the_job_before_the_script(train, sagemaker):
    """The image asks for the bucket's region."""
    job = train(SHOW, repository=TENSORFLOW, model_dir="s3://no-bucket-of-this-name-here/model")
    reason = failure(sagemaker, job)
    assert reason.startswith("AlgorithmError: Framework Error: \nNoSuchBucket: ") and "GetBucketLocation" in reason
    assert not any(line.startswith('{"args"') for line in log(job))


@pytest.mark.parametrize(
    ("model_dir", "told"),
    [("s3://{bucket}/all", "s3://{bucket}/all/{job}/model"), ("/opt/ml/model", None), (None, "None/{job}/model")],
)
def test_the_jobs_of_a_tuning_job_get_folders_of_their_own(account, sagemaker, s3, bucket, model_dir, told):
    """``{model_dir}/{job}/model``, also of none; a path in the container stays."""
    tuning = name("tune")[:32]
    s3.put_object(Bucket=bucket, Key=f"{tuning}/code.tar.gz", Body=packed({"train.py": SHOW + "\n    print('loss=1')"}))
    static = {"sagemaker_program": "train.py", "sagemaker_submit_directory": f"s3://{bucket}/{tuning}/code.tar.gz"}
    if model_dir:
        static["model_dir"] = json.dumps(model_dir.format(bucket=bucket))
    sagemaker.create_hyper_parameter_tuning_job(
        HyperParameterTuningJobName=tuning,
        HyperParameterTuningJobConfig={
            "Strategy": "Grid",
            "ResourceLimits": {"MaxParallelTrainingJobs": 1},
            "HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": "loss"},
            "ParameterRanges": {"CategoricalParameterRanges": [{"Name": "units", "Values": ["8"]}]},
        },
        TrainingJobDefinition={
            "AlgorithmSpecification": {
                "TrainingImage": image(TENSORFLOW), "TrainingInputMode": "File",
                "MetricDefinitions": [{"Name": "loss", "Regex": "loss=([0-9.]+)"}],
            },
            "StaticHyperParameters": static,
            "RoleArn": account.account.role_arn,
            "OutputDataConfig": {"S3OutputPath": f"s3://{bucket}/models"},
            "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 5},
            "StoppingCondition": {"MaxRuntimeInSeconds": 60},
        },
    )  # fmt: skip
    describe = lambda: sagemaker.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=tuning)  # noqa: E731
    body = wait_until(describe, lambda body: body["HyperParameterTuningJobStatus"] != "InProgress", tuning)
    assert body["HyperParameterTuningJobStatus"] == "Completed", body
    job = body["BestTrainingJob"]["TrainingJobName"]
    wanted = (told or model_dir).format(bucket=bucket, job=job)
    hyperparameters = shown(job)["hps"]
    assert hyperparameters["units"] in ("8", 8) and hyperparameters["model_dir"].endswith(wanted)
    assert any(line.endswith(f"Appending the training job name to model_dir: {wanted}") for line in log(job))


WARNINGS = {
    "": "No model artifact is saved under path /opt/ml/model. Your training job will not save any model files to S3.",
    "weights.bin": "Your model will NOT be servable with SageMaker TensorFlow Serving container. The model artifact "
    "was not saved in the TensorFlow SavedModel directory structure:",
    "export/saved_model.pb": "Your model will NOT be servable with SageMaker TensorFlow Serving containers. "
    'The SavedModel bundle is under directory "export", not a numeric name.',
    "1/saved_model.pb": None,
}


@pytest.mark.parametrize("file", WARNINGS)
def test_what_cannot_be_served_is_warned_of_and_the_job_completes(train, sagemaker, file):
    code = f"""
        import os
        if {file!r}:
            path = os.path.join("/opt/ml/model", {file!r})
            os.makedirs(os.path.dirname(path), exist_ok=True)
            open(path, "w").close()
    """
    job = train(code, repository=TENSORFLOW)
    completed(sagemaker, job)
    warnings = [line for line in log(job) if " WARNING " in line]
    assert [line.partition(" WARNING  ")[2] for line in warnings] == ([WARNINGS[file]] if WARNINGS[file] else [])
    assert all("sagemaker_tensorflow_container.training" in line for line in warnings)


def test_a_script_that_fails_keeps_its_error_and_is_not_warned_about(train, sagemaker):
    job = train("print('so far')\nraise ValueError('Shapes (3,) and (4,) are incompatible')", repository=TENSORFLOW)
    assert failure(sagemaker, job) == (
        "AlgorithmError: ExecuteUserScriptError:\nExitCode 1\n"
        "ErrorMessage \"raise ValueError('Shapes (3,) and (4,) are incompatible')\n"
        ' ValueError: Shapes (3,) and (4,) are incompatible"\n'
        'Command "/bin/python train.py", exit code: 1'
    )
    assert not any(" WARNING " in line for line in log(job))


ABSENT = {"tensorflow.py": "raise ModuleNotFoundError(\"No module named 'tensorflow'\")"}
INSTALL = "pip install 'embedded-aws-account[tensorflow]'"


def test_without_tensorflow_a_training_job_says_what_to_install(train, sagemaker):
    reason = failure(sagemaker, train({"train.py": "import tensorflow"} | ABSENT, repository=TENSORFLOW))
    assert "TensorFlow is not in the environment" in reason and INSTALL in reason


def test_without_tensorflow_a_processing_job_says_what_to_install(sagemaker, s3, bucket):
    job = name("processing")
    request = processing.definition(s3, bucket, job, f"import sys\nsys.path.insert(0, '.')\n{ABSENT['tensorflow.py']}")
    request["AppSpecification"]["ImageUri"] = image(TENSORFLOW)
    sagemaker.create_processing_job(**request)
    assert processing.ended(sagemaker, job)["ProcessingJobStatus"] == "Failed"
    assert any(INSTALL in line for line in processing.log(job))


def test_the_serving_image_is_refused_by_name(account, sagemaker, train):
    uri = "763104351884.dkr.ecr.us-east-1.amazonaws.com/tensorflow-inference:2.19-cpu"
    for container in ({"Image": uri}, {"Image": image(TENSORFLOW)}):
        code, message = refusal(
            sagemaker.create_model,
            ModelName=name("no"), ExecutionRoleArn=account.account.role_arn, PrimaryContainer=container,
        )  # fmt: skip
        assert code == "ValidationException" and container["Image"] in message
        assert "is not implemented in the embedded AWS account" in message
    _, message = refusal(train, "", repository="tensorflow-inference")
    assert "tensorflow-inference" in message and "is not implemented in the embedded AWS account" in message


# With TensorFlow itself

CNN = """
    import argparse, os
    import numpy as np, tensorflow as tf

    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int)
    {argument}
    options = parser.parse_args()
    tf.keras.backend.set_floatx("float64")
    tf.keras.utils.set_random_seed(7)
    tf.config.experimental.enable_op_determinism()
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    digits = np.load(os.path.join(os.environ["SM_CHANNEL_TRAIN"], "digits.npz"))
    pictures, labels = digits["pictures"], digits["labels"]
    network = tf.keras.Sequential([
        tf.keras.layers.Input((8, 8, 1)),
        tf.keras.layers.Conv2D(8, 3, activation="relu"),
        tf.keras.layers.MaxPooling2D(),
        tf.keras.layers.Flatten(),
        tf.keras.layers.Dense(10, activation="softmax"),
    ])
    network.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    story = network.fit(pictures, labels, epochs=options.epochs, batch_size=32, verbose=0)
    print(f"train_loss={{story.history['loss'][-1]:.12f}} train_accuracy={{story.history['accuracy'][-1]:.4f}};")
    network.export("/opt/ml/model/1")
    np.save("/opt/ml/model/answers.npy", network.predict(pictures[:20], verbose=0))
"""
TAKES_MODEL_DIR = 'parser.add_argument("--model_dir")'


@pytest.fixture(scope="module")
def digits(tmp_path_factory) -> str:
    """600 of scikit-learn's digits, as a file; what the processing job below makes of its table."""
    from sklearn.datasets import load_digits

    table = load_digits()
    path = tmp_path_factory.mktemp("digits") / "digits.npz"
    np.savez(path, pictures=table.images[:600, ..., None] / 16, labels=table.target[:600])
    return str(path)


def estimator(account, session, bucket, folder, code: str, **settings):
    from sagemaker.tensorflow import TensorFlow

    (folder / "train.py").write_text(textwrap.dedent(code))
    return TensorFlow(
        entry_point="train.py", source_dir=str(folder), framework_version="2.19", py_version="py312",
        role=account.account.role_arn, instance_count=1, instance_type="ml.m5.large", sagemaker_session=session,
        output_path=f"s3://{bucket}/models", hyperparameters={"epochs": 30},
        metric_definitions=[{"Name": "accuracy", "Regex": "train_accuracy=([0-9.]+);"}],
        base_job_name=name("tensorflow"), **settings,
    )  # fmt: skip


@with_tensorflow
def test_a_network_of_the_sdk_is_trained_and_again_with_the_same_numbers(
    account, session, sagemaker, s3, bucket, digits, tmp_path
):
    uri = session.upload_data(digits, bucket, name("digits"))
    losses, answers = [], []
    for _ in range(2):
        learner = estimator(account, session, bucket, tmp_path, CNN.format(argument=TAKES_MODEL_DIR))
        learner.fit({"train": uri}, logs=False)
        body = learner.latest_training_job.describe()
        job = body["TrainingJobName"]
        assert json.loads(body["HyperParameters"]["model_dir"]).endswith(f"/{job}/model")
        assert body["FinalMetricDataList"][0]["Value"] > 0.85
        files = members(s3, learner.model_data)
        assert {"1/saved_model.pb", "1/variables/variables.index", "1/fingerprint.pb", "answers.npy"} <= set(files)
        assert not any(" WARNING " in line for line in log(job))
        losses += [line for line in log(job) if line.startswith("train_loss=")]
        answers.append(files["answers.npy"])
    assert losses[0] == losses[1] and answers[0] == answers[1]


@with_tensorflow
def test_a_script_that_does_not_take_model_dir(account, session, bucket, digits, tmp_path):
    """``TensorFlow`` sends it unless it is told not to, and argparse then ends the script with 2."""
    uri = session.upload_data(digits, bucket, name("digits"))
    learner = estimator(account, session, bucket, tmp_path, CNN.format(argument=""))
    with pytest.raises(Exception, match="ExecuteUserScriptError:\nExitCode 2"):
        learner.fit({"train": uri}, logs=False)
    lines = log(learner.latest_training_job.describe()["TrainingJobName"])
    assert any("error: unrecognized arguments: --model_dir s3://" in line for line in lines)
    learner = estimator(account, session, bucket, tmp_path, CNN.format(argument=""), model_dir=False)
    learner.fit({"train": uri}, logs=False)
    body = learner.latest_training_job.describe()
    assert body["TrainingJobStatus"] == "Completed" and "model_dir" not in body["HyperParameters"]


@with_tensorflow
def test_a_model_that_is_saved_to_model_dir_is_refused_with_a_way_out(train, sagemaker, bucket):
    """TensorFlow's own error, of a class that the toolkit does not look for: it stands in the log alone."""
    code = """
        import sys, tensorflow as tf
        tf.io.write_file(sys.argv[2] + "/weights", "1")
    """
    job = train(code, repository=TENSORFLOW, model_dir=f"s3://{bucket}/job/model", seconds=300)
    assert "ExitCode 1" in failure(sagemaker, job)
    lines = "\n".join(log(job))
    assert "File system scheme 's3' not implemented" in lines
    assert "Write to the folder in SM_MODEL_DIR, whose files SageMaker puts into S3, or use boto3." in lines


PREPARE = """
import tensorflow as tf

pages = tf.data.Dataset.list_files("/opt/ml/processing/input/pages/*.png", shuffle=False)
cells = pages.map(tf.io.read_file).map(lambda page: tf.io.decode_png(page, channels=1))
for number, cell in enumerate(cells):
    half = tf.image.resize(tf.cast(cell, tf.float64), (4, 4), method="area")
    tf.io.write_file(f"/opt/ml/processing/out/{number}.txt", tf.strings.as_string(tf.reduce_sum(half)))
print("read", len(cells), "pages with", tf.__version__)
"""


@with_tensorflow
def test_pictures_with_the_tensorflow_processor(session, s3, tmp_path, capsys):
    from PIL import Image
    from sagemaker.processing import ProcessingInput, ProcessingOutput
    from sagemaker.tensorflow import TensorFlowProcessor

    pages, code = tmp_path / "pages", tmp_path / "code"
    pages.mkdir()
    code.mkdir()
    for number in range(3):
        Image.fromarray(np.full((8, 8), 10 * number, dtype="uint8")).save(pages / f"{number}.png")
    (code / "prepare.py").write_text(PREPARE)
    processor = TensorFlowProcessor(
        framework_version="2.19", py_version="py312", role=processing.ROLE, instance_type="ml.m5.large",
        instance_count=1, sagemaker_session=session, base_job_name=name("pictures"),
    )  # fmt: skip
    processor.run(
        code="prepare.py", source_dir=str(code),
        inputs=[ProcessingInput(source=str(pages), destination="/opt/ml/processing/input/pages")],
        outputs=[ProcessingOutput(source="/opt/ml/processing/out", output_name="out")],
    )  # fmt: skip
    assert "read 3 pages with 2." in capsys.readouterr().out
    body = processor.latest_job.describe()
    assert "/tensorflow-training:2.19-cpu-py312" in body["AppSpecification"]["ImageUri"]
    target = body["ProcessingOutputConfig"]["Outputs"][0]["S3Output"]["S3Uri"]
    into, _, prefix = target.removeprefix("s3://").partition("/")
    found = processing.files(s3, into, prefix + "/")
    assert {key: float(value) for key, value in found.items()} == {"0.txt": 0, "1.txt": 160, "2.txt": 320}
