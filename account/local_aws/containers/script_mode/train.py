"""Training toolkit of the framework images: runs a user's script as the open ``sagemaker-training-toolkit`` does.

Started by its path, with the image's name and the file that the account has fetched from the job's
``sagemaker_submit_directory`` (empty if there was none).  The script runs in a process of its own, in ``/opt/ml/code``.

Source: the package ``sagemaker_training`` 5.1.4, modules ``trainer``, ``entry_point``, ``process`` and ``errors``.
"""

import builtins
import enum
import json
import logging
import os
import re
import shlex
import signal
import subprocess
import sys
import tarfile
import threading
import zlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, BinaryIO, NamedTuple

import requirements
import sitecustomize as rerooted  # the one of this container: it knows where /opt/ml is
import tensorflow_image
import user_code
from environment import BASE, CODE, all_values, arguments, inherited, training_environment, variables

FAILURE = f"{BASE}/output/failure"
LONGEST_LINE = 65_536  # bytes that are read at once
LARGEST_MESSAGE = 100_000  # characters of a script's errors that are kept; AWS shows 1024
ERRORS = [name for name in dir(builtins) if name.endswith(("Error", "Exception"))]
ERRORS += ["Invalid requirement", "ResourceExhaustedError", "OutOfRangeError", "InvalidArgumentError"]
PLAIN_NAME = re.compile(r"[A-Za-z0-9._][A-Za-z0-9._+-]*(/[A-Za-z0-9._+-]+)*")

toolkit = logging.getLogger("sagemaker-training-toolkit")
stopped = threading.Event()


class Kind(enum.Enum):
    """What an entry point is to the toolkit."""

    PROGRAM = "a script of Python"
    MODULE = "a module of Python, as a package's"
    COMMAND = "anything else, for a shell"


class Framework(NamedTuple):
    """How an image's own code calls the toolkit."""

    module: str  # what the toolkit calls
    older: bool = False  # whether that is sagemaker_containers: it runs modules, and tells less of what fails
    keeps_errors: bool = False  # whether the script's last error stands in the failure
    variables: Mapping[str, str] = MappingProxyType({})
    tensorflow: bool = False


FRAMEWORKS = {
    "sagemaker-scikit-learn": Framework("sagemaker_sklearn_container.training"),
    "sagemaker-xgboost": Framework("sagemaker_xgboost_container.training", older=True),
    "pytorch-training": Framework(
        "sagemaker_pytorch_container.training",
        keeps_errors=True,
        # On AWS MASTER_ADDR is the first host's name, which is known in the job's network only.
        variables={
            "MASTER_ADDR": "localhost",
            "MASTER_PORT": "7777",
            "NCCL_SOCKET_IFNAME": "eth0",
            "NCCL_IB_DISABLE": "1",
            "NCCL_DEBUG": "WARN",
        },
    ),
    "tensorflow-training": Framework(tensorflow_image.MODULE, keeps_errors=True, tensorflow=True),
}


class UserError(Exception):
    """What ends a job by the user's doing; its text is the job's failure."""


def main(image: str, archive: str) -> int:
    """Run the job's script; the exit code of the container."""
    # A stop is the script's to answer, within AWS's two minutes: SIGTERM goes to the whole group.
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    framework = FRAMEWORKS[image]
    try:
        environment = training_environment(f"{framework.module}:main", os.environ)
        configure_log(environment["log_level"])
        toolkit.info("Imported framework %s", framework.module)
        toolkit.info("No GPUs detected (normal if no gpus installed)")
        own = {}
        if framework.tensorflow:
            own = for_tensorflow(environment)
        else:
            logging.getLogger(framework.module).info("Invoking user training script.")
        run(framework, environment, archive, own)
        if framework.tensorflow:
            tensorflow_image.warn_of_model()
    except UserError as error:
        return _failed(str(error))
    except (OSError, ValueError, TypeError, EOFError, zlib.error, tarfile.TarError) as error:
        # The toolkit ends with the error's number.
        return _failed(f"Framework Error: \n{type(error).__name__}: {error}", getattr(error, "errno", None) or 1)
    toolkit.info("Reporting training SUCCESS")
    return 0


def for_tensorflow(environment: dict[str, Any]) -> dict[str, str]:
    """Change the user's hyperparameters as TensorFlow's image does; the variables that it sets.

    Raises UserError if ``model_dir`` is no text, or its bucket cannot be asked where it is.
    """
    hyperparameters = environment["hyperparameters"]
    region = inherited(environment, os.environ)["SAGEMAKER_REGION"]
    try:
        tensorflow_image.name_model_dir(hyperparameters, all_values(), environment["job_name"])
        own: dict[str, str] = tensorflow_image.variables(hyperparameters.get("model_dir"), region)
        return own
    except Exception as error:  # boto3's errors have no class in common, and are the container's own
        raise UserError(f"Framework Error: \n{type(error).__name__}: {error}") from None


