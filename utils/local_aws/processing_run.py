"""One processing job at work: input laid out, the user's program watched, output uploaded.

Reference: the developer guide, "How to Build Your Own Processing Container".
"""

from __future__ import annotations

import codecs
import json
import os
import shlex
import shutil
import site
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from .containers import Container
from .errors import AwsError
from .jobs import MAX_REASON, JobRun
from .rerooted import sitecustomize as rerooted
from .resources import PROCESSING_JOB, Resources, now
from .s3 import S3Object
from .s3.objects import copy_file
from .uris import split_uri

if TYPE_CHECKING:
    from .processing import ProcessingJobs

LOG_GROUP = "/aws/sagemaker/ProcessingJobs"
MAX_MESSAGE = 1024  # bytes of an ExitMessage
SHELLS = ("bash", "dash", "sh", "zsh")
# The user's program takes the shell's place.  What stays beside it reads the account's end of the pipe: when the
# account dies, however it dies, the job's processes go too.
SUPERVISED = """exec 3<&0
(trap '' TERM; cat <&3 >/dev/null; kill -KILL 0) >/dev/null 2>&1 &
exec 3<&- </dev/null
exec "$@"
"""


class ProcessingRun(JobRun):
    """One processing job at work."""

    def __init__(self, jobs: ProcessingJobs, name: str, inputs: dict[str, list[tuple[S3Object, str]]]) -> None:
        super().__init__(jobs, name)
        self.inputs = inputs
        self.root = Path(os.path.realpath(self.root))
        if shlex.quote(str(self.root)) != str(self.root):
            # The folder's name stands where scripts of a shell had written /opt/ml without quotes.
            self.root = Path(os.path.realpath(tempfile.mkdtemp(prefix="local-aws-job-")))

    def live(self) -> None:
        with self.instance() as granted:
            if not granted:
                return self._end("Stopped", None)
            body = self.jobs.resources.update(PROCESSING_JOB, self.job, ProcessingStartTime=now())
            try:
                self._lay_out(body)
            except ValueError as error:
                return self._end("Failed", f"ClientError: Failed to download data. {error}")
            if self.stop_wanted.is_set():
                return self._end("Stopped", None)
            status, reason = self._process(body)
            if self.abandoned:
                return
            message = None
            try:
                message = self._exit_message()
            except ValueError as error:
                status, reason = "Failed", f"ClientError: {error}"
            if status == "Completed":
                failure = self._upload(body)
                if failure:
                    status, reason = "Failed", failure
            self._end(status, reason, ExitMessage=message)

    def _path(self, path: str) -> Path:
        """Where a path of the container lies."""
        return Path(os.path.normpath(f"{self.root}/{path}"))

    def _lay_out(self, body: dict) -> None:
        for folder in ("/opt/ml/config", "/opt/ml/output", "/opt/ml/processing/input", "/root", "/bin"):
            self._path(folder).mkdir(parents=True)
        for name in ("python", "python3"):
            program = self._path(f"/bin/{name}")
            program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} "$@"\n')
            program.chmod(0o755)
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
        for place, files in self.inputs.items():
            folder = self._path(place)
            for item, name in files:
                self._fetch(item, folder, name)

    def _fetch(self, item: S3Object, folder: Path, name: str) -> None:
        """Lay an object at ``name`` below ``folder``: a copy, since the job may write on what it was given."""
        address = f"s3://{item.bucket}/{item.key}"
        target = Path(os.path.normpath(folder / name.lstrip("/")))
        if folder not in target.parents:
            raise ValueError(f"{address}: its file would lie outside the input's folder.")
        if target.exists():
            raise ValueError(f"{address}: another object has the same place, '{name}', in the input's folder.")
        linked = self.root / "fetched"
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            self.jobs.objects.link(item, linked)
            shutil.copyfile(linked, target)
            linked.unlink()
        except (OSError, AwsError) as error:
            raise ValueError(f"{address}: {getattr(error, 'strerror', None) or error}.") from None

    def _process(self, body: dict) -> tuple[str, str | None]:
        """Run the user's program; the job's status and FailureReason."""
        root, app = str(self.root), body["AppSpecification"]
        command = [
            rerooted.in_text(each, root) for each in app["ContainerEntrypoint"] + app.get("ContainerArguments", [])
        ]
        asked = {name: rerooted.in_text(value, root) for name, value in body.get("Environment", {}).items()}
        search = asked.get("PATH") or os.environ.get("PATH", os.defpath)
        environment = {
            **asked,
            "PATH": f"{root}/bin{os.pathsep}{search}",
            "HOME": f"{root}/root",
            "PYTHONUSERBASE": site.getuserbase(),  # it would be looked for below HOME
            "AWS_REGION": self.jobs.account.region,
            # The job has no keys: its clients are to say so, and not to look for others on the network.
            "AWS_EC2_METADATA_DISABLED": "true",
            "PIP_NO_INDEX": "1",
            rerooted.VARIABLE: root,
        }
        if shutil.which(command[0], path=environment["PATH"]) is None:
            return "Failed", f"ClientError: CannotStartContainerError: exec: '{command[0]}': not found."
        if Path(command[0]).name in SHELLS:
            self._reroot_script(command[1:])
        stream = f"{self.job}/algo-1-{int(time.time())}"

        def keep(lines: list[tuple[float, str]]) -> None:
            # In a container the job's folder is the root of all.
            seen = [(at, text.replace(f"{root}/", "/").replace(root, "/")) for at, text in lines]
            self.jobs.logs.write(LOG_GROUP, stream, seen)

        search_python = [str(Path(rerooted.__file__).parent), asked.get("PYTHONPATH", "")]
        container = Container(
            ["/bin/sh", "-c", SUPERVISED, "sh", *command],
            self.root,
            environment,
            keep,
            os.pathsep.join(filter(None, search_python)),
        )
        code = self.watch(container)
        if code is None:
            return "Stopped", None
        if code == 0:
            return "Completed", None
        # A container's exit code for a signal is the shell's.
        return "Failed", f"AlgorithmError: , exit code: {code if code > 0 else 128 - code}"

    def _reroot_script(self, arguments: list[str]) -> None:
        """Exchange the paths in the script that a shell is to run: no Python is there to do it."""
        for argument in arguments:
            script = Path(argument)
            if self.root in script.parents and script.is_file():
                text = script.read_bytes().decode(errors="surrogateescape")
                script.write_bytes(rerooted.in_text(text, str(self.root)).encode(errors="surrogateescape"))
                return

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
            raise ValueError("The file /opt/ml/output/message is not UTF-8 encoded.") from None
        return rerooted.as_seen(text, str(self.root)) or None

    def _upload(self, body: dict) -> str | None:
        """Put the files of the output folders into S3; a FailureReason if that cannot be done."""
        handed_over = self.root / "uploaded"
        for output in _outputs(body):
            bucket, prefix = split_uri(output["S3Uri"])
            folder = self._path(output["LocalPath"])
            try:
                for path in _files(folder):
                    key = f"{prefix.rstrip('/')}/{path.relative_to(folder).as_posix()}".lstrip("/")
                    path.chmod(0o644)  # whatever the script made of it: the bytes are S3's now
                    copy_file(path, handed_over)
                    self.jobs.objects.put_file(bucket, key, handed_over)
            except (OSError, UnicodeError, AwsError) as error:
                why = f"{error.code}: {error.message}" if isinstance(error, AwsError) else error
                return f"ClientError: Failed to upload output to {output['S3Uri']}. {why}"
        return None

    def _end(self, status: str, reason: str | None, **changes: object) -> None:
        with self.state:
            if status == "Completed" and self.stop_wanted.is_set():
                status = "Stopped"
            finish(self.jobs.resources, self.job, status, reason, **changes)


def finish(resources: Resources, name: str, status: str, reason: str | None, **changes: object) -> None:
    """Give a job its last state."""
    ended = now()
    if resources.get(PROCESSING_JOB, name).get("ProcessingStartTime") is not None:
        changes["ProcessingEndTime"] = ended
    reason = reason[:MAX_REASON] if reason else None
    resources.update(
        PROCESSING_JOB, name, ProcessingJobStatus=status, FailureReason=reason, LastModifiedTime=ended, **changes
    )


def _outputs(body: dict) -> list[dict]:
    return [each["S3Output"] for each in body.get("ProcessingOutputConfig", {}).get("Outputs", [])]


def _files(folder: Path) -> list[Path]:
    """The files below a folder; links are passed over, as AWS does."""
    found = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()] if folder.is_dir() else []
    return sorted(found)
