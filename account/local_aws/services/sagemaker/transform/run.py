"""One transform job at work: the model loaded, every object sent through it, the answers kept in S3.

The model answers as an endpoint's does.  Reference: the developer guide, "Use
batch transform to get inferences from large datasets" and "How Containers Serve Requests" (of batch
transform); the lines of ``data-log`` are those that jobs on AWS have written.
"""

from __future__ import annotations

import gzip
import secrets
import threading
import zlib
from datetime import UTC, datetime
from pathlib import Path

from local_aws.core import clock
from local_aws.core.errors import AwsError
from local_aws.core.job_failure import JobFailure
from local_aws.services.s3.records import S3Object
from local_aws.services.s3.uris import split_uri
from local_aws.services.sagemaker.hosting import inference_pipeline
from local_aws.services.sagemaker.hosting.inference_pipeline import containers_of
from local_aws.services.sagemaker.hosting.model_source import Source
from local_aws.services.sagemaker.hosting.served_model import STOP_GRACE, BatchModel, Lines, Unhealthy
from local_aws.services.sagemaker.hosting.serving import image_of
from local_aws.services.sagemaker.jobs.job import JobRun, Jobs
from local_aws.services.sagemaker.kinds import TRANSFORM_JOB
from local_aws.services.sagemaker.resources import now

from .data import DataError, Processing, batches, split

DEFAULTS = {"MaxConcurrentTransforms": 1, "MaxPayloadInMB": 6, "BatchStrategy": "MULTI_RECORD"}
STRATEGIES = {"MultiRecord": "MULTI_RECORD", "SingleRecord": "SINGLE_RECORD"}
# AWS's, unless ModelClientConfig names others: how often a request is tried again, and the seconds that each may take.
CLIENT = {"InvocationsMaxRetries": 3, "InvocationsTimeoutInSeconds": 600}
SEE_LOGS = "See job logs for more information"


class _Stopped(Exception):
    """The job was stopped in the middle of an object."""


class _Refused(Exception):
    """The model's container refused a payload; the lines are for the job's log."""

    def __init__(self, status: int, text: str) -> None:
        client = 400 <= status < 500
        self.whose = "ClientError" if client else "AlgorithmError"
        said = f"ClientError: {status}" if client else f"Bad HTTP status received from algorithm: {status}"
        self.lines = [said, "", "Message:", *text.splitlines()] if status else ["Unable to get response from algorithm"]