def run(framework: Framework, environment: dict[str, Any], archive: str, own: Mapping[str, str]) -> None:
    """Lay out the user's code and run it; ``own`` are variables that the image sets for this job.

    Raises UserError with the job's failure, or another error if the code cannot be laid out.
    """
    user_code.lay_out(environment["module_dir"], archive)
    name = checked_name(environment["user_entry_point"])
    kind = kind_of(name, framework)
    known = {
        **os.environ,
        **inherited(environment, os.environ),
        **framework.variables,
        **own,
        **variables(environment),
        "PYTHONPATH": os.pathsep.join(filter(None, [os.environ.get("PYTHONPATH"), CODE])),
    }
    if os.path.isfile(f"{CODE}/requirements.txt") and kind is not Kind.COMMAND:
        toolkit.info("Installing dependencies from requirements.txt")
        try:
            requirements.check(CODE, known)
        except requirements.Missing as error:
            failure = _called(framework, "InstallRequirementsError", error.code, error.message, error.command)
            raise UserError(failure) from None
    command = command_of(name, kind, arguments(environment["hyperparameters"]))
    logged = {**variables(environment), "PYTHONPATH": CODE}
    toolkit.info(
        "Invoking user script\n\nTraining Env:\n\n%s\n\nEnvironment variables:\n\n%s\n\n"
        "Invoking script with the following command:\n\n%s\n\n",
        json.dumps(environment, indent=4),
        "\n".join(f"{key}={value}" for key, value in logged.items()),
        " ".join(command),
    )
    code, message = execute(command, known, framework.keeps_errors)
    if code:
        raise UserError(_called(framework, "ExecuteUserScriptError", code, message, command))


def configure_log(level: object) -> None:
    """Log from a level on, a number: as in the toolkit, a name of one is a TypeError."""
    if not isinstance(level, int):
        raise TypeError(f"sagemaker_container_log_level: an integer is expected, not {level!r}")
    logging.basicConfig(format="%(asctime)s %(name)-12s %(levelname)-8s %(message)s", level=level)


def kind_of(name: str, framework: Framework) -> Kind:
    """How an entry point runs, by its name, the image and what lies beside it."""
    if framework.older:
        return Kind.MODULE
    if name.endswith(".sh"):
        return Kind.COMMAND
    if os.path.exists(f"{CODE}/setup.py"):
        return Kind.MODULE
    return Kind.PROGRAM if name.endswith(".py") else Kind.COMMAND


def checked_name(name: object) -> str:
    """The entry point's name; UserError unless it is one of a file below the code's folder."""
    if not name:
        raise UserError(
            "The training entry point name is empty. Set the 'sagemaker_program' hyperparameter (or "
            "ContainerEntrypoint) to the name of the script to run, relative to your source directory -- for example "
            "'train.py' or 'train.sh'."
        )
    name = str(name)
    if not PLAIN_NAME.fullmatch(name) or {".", ".."} & set(name.split("/")):
        raise UserError(
            f"The training entry point {name!r} cannot be used. It must be a path inside your source directory, of "
            "letters, digits, '.', '_', '+', '-' and '/', that does not start with '-' or '/'."
        )
    return name


def command_of(name: str, kind: Kind, args: list[str]) -> list[str]:
    """The command that runs an entry point: Python's, or a shell's for what is not Python."""
    python = f"{os.environ[rerooted.VARIABLE]}/bin/python"
    if kind is Kind.MODULE:
        return [python, "-m", name.removesuffix(".py"), *args]
    if kind is Kind.PROGRAM:
        return [python, name, *args]
    path = f"{CODE}/{name}"
    if os.path.isfile(path):
        # No Python is there to exchange the paths in what a shell reads.
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            text = rerooted.in_text(file.read(), os.environ[rerooted.VARIABLE])
        with open(path, "w", encoding="utf-8", errors="surrogateescape") as file:
            file.write(text)
        os.chmod(path, 0o777)
    return ["/bin/sh", "-c", shlex.join([f"./{name}", *args])]


def execute(command: list[str], known: dict[str, str], keeps_errors: bool) -> tuple[int, str]:
    """Run a command in ``/opt/ml/code``: its exit code, and its error message if that is kept."""
    pipe = subprocess.PIPE if keeps_errors else None
    process = subprocess.Popen(command, cwd=CODE, env=known, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe)
    if stopped.is_set():  # the signal came before the script
        process.terminate()
    if not keeps_errors:
        return process.wait(), ""
    kept: dict[str, list[str]] = {"stdout": [], "stderr": []}
    readers = [
        threading.Thread(target=_pass_on, args=(getattr(process, name), kept[name]), daemon=True) for name in kept
    ]
    for reader in readers:
        reader.start()
    code = process.wait()
    for reader in readers:
        reader.join(timeout=10)  # a process that the script left behind may hold the pipe
    return code, "\n ".join(dict.fromkeys(line for lines in kept.values() for line in lines)).strip()


def _pass_on(stream: BinaryIO, kept: list[str]) -> None:
    """Print a stream; keep what follows the first line that names an error, as far as a message may go."""
    size = 0
    for line in iter(lambda: stream.readline(LONGEST_LINE), b""):
        sys.stdout.buffer.write(line)
        sys.stdout.buffer.flush()
        if size < LARGEST_MESSAGE:
            text = line.decode(errors="replace").strip(" :\r\n")
            if kept or any(name in text for name in ERRORS):
                kept.append(text)
                size += len(text) + 1


def _called(framework: Framework, kind: str, code: int, message: str, command: list[str]) -> str:
    """The text of an error of the toolkit's that is of a command."""
    if framework.older:
        # Of InstallModuleError, which that of pip is there.
        kind = kind.replace("Requirements", "Module")
        return f'{kind}:\nCommand "{" ".join(command)}"\n{message}'.strip()
    return f'{kind}:\nExitCode {code}\nErrorMessage "{message}"\nCommand "{" ".join(command)}"'


def _failed(message: str, code: int = 1) -> int:
    """Write the job's failure, unless the script has written one; the container's exit code."""
    if not os.path.exists(FAILURE):
        os.makedirs(os.path.dirname(FAILURE), exist_ok=True)
        with open(FAILURE, "w", encoding="utf-8", errors="replace") as file:
            file.write(message)
    toolkit.error("Reporting training FAILURE")
    toolkit.error(message)
    toolkit.error("Encountered exit_code %d", code)
    return code


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
