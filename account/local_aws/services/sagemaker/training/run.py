"""A TrainingJob at work: its input laid out, its containers watched, its log and metrics kept, its model uploaded.

Reference: the developer guide, "How Amazon SageMaker Provides Training Information" and "How Amazon
SageMaker Processes Training Output".
"""

from __future__ import annotations

import gzip
import itertools
import json
import shutil
import socket
import zlib
from dataclasses import dataclass, field
from io import BufferedIOBase
from pathlib import Path
from typing import Any

from local_aws.containers import script_container
from local_aws.containers.container import Container
from local_aws.containers.image import Image
from local_aws.containers.lifeline import PEER_LOST
from local_aws.containers.role_sessions import Session
from local_aws.containers.script_mode.environment import module_dir
from local_aws.core import clock
from local_aws.core.errors import AwsError
from local_aws.core.job_failure import JobFailure
from local_aws.services.cloudwatch import Metrics
from local_aws.services.sagemaker.jobs import artifacts
from local_aws.services.sagemaker.jobs.inputs import InputFile, fetch_code, place_below, shard
from local_aws.services.sagemaker.jobs.job import MAX_REASON, JobRun, Jobs
from local_aws.services.sagemaker.kinds import TRAINING_JOB
from local_aws.services.sagemaker.resources import Resources, now, now_after

from .metrics import TrainingMetrics
from .pipe_mode import Pipe

PIPE = "Pipe"
# AWS's words, of public training jobs: aws/sagemaker-python-sdk, issue 1968.
NO_IMAGE = "Cannot pull algorithm container. Either the image does not exist or its permissions are incorrect."
TOO_LONG = "MaxRuntimeExceeded"  # the secondary status of a job that was stopped for its time limit
DRIVERS = "sm_drivers"  # the channel in which version 3 of the SageMaker SDK sends programs of its own
# A training job's log shows a control character by its octal number: #011 is a tab.
CONTROL = {code: f"#{code:03o}" for code in (*range(32), 127)}


@dataclass
class Host:
    """An instance of a job: its container's root, its channels' files by the channels' names, and its FIFOs."""

    name: str
    root: Path
    channels: dict[str, list[InputFile]]
    pipes: list[Pipe] = field(default_factory=list)

    @property
    def base(self) -> Path:
        """What stands for ``/opt/ml``."""
        return self.root / "opt" / "ml"