class TransformRun(JobRun):
    """One transform job at work."""

    def __init__(
        self,
        jobs: Jobs,
        name: str,
        model: dict,
        inputs: list[tuple[S3Object, str]],
        processing: Processing,
    ) -> None:
        super().__init__(jobs, name)
        self.containers = containers_of(model)
        self.role, self.isolated = model["ExecutionRoleArn"], model["EnableNetworkIsolation"]
        self.inputs = inputs
        self.processing = processing
        self.body = jobs.resources.get(TRANSFORM_JOB, name)
        self.stream = f"{name}/i-{secrets.token_hex(8)}-{int(clock.now())}"
        self.model: BatchModel | None = None
        self.client = CLIENT | self.body.get("ModelClientConfig", {})

    def stopping(self, body: dict, at: float) -> dict:
        if self.model:
            # Not awaited here: the account answers no other request while a stop is asked for.
            threading.Thread(target=self.model.stop, args=(STOP_GRACE,), daemon=True).start()
        return {}

    def abandon(self) -> None:
        self.abandoned = True
        if self.model:
            self.model.stop(0)

    def live(self) -> None:
        with self.instance() as granted:
            if not granted:
                return self.end("Stopped")
            self.jobs.resources.update(TRANSFORM_JOB, self.job, TransformStartTime=now())
            if reason := self.lost_role():
                return self.end("Failed", reason)
            try:
                status, reason = self._transform_all()
            except _Stopped:
                status, reason = "Stopped", None
            finally:
                if self.model:
                    self.model.stop(STOP_GRACE)
            if not self.abandoned:
                self.end(status, reason)

    def _transform_all(self) -> tuple[str, str | None]:
        """Send every object through the model; the job's status and FailureReason."""
        try:
            model = self._load()
        except JobFailure as failure:
            return "Failed", str(failure)
        asked = self._parameters(model)
        self._data_log(", ".join(f"{key}={asked[key]}" for key in DEFAULTS))
        answers = [self.root / str(number) for number in range(len(self.inputs))]
        reasons = [
            self._transform(model, asked, each, folder) for (each, _), folder in zip(self.inputs, answers, strict=True)
        ]
        self._check_stop()  # for the last time: a job that is stopped leaves nothing in S3, else all is there
        reasons += [
            self._upload(each, name, folder / "output")
            for (each, name), folder, reason in zip(self.inputs, answers, reasons, strict=True)
            if not reason
        ]
        failed = [reason for reason in reasons if reason]
        return ("Failed", failed[0]) if failed else ("Completed", None)

    def _load(self) -> BatchModel:
        """The job's model, its container told that it serves a batch; JobFailure has a FailureReason."""
        environment = {"SAGEMAKER_BATCH": "true"}
        for name, variable in (
            ("MaxPayloadInMB", "SAGEMAKER_MAX_PAYLOAD_IN_MB"),
            ("MaxConcurrentTransforms", "SAGEMAKER_MAX_CONCURRENT_TRANSFORMS"),
        ):
            if self.body.get(name):
                environment[variable] = str(self.body[name])
        if self.body.get("BatchStrategy"):
            environment["SAGEMAKER_BATCH_STRATEGY"] = STRATEGIES[self.body["BatchStrategy"]]
        sources, timeout = [], self.client["InvocationsTimeoutInSeconds"]
        try:
            for name, container in self.containers:
                known = {**container.get("Environment", {}), **self.body.get("Environment", {}), **environment}
                uri, url = container["Image"], container.get("ModelDataUrl")
                place = self.root / "model" / name
                source = Source(uri, place, url, known, timeout=timeout, role=self.role, isolated=self.isolated)
                source.fetch(self.jobs.objects)
                sources.append((name, source))
                if len(self.containers) == 1 and image_of(source).load:
                    self._write(self.stream)([(clock.now(), "Docker entrypoint called with argument(s): serve")])
            sessions, root = self.jobs.resources.roles.sessions, self.root / "container"
            self.model = inference_pipeline.begin(sources, root, sessions, self.stream, self._write)
            self._check_stop()
            self.model.wait_until_ready()
        except Unhealthy:
            self._check_stop()
            raise JobFailure(f"AlgorithmError: {SEE_LOGS}") from None
        except JobFailure as failure:
            raise JobFailure(f"ClientError: {failure}") from None
        return self.model

    def _check_stop(self) -> None:
        if self.stop_wanted.is_set() or self.abandoned:
            raise _Stopped

    def _parameters(self, model: BatchModel) -> dict:
        """What holds of the job: what was asked for, else what the container says, else AWS's defaults."""
        asked = {key: self.body[key] for key in DEFAULTS if self.body.get(key)}
        if "BatchStrategy" in asked:
            asked["BatchStrategy"] = STRATEGIES[asked["BatchStrategy"]]
        return DEFAULTS | model.execution_parameters() | asked

    def _transform(self, model: BatchModel, asked: dict, each: S3Object, folder: Path) -> str | None:
        """Send one object through the model, the answers to ``folder``; a FailureReason if that cannot be done."""
        source = self.body["TransformInput"]
        folder.mkdir(parents=True)
        given, kept = folder / "input", folder / "output"
        whose, lines = "ClientError", []
        try:
            self.jobs.objects.link(each, given)
            opener = gzip.open if source["CompressionType"] == "Gzip" else open
            with opener(given, "rb") as stream, kept.open("wb") as out:
                limit = asked["MaxPayloadInMB"] * 1024**2
                records = split(stream, source["SplitType"], limit)
                single = asked["BatchStrategy"] == "SINGLE_RECORD"
                glue = b"\n" if source["SplitType"] == "Line" else b""
                for taken, payload in batches(records, self.processing, single, limit, glue):
                    self._check_stop()
                    out.write(self._answer(model, taken, payload))
        except _Refused as refusal:
            whose, lines = refusal.whose, refusal.lines
        except DataError as error:
            lines = [str(error)]
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            lines = [f"Failed to decompress the object: {error}"]
        except AwsError as error:
            lines = [f"{error.code}: {error.message}"]
        finally:
            given.unlink(missing_ok=True)
        if lines:
            kept.unlink(missing_ok=True)
        return self._failed(each, whose, lines)

    def _upload(self, each: S3Object, name: str, answers: Path) -> str | None:
        """Bring the answers for one object to S3; a FailureReason if that cannot be done."""
        bucket, prefix = split_uri(self.body["TransformOutput"]["S3OutputPath"])
        lines = []
        try:
            self.jobs.objects.put_file(bucket, f"{prefix.rstrip('/')}/{name}.out".lstrip("/"), answers)
        except AwsError as error:
            lines = [f"{error.code}: {error.message}"]
        return self._failed(each, "ClientError", lines)

    def _failed(self, each: S3Object, whose: str, lines: list[str]) -> str | None:
        """Tell the job's log why an object failed; its FailureReason, None if there are no lines."""
        self._data_log(*(f"{each.bucket}/{each.key}: {line}" for line in lines))
        return f"{whose}: {SEE_LOGS}" if lines else None

    def _answer(self, model: BatchModel, records: list[bytes], payload: bytes) -> bytes:
        """What is kept of the model's answer to one payload."""
        output = self.body["TransformOutput"]
        for _ in range(1 + self.client["InvocationsMaxRetries"]):
            answer = model.invoke(payload, self.body["TransformInput"].get("ContentType"), output.get("Accept"), None)
            self._check_stop()
            if answer.good or 400 <= answer.status < 500:  # what the model refuses it refuses again
                break
        if not answer.good:
            raise _Refused(answer.status, answer.body.decode(errors="replace"))
        if self.processing.of_output:
            return self.processing.output(records, answer.body)
        ended = output["AssembleWith"] == "None" or answer.body.endswith(b"\n")
        return answer.body if ended else answer.body + b"\n"

    def _write(self, stream: str) -> Lines:
        return lambda lines: self.jobs.logs.write(TRANSFORM_JOB.log_group, stream, lines)

    def _data_log(self, *lines: str) -> None:
        at = clock.now()
        stamp = datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").removesuffix("+00:00")
        if lines:
            events = [(at, f"{stamp}:[sagemaker logs]: {line}") for line in lines]
            self.jobs.logs.write(TRANSFORM_JOB.log_group, f"{self.stream}/data-log", events)

    def end(self, status: str, reason: str | None = None, **changes: object) -> None:
        with self.state:  # a stop that comes when all is in S3 comes too late
            self.jobs.finish(self.job, status, reason, **changes)
