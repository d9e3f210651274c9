"""A ProcessingJob at work: input laid out, the user's program watched, output uploaded.

Reference: the developer guide, "How to Build Your Own Processing Container".
"""

from __future__ import annotations

import codecs
import json
import os
import shutil
from pathlib import Path
from typing import Any

from local_aws.containers import script_container
from local_aws.containers.own_images.build import OwnImage
from local_aws.containers.own_images.registry import MissingImage
from local_aws.containers.rerooted import sitecustomize as rerooted
from local_aws.containers.role_sessions import Session
from local_aws.core import clock
from local_aws.core.errors import AwsError
from local_aws.core.job_failure import JobFailure
from local_aws.services.s3.objects import copy_file
from local_aws.services.s3.records import S3Object
from local_aws.services.s3.uris import split_uri
from local_aws.services.sagemaker.jobs.inputs import InputFile, as_key, place_below
from local_aws.services.sagemaker.jobs.job import JobRun, Jobs
from local_aws.services.sagemaker.kinds import PROCESSING_JOB
from local_aws.services.sagemaker.resources import now

MAX_MESSAGE = 1024  # bytes of an ExitMessage
# AWS's words, of public processing jobs: aws/amazon-sagemaker-examples, issue 2525.
NO_IMAGE = "API error (404): manifest for {} not found: manifest unknown: Requested image not found"


