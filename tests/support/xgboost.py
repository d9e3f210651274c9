"""Jobs of the built-in XGBoost on small tables, for the tests of several modules."""

from __future__ import annotations

import boto3
import xgboost

from support import training

IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:3.0-5"
FIRST_IMAGE = "811284229777.dkr.ecr.us-east-1.amazonaws.com/xgboost"
GROUP = "/aws/sagemaker/TrainingJobs"


def image(release: str) -> str:
    return f"{FIRST_IMAGE}:1" if release == "0.72" else IMAGE.replace("3.0-5", release)


class Jobs:
    """Jobs of an account, whose channels lie in its bucket."""

    def __init__(self, account, sagemaker, s3, bucket: str) -> None:
        self._account, self._sagemaker, self._s3, self._bucket = account, sagemaker, s3, bucket

    def start(
        self,
        given: dict[str, str],
        channels: dict[str, dict[str, bytes]],
        content_type: str | None = "text/csv",
        image: str = IMAGE,
    ) -> str:
        """Begin a job on channels of files, given as {"train": {"a.csv": bytes}}; its name."""
        job = training.name("xgboost")
        for channel, files in channels.items():
            for file, body in files.items():
                self._s3.put_object(Bucket=self._bucket, Key=f"{job}/{channel}/{file}", Body=body)
        places = [
            training.channel(f"s3://{self._bucket}/{job}/{channel}/", channel, content_type=content_type)
            for channel in channels
        ]
        request = training.definition(self._account, job, *places, bucket=self._bucket, hyperparameters=given)
        request["AlgorithmSpecification"]["TrainingImage"] = image
        self._sagemaker.create_training_job(**request)
        return job

    def run(self, *args, **kwargs) -> tuple[dict, list[str]]:
        """A job from its beginning to its end: its description and the lines of its log."""
        body = training.ended(self._sagemaker, self.start(*args, **kwargs))
        logs = boto3.client("logs")
        (stream,) = logs.describe_log_streams(logGroupName=GROUP, logStreamNamePrefix=body["TrainingJobName"])[
            "logStreams"
        ]
        events = logs.get_log_events(logGroupName=GROUP, logStreamName=stream["logStreamName"], startFromHead=True)[
            "events"
        ]
        return body, [event["message"] for event in events]

    def artifact(self, body: dict) -> bytes:
        """The model file of a job that has ended."""
        files = training.members(self._s3, body["ModelArtifacts"]["S3ModelArtifacts"])
        assert list(files) == ["xgboost-model"]
        return files["xgboost-model"]

    def booster(self, body: dict) -> xgboost.Booster:
        """The model of a job whose release does not pickle it."""
        return xgboost.Booster(model_file=bytearray(self.artifact(body)))


def rounds(lines: list[str]) -> list[str]:
    """The lines of a log that tell of a round."""
    return [line for line in lines if line.startswith("[") and "#011" in line]