class TrainingRun(JobRun):
    """One training job at work on its ``hosts``, of which the first one writes the model."""

    def __init__(
        self,
        jobs: Jobs,
        name: str,
        image: Image,
        channels: dict[str, list[InputFile]],
        metrics: Metrics,
    ) -> None:
        super().__init__(jobs, name)
        if image.script_mode:
            self.root = script_container.root_folder(self.root)
        self.image = image
        self.archive = ""  # the file of the user's code, once it is here
        body = jobs.resources.get(TRAINING_JOB, name)
        self.hosts = self._make_hosts(body, channels)
        self.base = self.hosts[0].base  # the first host writes the model
        self.metrics = TrainingMetrics(metrics, name, body["AlgorithmSpecification"]["MetricDefinitions"])

    def stopping(self, body: dict[str, Any], at: float) -> dict[str, Any]:
        """The job's secondary status and its next transition when it is to stop."""
        return {
            "SecondaryStatus": "Stopping",
            "SecondaryStatusTransitions": next_phase(body, "Stopping", "Stopping the training job", at),
        }

    def live(self) -> None:
        """Download the input, run the containers and upload the artifact, with a secondary status for each phase."""
        self._message("Preparing the instances for training")
        with self.instance() as granted:
            if not granted:
                self._end("Stopped")
                return
            body = self.jobs.resources.update(TRAINING_JOB, self.job, TrainingStartTime=now())
            if reason := self.lost_role():
                self._end("Failed", reason)
                return
            self._enter("Downloading", "Downloading input data")
            try:
                for host in self.hosts:
                    self._lay_out(body, host)
            except JobFailure as failure:
                self._end("Failed", f"ClientError: Data download failed: {failure}")
                return
            self._message("Downloading the training image")
            if self.image.missing:
                self._end("Failed", f"ClientError: {NO_IMAGE}")
                return
            if self.stop_wanted.is_set():
                self._end("Stopped")
                return
            self._enter("Training", "Training image download completed. Training in progress.")
            try:
                with self.session(body["EnableNetworkIsolation"]) as session:
                    secondary, reason = self._train(body, session)
            except script_container.NoSuchProgram as error:
                secondary, reason = "Failed", f"AlgorithmError: {error}"
            if self.abandoned:
                return
            # A stopped job keeps what it had saved, as on AWS.
            saved = artifacts.holds_anything(self.base / "model")
            if secondary == "Completed" or (secondary != "Failed" and saved):
                self._enter("Uploading", "Uploading generated training model")
                try:
                    artifacts.upload(self.jobs.objects, body, self.base, self.root)
                except JobFailure as failure:
                    secondary, reason = "Failed", f"ClientError: {failure}"
            self._end(secondary, reason)

    def _make_hosts(self, body: dict[str, Any], channels: dict[str, list[InputFile]]) -> list[Host]:
        count = body["ResourceConfig"]["InstanceCount"]
        sources = {
            channel["ChannelName"]: channel["DataSource"]["S3DataSource"] for channel in body.get("InputDataConfig", [])
        }
        hosts = []
        for number in range(count):
            name = f"algo-{number + 1}"
            own = {channel: shard(files, sources[channel], number, count) for channel, files in channels.items()}
            hosts.append(Host(name, self.root / name if count > 1 else self.root, own))
        return hosts

    def _lay_out(self, body: dict[str, Any], host: Host) -> None:
        for part in ("input/config", "input/data", "model", "output/data"):
            (host.base / part).mkdir(parents=True)
        names = [other.name for other in self.hosts]
        configuration = {
            "hyperparameters": body.get("HyperParameters", {}),
            "inputdataconfig": {
                channel["ChannelName"]: {
                    "TrainingInputMode": input_mode(channel, body),
                    "S3DistributionType": channel["DataSource"]["S3DataSource"].get(
                        "S3DataDistributionType", "FullyReplicated"
                    ),
                    "RecordWrapperType": channel.get("RecordWrapperType", "None"),
                    **({"ContentType": channel["ContentType"]} if channel.get("ContentType") else {}),
                }
                for channel in body.get("InputDataConfig", [])
            },
            "resourceconfig": {
                "current_host": host.name,
                "current_instance_type": body["ResourceConfig"]["InstanceType"],
                "current_group_name": "homogeneousCluster",
                "hosts": names,
                "instance_groups": [
                    {
                        "instance_group_name": "homogeneousCluster",
                        "instance_type": body["ResourceConfig"]["InstanceType"],
                        "hosts": names,
                    }
                ],
                "network_interface_name": "eth0",
            },
        }
        for name, content in configuration.items():
            (host.base / "input" / "config" / f"{name}.json").write_text(json.dumps(content))
        config = body.get("InputDataConfig", [])
        compressed = {channel["ChannelName"] for channel in config if channel.get("CompressionType") == "Gzip"}
        piped = {channel["ChannelName"]: channel for channel in config if input_mode(channel, body) == PIPE}
        for name, files in host.channels.items():
            if name in piped:
                self._lay_pipe(piped[name], files, host)
                continue
            folder = host.base / "input" / "data" / name
            folder.mkdir(parents=True)
            for item, path in files:
                place = f"s3://{item.bucket}/{item.key} in the channel '{name}'"
                target = place_below(folder, path, place, "channel")
                try:
                    self.jobs.objects.link(item, target)
                    if name in compressed:
                        with gzip.open(target, "rb") as decompressed:
                            _replace(target, self.root / "decompressed", decompressed)
                    elif self.image.script_mode:
                        # A script may write on what it was given; S3's own bytes stay as they are.
                        with target.open("rb") as original:
                            _replace(target, self.root / "copied", original)
                except (OSError, EOFError, zlib.error, AwsError) as error:
                    raise JobFailure(f"{place}: {getattr(error, 'strerror', None) or error}.") from None
        if self.image.script_mode:
            script_container.lay_out(self.root)
            if self.image.own:
                self.image.own.lay_down(self.root)
            if body["AlgorithmSpecification"].get("ContainerEntrypoint"):
                self._reroot_programs(host.base / "input" / "data")
            self._fetch_code(module_dir(body.get("HyperParameters", {})))

    def _reroot_programs(self, data: Path) -> None:
        """Exchange the paths in what the job's own entry point runs: a shell's scripts, and the SDK's drivers.

        Version 3 of the SageMaker SDK sends its drivers in a channel; they write paths into a file for a shell.
        """
        for file in [*data.glob("**/*.sh"), *data.glob(f"{DRIVERS}/**/*.py")]:
            script_container.reroot(file, self.root)

    def _fetch_code(self, uri: str) -> None:
        """Bring the archive of the user's code here, if it is in S3."""
        if fetch_code(uri, self.jobs.objects, self.root / "sourcedir.tar.gz"):
            self.archive = str(self.root / "sourcedir.tar.gz")

    def _lay_pipe(self, channel: dict[str, Any], files: list[InputFile], host: Host) -> None:
        """Lay the FIFO of a channel, and beside the container's folders the objects that it is fed with."""
        name = channel["ChannelName"]
        streamed: list[tuple[Path, str]] = []
        for number, (item, _) in enumerate(files):
            place = f"s3://{item.bucket}/{item.key} in the channel '{name}'"
            path = host.root / "streamed" / name / str(number)
            try:
                self.jobs.objects.link(item, path)
            except (OSError, AwsError) as error:
                raise JobFailure(f"{place}: {getattr(error, 'strerror', None) or error}.") from None
            streamed.append((path, place))
        gzipped, wrapped = channel.get("CompressionType") == "Gzip", channel.get("RecordWrapperType") == "RecordIO"
        host.pipes.append(Pipe(host.base / "input" / "data", name, streamed, gzipped, wrapped))

    def _train(self, body: dict[str, Any], session: Session) -> tuple[str, str | None]:
        """Run the containers; the job's last secondary status and its FailureReason."""
        pairs = [socket.socketpair() for _ in self.hosts[1:]]
        try:
            containers = [self._start(body, session, self.hosts[0], [near for near, _ in pairs])]
            for host, (_, far) in zip(self.hosts[1:], pairs, strict=True):
                containers.append(self._start(body, session, host, [far]))
        finally:
            # Theirs alone: a host that ends is then the end of its sockets.
            for end in itertools.chain(*pairs):
                end.close()
        for pipe in self._pipes():
            pipe.start()
        codes = self.watch_all(containers)
        for pipe in self._pipes():
            pipe.close()
        if bug := next((pipe.bug for pipe in self._pipes() if pipe.bug), None):
            raise bug
        if error := next((pipe.error for pipe in self._pipes() if pipe.error), None):
            return "Failed", f"ClientError: Data download failed: {error}"
        if codes is None:
            return "Stopped" if self.stop_wanted.is_set() else TOO_LONG, None
        if not any(codes):
            return "Completed", None
        failed = [(code, host) for code, host in zip(codes, self.hosts, strict=True) if code]
        # A host that lost another one is not the reason.
        code, host = min(failed, key=lambda pair: pair[0] == PEER_LOST)
        failure = self._failure(host)
        if failure is not None and self.image.script_mode:
            failure = f"AlgorithmError: {failure}, exit code: {code if code > 0 else 128 - code}"
        if failure is not None:
            return "Failed", failure
        how = f"exit code: {code}" if code > 0 else f"signal {-code}"
        return "Failed", f"AlgorithmError: The algorithm's process ended with {how}; its log says why."

    def _failure(self, host: Host) -> str | None:
        """What the program has written of its failure, as far as AWS shows it."""
        path = host.base / "output" / "failure"
        if not path.is_file():
            return None
        with path.open("rb") as file:
            text = file.read(8 * MAX_REASON).decode(errors="replace")
        # In a container the job's folder is the root of all.
        return text.replace(f"{host.root}/", "/")[:MAX_REASON]

    def _start(self, body: dict[str, Any], session: Session, host: Host, peers: list[socket.socket]) -> Container:
        stream = f"{self.job}/{host.name}-{int(clock.now())}"

        def keep(lines: list[tuple[float, str]]) -> None:
            lines = [(at, text.translate(CONTROL)) for at, text in lines]
            self.jobs.logs.write(TRAINING_JOB.log_group, stream, lines)
            self.metrics.read(lines, host.name, counts=host is self.hosts[0])

        environment = {
            **body.get("Environment", {}),
            "SAGEMAKER_BASE_DIR": str(host.base),
            "AWS_REGION": self.jobs.account.region,
            "TRAINING_JOB_NAME": self.job,
            "TRAINING_JOB_ARN": body["TrainingJobArn"],
        }
        if self.image.script_mode:
            spec = body["AlgorithmSpecification"]
            entrypoint, arguments = spec.get("ContainerEntrypoint", []), spec.get("ContainerArguments", [])
            if own := self.image.own:
                command = own.command(entrypoint, arguments or self.image.train)
                return own.start(command, host.root, environment, session, keep)
            command = [*entrypoint, *arguments] or [*self.image.train, self.archive]
            return script_container.start(command, host.root, environment, session, keep)
        return Container(self.image.train, host.root, environment, keep, peers=peers)

    def _pipes(self) -> list[Pipe]:
        return [pipe for host in self.hosts for pipe in host.pipes]

    def broken(self) -> bool:
        """Whether the input of a channel in Pipe mode cannot be read to its end."""
        return any(pipe.error or pipe.bug for pipe in self._pipes())

    def _message(self, message: str) -> None:
        """Replace the message of the phase that the job is in."""
        with self.state:
            if self.stop_wanted.is_set():
                return
            body = self.jobs.resources.get(TRAINING_JOB, self.job)
            body["SecondaryStatusTransitions"][-1]["StatusMessage"] = message
            self.jobs.resources.update(
                TRAINING_JOB, self.job, SecondaryStatusTransitions=body["SecondaryStatusTransitions"]
            )

    def _enter(self, status: str, message: str) -> None:
        """Let the job enter its next phase; a job that is Stopping enters Uploading only."""
        with self.state:
            if self.stop_wanted.is_set() and status != "Uploading":
                return
            body = self.jobs.resources.get(TRAINING_JOB, self.job)
            at = now()
            changes: dict[str, Any] = {
                "SecondaryStatusTransitions": next_phase(body, status, message, at),
                "LastModifiedTime": at,
            }
            if not self.stop_wanted.is_set():
                changes["SecondaryStatus"] = status
            self.jobs.resources.update(TRAINING_JOB, self.job, **changes)

    def _end(self, secondary: str, reason: str | None = None) -> None:
        changes: dict[str, object] = {"FinalMetricDataList": self.metrics.final_list() or None}
        if secondary == TOO_LONG:
            changes["SecondaryStatus"] = secondary
        self.end("Stopped" if secondary == TOO_LONG else secondary, reason, **changes)