class ProcessingRun(JobRun):
    """One processing job at work.

    ``inputs`` are the files of each input, by its LocalPath.  ``image`` is the job's if it is one of the user's own,
    and None if it is AWS's.
    """

    def __init__(
        self, jobs: Jobs, name: str, inputs: dict[str, list[InputFile]], image: OwnImage | MissingImage | None
    ) -> None:
        super().__init__(jobs, name)
        self.inputs = inputs
        self.image = image
        self.root = script_container.root_folder(self.root)

    def live(self) -> None:
        """Download the inputs, run the user's program and upload the outputs."""
        with self.instance() as granted:
            if not granted:
                self.end("Stopped")
                return
            body = self.jobs.resources.update(PROCESSING_JOB, self.job, ProcessingStartTime=now())
            if reason := self.lost_role():
                self.end("Failed", reason)
                return
            if isinstance(self.image, MissingImage):
                self.end("Failed", f"ClientError: {NO_IMAGE.format(self.image)}")
                return
            try:
                self._lay_out(body)
            except JobFailure as failure:
                self.end("Failed", f"ClientError: Failed to download data. {failure}")
                return
            if self.stop_wanted.is_set():
                self.end("Stopped")
                return
            with self.session() as session:
                status, reason = self._process(body, session)
            if self.abandoned:
                return
            message = None
            try:
                message = self._exit_message()
            except JobFailure as failure:
                status, reason = "Failed", f"ClientError: {failure}"
            if status == "Completed":
                upload_failure = self._upload(body)
                if upload_failure:
                    status, reason = "Failed", upload_failure
            self.end(status, reason, ExitMessage=message)

    def _path(self, path: str) -> Path:
        """Where a path of the container lies."""
        return Path(os.path.normpath(f"{self.root}/{path}"))

    def _lay_out(self, body: dict[str, Any]) -> None:
        script_container.lay_out(self.root)
        if isinstance(self.image, OwnImage):
            self.image.lay_down(self.root)
        for path in ("/opt/ml/config", "/opt/ml/output", "/opt/ml/processing/input"):
            self._path(path).mkdir(parents=True, exist_ok=True)
        members = (
            "ProcessingJobArn", "ProcessingJobName", "AppSpecification", "Environment", "ProcessingInputs",
            "ProcessingOutputConfig", "ProcessingResources", "RoleArn", "StoppingCondition",
        )  # fmt: skip
        configuration = {
            "processingjobconfig": {member: body.get(member) for member in members},
            "resourceconfig": {
                "current_host": "algo-1",
                "current_instance_type": body["ProcessingResources"]["ClusterConfig"]["InstanceType"],
                "hosts": ["algo-1"],
                "network_interface_name": "eth0",
            },
        }
        for name, content in configuration.items():
            self._path(f"/opt/ml/config/{name}.json").write_text(json.dumps(content))
        for output in _outputs(body):
            self._path(output["LocalPath"]).mkdir(parents=True, exist_ok=True)
        for local_path, files in self.inputs.items():
            folder = self._path(local_path)
            for item, name in files:
                self._fetch(item, folder, name)

    def _fetch(self, item: S3Object, folder: Path, name: str) -> None:
        """Lay an object at ``name`` below ``folder``: a copy, since the job may write on what it was given."""
        address = f"s3://{item.bucket}/{item.key}"
        target = place_below(folder, name, address, "input")
        if target.exists():
            raise JobFailure(f"{address}: another object has the same place, '{name}', in the input's folder.")
        linked = self.root / "fetched"
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            self.jobs.objects.link(item, linked)
            shutil.copyfile(linked, target)
            linked.unlink()
        except (OSError, AwsError) as error:
            raise JobFailure(f"{address}: {getattr(error, 'strerror', None) or error}.") from None

    def _process(self, body: dict[str, Any], session: Session) -> tuple[str, str | None]:
        """Run the user's program; the job's status and FailureReason."""
        app, variables = body["AppSpecification"], body.get("Environment", {})
        entrypoint, arguments = app.get("ContainerEntrypoint", []), app.get("ContainerArguments", [])
        stream = f"{self.job}/algo-1-{int(clock.now())}"

        def keep(lines: list[tuple[float, str]]) -> None:
            self.jobs.logs.write(PROCESSING_JOB.log_group, stream, lines)

        try:
            if isinstance(self.image, OwnImage):
                command = self.image.command(entrypoint, arguments)
                container = self.image.start(command, self.root, variables, session, keep)
            else:
                container = script_container.start([*entrypoint, *arguments], self.root, variables, session, keep)
        except script_container.NoSuchProgram as error:
            return "Failed", f"ClientError: {error}"
        code = self.watch(container)
        if code is None:
            return "Stopped", None
        if code == 0:
            return "Completed", None
        # A container's exit code for a signal is the shell's.
        return "Failed", f"AlgorithmError: , exit code: {code if code > 0 else 128 - code}"

    def _exit_message(self) -> str | None:
        path = self._path("/opt/ml/output/message")
        if not path.is_file():
            return None
        with path.open("rb") as file:
            start = file.read(MAX_MESSAGE)
        try:
            # A character that the limit cuts in two is left out.
            text = codecs.getincrementaldecoder("utf-8")().decode(start, final=len(start) < MAX_MESSAGE)
        except UnicodeDecodeError:
            raise JobFailure("The file /opt/ml/output/message is not UTF-8 encoded.") from None
        return rerooted.as_seen(text, str(self.root)) or None

    def _upload(self, body: dict[str, Any]) -> str | None:
        """Put the files of the output folders into S3; a FailureReason if that cannot be done."""
        handed_over = self.root / "uploaded"
        for output in _outputs(body):
            bucket, prefix = split_uri(output["S3Uri"])
            folder = self._path(output["LocalPath"])
            try:
                for path in _files(folder):
                    key = as_key(f"{prefix.rstrip('/')}/{path.relative_to(folder).as_posix()}".lstrip("/"))
                    path.chmod(0o644)  # whatever the script made of it: the bytes are S3's now
                    copy_file(path, handed_over)
                    self.jobs.objects.put_file(bucket, key, handed_over)
            except (OSError, JobFailure, AwsError) as error:
                why = f"{error.code}: {error.message}" if isinstance(error, AwsError) else error
                return f"ClientError: Failed to upload output to {output['S3Uri']}. {why}"
        return None


def _outputs(body: dict[str, Any]) -> list[dict[str, Any]]:
    return [output["S3Output"] for output in body.get("ProcessingOutputConfig", {}).get("Outputs", [])]


def _files(folder: Path) -> list[Path]:
    """The files below a folder; links are passed over, as AWS does."""
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
