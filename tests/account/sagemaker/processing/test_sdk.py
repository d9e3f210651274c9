"""Processing jobs through the SageMaker SDK, as the lessons make them."""

from __future__ import annotations

import io
from pathlib import Path

import pandas as pd
import pytest

from support.processing import IMAGE, ROLE, TABLE, files


@pytest.fixture(scope="module")
def session(account):
    from local_aws.client.session import open_session

    return open_session()[0]


@pytest.fixture(scope="module")
def table(tmp_path_factory) -> str:
    path = tmp_path_factory.mktemp("table") / "table.csv"
    path.write_bytes(TABLE)
    return str(path)


PREPARE = """
import argparse
import os
import pandas as pd

parser = argparse.ArgumentParser()
parser.add_argument("--rows", type=int)
parser.add_argument("--test", default="/opt/ml/processing/test")
options = parser.parse_args()
table = pd.read_csv("/opt/ml/processing/input/table.csv")
table[: options.rows].to_csv("/opt/ml/processing/train/train.csv", index=False)
table[options.rows :].to_csv(os.path.join(options.test, "test.csv"), index=False)
print("divided", len(table), "rows;", os.environ.get("MOOD"), "in", os.environ.get("PLACE"))
"""


def divided(s3, job) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The tables that PREPARE has put into S3."""
    tables = []
    for output in job.describe()["ProcessingOutputConfig"]["Outputs"]:
        bucket, _, prefix = output["S3Output"]["S3Uri"].removeprefix("s3://").partition("/")
        (body,) = files(s3, bucket, prefix + "/").values()
        tables.append(pd.read_csv(io.BytesIO(body)))
    return tuple(tables)


def folders():
    from sagemaker.processing import ProcessingOutput

    return [ProcessingOutput(source=f"/opt/ml/processing/{each}", output_name=each) for each in ("train", "test")]


def test_a_script_with_the_scikit_learn_processor(session, s3, table, tmp_path, capsys):
    from sagemaker.processing import ProcessingInput, ProcessingJob
    from sagemaker.sklearn.processing import SKLearnProcessor

    (tmp_path / "prepare.py").write_text(PREPARE)
    processor = SKLearnProcessor(
        framework_version="1.2-1", role=ROLE, instance_type="ml.m5.large", instance_count=1,
        sagemaker_session=session, env={"MOOD": "content", "PLACE": "/opt/ml/processing/test"},
        max_runtime_in_seconds=600, tags=[{"Key": "owner", "Value": "tests"}],
    )  # fmt: skip
    processor.run(
        code=str(tmp_path / "prepare.py"),
        inputs=[ProcessingInput(source=table, destination="/opt/ml/processing/input")],
        outputs=folders(),
        arguments=["--rows", "2", "--test", "/opt/ml/processing/test"],
    )
    assert "divided 3 rows; content in /opt/ml/processing/test\n" in capsys.readouterr().out
    train, test = divided(s3, processor.latest_job)
    assert list(train.age) == [19, 33] and list(test.charges) == [9.5]
    body = processor.latest_job.describe()
    assert body["ProcessingJobStatus"] == "Completed" and body["AppSpecification"]["ImageUri"] == IMAGE
    assert body["StoppingCondition"] == {"MaxRuntimeInSeconds": 600}
    found = ProcessingJob.from_processing_arn(session, body["ProcessingJobArn"])
    assert [each.source for each in found.outputs] == ["/opt/ml/processing/train", "/opt/ml/processing/test"]
    assert session.sagemaker_client.list_tags(ResourceArn=body["ProcessingJobArn"])["Tags"] == [
        {"Key": "owner", "Value": "tests"}
    ]


def test_a_script_with_a_command_of_ones_own_and_no_log(session, s3, table, tmp_path, capsys):
    from sagemaker.processing import ProcessingInput, ScriptProcessor

    (tmp_path / "prepare.py").write_text(PREPARE)
    processor = ScriptProcessor(
        role=ROLE, image_uri=IMAGE, command=["python3", "-u", "-X", "utf8"], instance_type="ml.m5.large",
        instance_count=1, sagemaker_session=session,
    )  # fmt: skip
    processor.run(
        code=str(tmp_path / "prepare.py"),
        inputs=[ProcessingInput(source=str(Path(table).parent), destination="/opt/ml/processing/input")],
        outputs=folders(),
        arguments=["--rows", "1"],
        logs=False,
    )
    assert "divided" not in capsys.readouterr().out
    train, test = divided(s3, processor.latest_job)
    assert list(train.age) == [19] and list(test.age) == [33, 64]


def test_a_folder_of_sources_with_the_framework_processor(session, s3, table, tmp_path, capsys):
    """Its entry point is a shell script of the SDK's, which unpacks the folder."""
    from sagemaker.processing import FrameworkProcessor, ProcessingInput
    from sagemaker.sklearn.estimator import SKLearn

    (tmp_path / "own.py").write_text("WORD = 'imported from'\n")
    (tmp_path / "prepare.py").write_text(f"{PREPARE}\nimport own\nprint(own.WORD, own.__file__)\n")
    processor = FrameworkProcessor(
        SKLearn, "1.2-1", role=ROLE, instance_type="ml.m5.large", instance_count=1, sagemaker_session=session
    )
    processor.run(
        code="prepare.py",
        source_dir=str(tmp_path),
        inputs=[ProcessingInput(source=table, destination="/opt/ml/processing/input")],
        outputs=folders(),
        arguments=["--rows", "2"],
    )
    assert "imported from /opt/ml/processing/input/code/own.py\n" in capsys.readouterr().out
    assert [len(each) for each in divided(s3, processor.latest_job)] == [2, 1]


def test_a_script_that_raises_through_the_sdk(session, tmp_path, capsys):
    from sagemaker.exceptions import UnexpectedStatusException
    from sagemaker.sklearn.processing import SKLearnProcessor

    (tmp_path / "fails.py").write_text("import csv\nprint('begins')\nopen('/opt/ml/processing/input/none.csv')\n")
    processor = SKLearnProcessor(
        framework_version="1.2-1", role=ROLE, instance_type="ml.m5.large", instance_count=1, sagemaker_session=session
    )
    for logs in (True, False):
        with pytest.raises(UnexpectedStatusException) as raised:
            processor.run(code=str(tmp_path / "fails.py"), logs=logs)
        assert "Failed. Reason: AlgorithmError: , exit code: 1." in str(raised.value)
        shown = capsys.readouterr().out
        assert ('File "/opt/ml/processing/input/code/fails.py", line 3' in shown) == logs
        assert ("No such file or directory: '/opt/ml/processing/input/none.csv'" in shown) == logs
