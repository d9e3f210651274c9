"""A TransformJob at work: the model loaded, every object sent through it, the answers uploaded to S3.

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
from typing import Any

from local_aws.core import clock
from local_aws.core.errors import AwsError
from local_aws.core.job_failure import JobFailure
from local_aws.images import ModelImages
from local_aws.services.s3.records import S3Object
from local_aws.services.s3.uris import split_uri
from local_aws.services.sagemaker.hosting import inference_pipeline
from local_aws.services.sagemaker.hosting.inference_pipeline import containers_of
from local_aws.services.sagemaker.hosting.model_source import ModelSource
from local_aws.services.sagemaker.hosting.served_model import STOP_GRACE, BatchModel, Unhealthy, WriteLog
from local_aws.services.sagemaker.hosting.serving import image_of
from local_aws.services.sagemaker.jobs.inputs import InputFile
from local_aws.services.sagemaker.jobs.job import JobRun, Jobs
from local_aws.services.sagemaker.kinds import TRANSFORM_JOB
from local_aws.services.sagemaker.resources import now

from .data import DataError, DataProcessing, batches, split

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
        self.error_type = "ClientError" if client else "AlgorithmError"
        outcome = f"ClientError: {status}" if client else f"Bad HTTP status received from algorithm: {status}"
        self.lines = (
            [outcome, "", "Message:", *text.splitlines()] if status else ["Unable to get response from algorithm"]
        )


class TransformRun(JobRun):
    """One transform job at work; each file of ``inputs`` becomes an object PATH.out below the S3OutputPath."""

    def __init__(
        self,
        jobs: Jobs,
        name: str,
        model: dict[str, Any],
        inputs: list[InputFile],
        processing: DataProcessing,
        images: ModelImages,
    ) -> None:
        super().__init__(jobs, name)
        self.containers = containers_of(model)
        self.role, self.isolated = model["ExecutionRoleArn"], model["EnableNetworkIsolation"]
        self.inputs = inputs
        self.processing = processing
        self.images = images
        self.body = jobs.resources.get(TRANSFORM_JOB, name)
        self.stream = f"{name}/i-{secrets.token_hex(8)}-{int(clock.now())}"
        self.model: BatchModel | None = None
        self.client = CLIENT | self.body.get("ModelClientConfig", {})

    def stopping(self, body: dict[str, Any], at: float) -> dict[str, Any]:
        """Stop the model in a thread of its own; nothing but the status changes in the description."""
        if self.model:
            # Not awaited here: the account answers no other request while a stop is asked for.
            threading.Thread(target=self.model.stop, args=(STOP_GRACE,), daemon=True).start()
        return {}

    def abandon(self) -> None:
        """Kill the model's containers without a word of it: the account is going down."""
        self.abandoned = True
        if self.model:
            self.model.stop(0)

    def live(self) -> None:
        """Load the model, send every object through it and upload the answers."""
        with self.instance() as granted:
            if not granted:
                self.end("Stopped")
                return
            self.jobs.resources.update(TRANSFORM_JOB, self.job, TransformStartTime=now())
            if reason := self.lost_role():
                self.end("Failed", reason)
                return
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
        parameters = self._parameters(model)
        self._data_log(", ".join(f"{key}={parameters[key]}" for key in DEFAULTS))
        folders = [self.root / str(number) for number in range(len(self.inputs))]
        reasons = [
            self._transform(model, parameters, item, folder)
            for (item, _), folder in zip(self.inputs, folders, strict=True)
        ]
        self._check_stop()  # for the last time: a job that is stopped leaves nothing in S3, else all is there
        reasons += [
            self._upload(item, path, folder / "output")
            for (item, path), folder, reason in zip(self.inputs, folders, reasons, strict=True)
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
                variables = {**container.get("Environment", {}), **self.body.get("Environment", {}), **environment}
                uri, url = container["Image"], container.get("ModelDataUrl")
                place = self.root / "model" / name
                source = ModelSource(
                    uri, place, url, variables, timeout=timeout, role=self.role, isolated=self.isolated
                )
                source.fetch(self.jobs.objects)
                sources.append((name, source))
                if len(self.containers) == 1 and image_of(source, self.images).load:
                    self._write(self.stream)([(clock.now(), "Docker entrypoint called with argument(s): serve")])
            sessions, root = self.jobs.resources.roles.sessions, self.root / "container"
            self.model = inference_pipeline.begin(sources, root, self.images, sessions, self.stream, self._write)
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

    def _parameters(self, model: BatchModel) -> dict[str, Any]:
        """MaxConcurrentTransforms, MaxPayloadInMB and BatchStrategy: as requested, else the container's, else AWS's."""
        requested = {key: self.body[key] for key in DEFAULTS if self.body.get(key)}
        if "BatchStrategy" in requested:
            requested["BatchStrategy"] = STRATEGIES[requested["BatchStrategy"]]
        return DEFAULTS | model.execution_parameters() | requested

    def _transform(self, model: BatchModel, parameters: dict[str, Any], item: S3Object, folder: Path) -> str | None:
        """Send one object through the model, the answers to ``folder``; a FailureReason if that cannot be done."""
        source = self.body["TransformInput"]
        folder.mkdir(parents=True)
        records_file, answers_file = folder / "input", folder / "output"
        error_type = "ClientError"
        lines: list[str] = []
        try:
            self.jobs.objects.link(item, records_file)
            opener = gzip.open if source["CompressionType"] == "Gzip" else open
            with opener(records_file, "rb") as stream, answers_file.open("wb") as out:
                limit = parameters["MaxPayloadInMB"] * 1024**2
                records = split(stream, source["SplitType"], limit)
                single = parameters["BatchStrategy"] == "SINGLE_RECORD"
                glue = b"\n" if source["SplitType"] == "Line" else b""
                for batch, payload in batches(records, self.processing, single, limit, glue):
                    self._check_stop()
                    out.write(self._answer(model, batch, payload))
        except _Refused as refusal:
            error_type, lines = refusal.error_type, refusal.lines
        except DataError as error:
            lines = [str(error)]
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            lines = [f"Failed to decompress the object: {error}"]
        except AwsError as error:
            lines = [f"{error.code}: {error.message}"]
        finally:
            records_file.unlink(missing_ok=True)
        if lines:
            answers_file.unlink(missing_ok=True)
        return self._failed(item, error_type, lines)

    def _upload(self, item: S3Object, path: str, answers: Path) -> str | None:
        """Bring the answers for one object to S3; a FailureReason if that cannot be done."""
        bucket, prefix = split_uri(self.body["TransformOutput"]["S3OutputPath"])
        lines = []
        try:
            self.jobs.objects.put_file(bucket, f"{prefix.rstrip('/')}/{path}.out".lstrip("/"), answers)
        except AwsError as error:
            lines = [f"{error.code}: {error.message}"]
        return self._failed(item, "ClientError", lines)

    def _failed(self, item: S3Object, error_type: str, lines: list[str]) -> str | None:
        """Tell the job's log why an object failed; its FailureReason, None if there are no lines."""
        self._data_log(*(f"{item.bucket}/{item.key}: {line}" for line in lines))
        return f"{error_type}: {SEE_LOGS}" if lines else None

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

    def _write(self, stream: str) -> WriteLog:
        return lambda lines: self.jobs.logs.write(TRANSFORM_JOB.log_group, stream, lines)

    def _data_log(self, *lines: str) -> None:
        at = clock.now()
        stamp = datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").removesuffix("+00:00")
        if lines:
            events = [(at, f"{stamp}:[sagemaker logs]: {line}") for line in lines]
            self.jobs.logs.write(TRANSFORM_JOB.log_group, f"{self.stream}/data-log", events)

    def end(self, status: str, reason: str | None = None, **changes: object) -> None:
        """Give the job its last state, as ``Jobs.finish``; a stop that comes when all is in S3 comes too late."""
        with self.state:  # a stop that comes when all is in S3 comes too late
            self.jobs.finish(self.job, status, reason, **changes)