def input_mode(channel: dict[str, Any], job: dict[str, Any]) -> str:
    """How a job gets a channel's objects: File, FastFile (here the same: a file is the object itself) or Pipe."""
    mode: str = channel.get("InputMode") or job["AlgorithmSpecification"]["TrainingInputMode"]
    return mode


def _replace(path: Path, scratch: Path, content: BufferedIOBase) -> None:
    """Replace a file by what is read from ``content``, by way of ``scratch``, a new file on the same disk.

    The object in S3, which may share the file's bytes, stays as it is.
    """
    with scratch.open("wb") as new:
        shutil.copyfileobj(content, new, 1 << 20)
    scratch.replace(path)


def attempts(body: dict[str, Any]) -> int:
    """How often a job has begun."""
    return sum(transition["Status"] == "Starting" for transition in body["SecondaryStatusTransitions"])


def start_again(resources: Resources, name: str) -> None:
    """Let a job that an internal error has interrupted be Starting once more."""
    body = resources.get(TRAINING_JOB, name)
    at = now_after(body)
    transitions = next_phase(body, "Starting", "Starting the training job", at)
    resources.update(
        TRAINING_JOB, name, SecondaryStatus="Starting", SecondaryStatusTransitions=transitions, LastModifiedTime=at
    )


def next_phase(body: dict[str, Any], status: str, message: str | None, at: float) -> list[dict[str, Any]]:
    """A job's SecondaryStatusTransitions once it has entered the phase ``status``."""
    transitions = body["SecondaryStatusTransitions"]
    transitions[-1]["EndTime"] = at
    return [*transitions, {"Status": status, "StartTime": at, "StatusMessage": message}]
