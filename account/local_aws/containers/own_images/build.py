"""What a Dockerfile would build: the files that it lays down, its environment, and what it starts.

Understood are ``FROM`` a Python or one of AWS's images that run here, ``RUN pip install`` of what the account's own
environment has, ``COPY`` and ``ADD`` from the folder, ``ENV``, ``WORKDIR``, ``ENTRYPOINT`` and ``CMD``.  Everything
else that would change what runs is refused with its line.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import posixpath
import re
import shlex
import shutil
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement

from local_aws.containers import script_container
from local_aws.containers.container import Container
from local_aws.containers.role_sessions import Session
from local_aws.core.job_failure import JobFailure

from .dockerfile import CannotBuild, Instruction, expanded, read_instructions

PYTHON = re.compile(r"(?:(?:docker\.io|public\.ecr\.aws/docker)/)?(?:library/)?python(?::(?P<tag>[\w.-]+))?(?:@.+)?")
# They say nothing of what runs here: a container has this machine's user, and no ports.
PASSED_OVER = ("LABEL", "EXPOSE", "USER", "HEALTHCHECK", "MAINTAINER")
# Options of pip that change nothing where all is installed already, and those of them that take a value.
PIP_SWITCHES = (
    "-q --quiet -v --verbose -U --upgrade --user --no-cache-dir --no-deps --no-compile --pre --prefer-binary "
    "--disable-pip-version-check --no-input --no-warn-script-location --force-reinstall"
).split()
PIP_VALUES = (
    "-i --trusted-host --timeout --default-timeout --retries "
    "--root-user-action --progress-bar --only-binary --no-binary"
).split()
# Folders of the system: what an image lays into them are files of its own among others.
SYSTEM = frozenset(
    "/ /bin /sbin /lib /usr /usr/bin /usr/sbin /usr/lib /usr/share /usr/local /usr/local/bin "
    "/usr/local/lib /usr/local/share /etc /home /opt /opt/ml /root /srv /tmp /var /var/tmp /mnt /media /run".split()
)
ARCHIVE = re.compile(r"(?i)\.(tar|tar\.gz|tgz|tar\.bz2|tar\.xz)$")
INTERPRETER = re.compile(rb"#!\s*(?:/usr/bin|/usr/local/bin|/opt/conda/bin|/bin)/(python[\d.]*)\b")
PROGRAM = re.compile(r"(?:/usr/bin|/usr/local/bin|/opt/conda/bin|/bin)/(python[\d.]*)")


@dataclass(frozen=True)
class OwnImage:
    """An image of a folder with a Dockerfile, as both are when it is read."""

    name: str
    files: tuple[tuple[Path, str, int | None], ...]  # a file, its path in the image, and its mode if COPY gives one
    environment: Mapping[str, str]
    workdir: str
    entrypoint: tuple[str, ...]
    cmd: tuple[str, ...]
    folders: tuple[str, ...] = field(default=())

    @property
    def prefixes(self) -> tuple[str, ...]:
        """Paths of the image that are not this machine's: its folders, and files in the system's folders."""
        places = {self.workdir, *self.folders}
        for _, path, _ in self.files:
            places.add(path if posixpath.dirname(path) in SYSTEM else posixpath.dirname(path))
        return tuple(sorted({_top(place) for place in places if place not in SYSTEM}))

    @property
    def digest(self) -> str:
        """A digest of all that the image is made of, as ECR writes digests."""
        whole = hashlib.sha256(repr((dict(self.environment), self.workdir, self.entrypoint, self.cmd)).encode())
        for source, path, mode in self.files:
            whole.update(repr((path, mode, source.stat().st_size)).encode() + source.read_bytes())
        return f"sha256:{whole.hexdigest()}"

    def command(self, entrypoint: Sequence[str] = (), arguments: Sequence[str] = ()) -> list[str]:
        """What a container of it runs: another entry point comes without the image's CMD, as Docker has it."""
        command = [*entrypoint, *arguments] if entrypoint else [*self.entrypoint, *(arguments or self.cmd)]
        if command and (python := PROGRAM.fullmatch(command[0])):
            command[0] = python[1]  # this environment's
        return command

    def lay_down(self, root: Path) -> None:
        """Copy the image's files below ``root``, which is ``/`` to its container.

        Raises JobFailure if one of them has gone since the image was read.
        """
        try:
            self._copy_below(root)
        except OSError as error:
            raise JobFailure(f"{error.filename}: {error.strerror}.") from None

    def start(
        self,
        command: Sequence[str],
        root: Path,
        environment: Mapping[str, str],
        session: Session,
        on_lines: Callable[[list[tuple[float, str]]], None],
    ) -> Container:
        """Start a container of the image, as ``script_container.start``; ``environment`` is what it is given.

        Raises NoSuchProgram.
        """
        if not command:
            raise script_container.NoSuchProgram("CannotStartContainerError: No command specified.")
        return script_container.start(
            command,
            root,
            {**self.environment, **environment},
            session,
            on_lines,
            workdir=self.workdir,
            prefixes=self.prefixes,
        )

    def _copy_below(self, root: Path) -> None:
        for folder in (*self.folders, self.workdir):
            Path(f"{root}/{folder}").mkdir(parents=True, exist_ok=True)
        for source, path, mode in self.files:
            target = Path(f"{root}/{path}")
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target)
            if mode is not None:
                target.chmod(mode)
            with target.open("rb") as file:
                begin = file.read(200)
            if INTERPRETER.match(begin):
                target.write_bytes(INTERPRETER.sub(rb"#!/usr/bin/env \1", target.read_bytes(), count=1))
            elif script_container.is_shell_script(begin):
                script_container.reroot(target, root, self.prefixes)


def read_image(folder: Path, name: str, bases: Collection[str]) -> OwnImage:
    """The image that the Dockerfile in ``folder`` describes; ``bases`` are the repositories that may be built on.

    Raises CannotBuild, whose message names the line.
    """
    return _Build(folder, name, bases).image()


class _Build:
    """The state of an image while its instructions are followed."""

    def __init__(self, folder: Path, name: str, bases: Collection[str]) -> None:
        self.folder, self.name, self.bases = folder, name, bases
        self.files: dict[str, tuple[Path, int | None]] = {}
        self.folders: set[str] = set()
        self.environment: dict[str, str] = {}
        self.workdir = "/"
        self.entrypoint: list[str] = []
        self.cmd: list[str] = []
        self.begun = False

    def image(self) -> OwnImage:
        """Follow the Dockerfile."""
        path = self.folder / "Dockerfile"
        try:
            text = path.read_text("utf-8")
        except FileNotFoundError:
            raise CannotBuild("the folder has no Dockerfile.") from None
        except (OSError, UnicodeDecodeError) as error:
            raise CannotBuild(f"its Dockerfile cannot be read: {error}.") from None
        if (self.folder / ".dockerignore").exists():
            raise CannotBuild("a .dockerignore is not understood here: keep what is not to be copied elsewhere.")
        for instruction in read_instructions(text):
            self._follow(instruction)
        if not self.begun:
            raise CannotBuild("Dockerfile: it has no instruction; FROM has to be the first.")
        files = tuple((source, place, mode) for place, (source, mode) in sorted(self.files.items()))
        entrypoint, cmd = tuple(self.entrypoint), tuple(self.cmd)
        folders = tuple(sorted(self.folders))
        return OwnImage(self.name, files, self.environment, self.workdir, entrypoint, cmd, folders)

    def _follow(self, instruction: Instruction) -> None:
        name = instruction.name
        follow = {
            "FROM": self._from,
            "RUN": self._run,
            "COPY": self._copy,
            "ADD": self._copy,
            "ENV": self._env,
            "WORKDIR": self._workdir,
            "ENTRYPOINT": self._entrypoint,
            "CMD": self._cmd,
        }.get(name)
        if name != "FROM" and not self.begun:
            raise instruction.refused("FROM has to be the first instruction here.")
        if follow:
            follow(instruction)
            folders = self.folders.union(*map(_above, [*self.files, *self.folders]))
            if clash := sorted(folders & self.files.keys()):
                raise instruction.refused(f"{clash[0]} is a file and no folder.")
        elif name not in PASSED_OVER:
            raise instruction.refused("this instruction is not understood here.")

    def _from(self, instruction: Instruction) -> None:
        if self.begun:
            raise instruction.refused("a second stage is not understood here.")
        self.begun = True
        _, rest = instruction.flags()
        base = rest.split()[0] if rest else ""
        if python := PYTHON.fullmatch(base):
            if re.match(r"[012]\b", python["tag"] or ""):
                raise instruction.refused("that Python is too old to run here.")
            self.cmd = ["python3"]
        elif re.sub(r"^[^/]+/|[:@].*$", "", base) not in self.bases:
            known = ", ".join(["python:3", *self.bases])
            raise instruction.refused(f"nothing is known here of what is in it; images to build on: {known}.")

    def _env(self, instruction: Instruction) -> None:
        variables = {**self._variables(), **self.environment}
        name, _, value = instruction.value.partition(" ")
        if "=" not in name and value.strip():  # the form of old, one variable without "="
            self.environment[name] = " ".join(instruction.words(value.strip(), variables))
            return
        for word in instruction.words(instruction.value, variables):
            name, equals, value = word.partition("=")
            if not equals or not name:
                raise instruction.refused(f"{word} is not of the form NAME=value.")
            self.environment[name] = value

    def _workdir(self, instruction: Instruction) -> None:
        path = expanded(instruction.value.strip("\"'"), {**self._variables(), **self.environment})
        self.workdir = self._place(path)
        self.folders.add(self.workdir)

    def _entrypoint(self, instruction: Instruction) -> None:
        self.entrypoint = [] if instruction.value == "[]" else instruction.command()
        if self.cmd == ["python3"]:  # the base image's goes with its entry point
            self.cmd = []

    def _cmd(self, instruction: Instruction) -> None:
        self.cmd = [] if instruction.value == "[]" else instruction.command()

    def _run(self, instruction: Instruction) -> None:
        variables = {**self._variables(), **self.environment}
        flags, rest = instruction.flags()
        if set(flags) - {"mount"} or rest.startswith("["):
            raise instruction.refused("only RUN pip install … can be done here.")
        for command in re.split(r"\s*&&\s*|\s*;\s*", rest):
            try:
                words = shlex.split(expanded(command, variables))
            except ValueError as error:
                raise instruction.refused(f"{str(error).lower()}.") from None
            self._pip(instruction, words)

    def _pip(self, instruction: Instruction, words: list[str]) -> None:
        """Check that what pip would install is there."""
        if words[:3] in (["python", "-m", "pip"], ["python3", "-m", "pip"]):
            words = words[2:]
        if words[:2] not in (["pip", "install"], ["pip3", "install"]):
            raise instruction.refused("only RUN pip install … can be done here, since nothing is installed.")
        rest = words[2:]
        while rest:
            word = rest.pop(0)
            option, equals, value = word.partition("=") if word.startswith("-") else (word, "", "")
            if option in ("-r", "--requirement"):
                for line in self._requirements(instruction, value if equals else rest.pop(0) if rest else ""):
                    _check_installed(instruction, line)
            elif option in PIP_VALUES or option.endswith("-url"):  # of an index
                del rest[: 0 if equals else 1]
            elif word.startswith("-"):
                if option not in PIP_SWITCHES:
                    raise instruction.refused(f"pip's option {option} is not understood here.")
            else:
                _check_installed(instruction, word)

    def _requirements(self, instruction: Instruction, path: str) -> list[str]:
        place = self._place(path)
        if place not in self.files:
            raise instruction.refused(f"no COPY before it lays down {path or 'the file'}.")
        lines = self.files[place][0].read_text("utf-8", errors="replace").splitlines()
        return [line for line in (re.sub(r"(^|\s)#.*", "", line).strip() for line in lines) if line]

    def _copy(self, instruction: Instruction) -> None:
        flags, rest = instruction.flags()
        mode = self._mode(instruction, flags)
        variables = {**self._variables(), **self.environment}
        words = instruction.command() if rest.startswith("[") else instruction.words(rest, variables)
        if words[:2] == ["/bin/sh", "-c"]:
            raise instruction.refused("this is no JSON list of texts.")
        if len(words) < 2:
            raise instruction.refused("a source and a destination are needed.")
        *patterns, target = words
        sources = [source for pattern in patterns for source in self._sources(instruction, pattern)]
        place = self._place(target)
        is_folder = target.endswith(("/", "/.")) or target == "." or place in self.folders | SYSTEM
        if len(sources) > 1 and not is_folder:
            raise instruction.refused("with more than one source the destination must be a folder, and end with a /.")
        for source in sources:
            if source.is_dir():
                self.folders.add(place)
                for path in sorted(source.rglob("*")):
                    if not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(self.folder)):
                        raise instruction.refused(f"{path.relative_to(source)} is a link that leads out of the folder.")
                    if path.is_file():
                        self.files[posixpath.join(place, path.relative_to(source).as_posix())] = path, mode
            else:
                self.files[posixpath.join(place, source.name) if is_folder else place] = source, mode
        if is_folder and place not in SYSTEM:
            self.folders.add(place)

    def _mode(self, instruction: Instruction, flags: Mapping[str, str]) -> int | None:
        if unknown := sorted(set(flags) - {"chown", "chmod", "link"}):
            raise instruction.refused(f"--{unknown[0]} is not understood here.")
        if "chmod" not in flags:
            return None
        if not re.fullmatch(r"0?[0-7]{3}", flags["chmod"]):
            raise instruction.refused("--chmod takes an octal number here.")
        return int(flags["chmod"], 8)

    def _sources(self, instruction: Instruction, pattern: str) -> list[Path]:
        if instruction.name == "ADD" and re.match(r"\w+://|git@", pattern):
            raise instruction.refused("nothing is fetched from a network here.")
        top = Path(os.path.realpath(self.folder))
        relative = posixpath.normpath(pattern.lstrip("/") or ".")
        outside = instruction.refused(f"{pattern} lies outside of the folder.")
        if ".." in relative.split("/"):
            raise outside
        sources = sorted(top.glob(relative)) if relative != "." else [top]
        if not sources:
            raise instruction.refused(f"{pattern} is not in the folder.")
        for source in sources:
            if not Path(os.path.realpath(source)).is_relative_to(top):
                raise outside
            if instruction.name == "ADD" and ARCHIVE.search(source.name):
                raise instruction.refused("archives, which ADD unpacks, are not understood here: COPY the files.")
        return sources

    def _place(self, path: str) -> str:
        """A path of the image, from its working directory, without ``.`` and ``..``."""
        return posixpath.normpath(posixpath.join(self.workdir, path))

    def _variables(self) -> dict[str, str]:
        """What an image's variables may refer to before it sets any."""
        return {"PATH": os.environ.get("PATH", os.defpath), "HOME": "/root"}


def _above(place: str) -> list[str]:
    """The folders on the way to a place."""
    parents = [posixpath.dirname(place)]
    while parents[-1] != "/":
        parents.append(posixpath.dirname(parents[-1]))
    return parents


def _top(place: str) -> str:
    """The uppermost folder on the way to a place that is no folder of the system."""
    return next((path for path in reversed(_above(place)) if path not in SYSTEM), place)


def _check_installed(instruction: Instruction, text: str) -> None:
    """Raise CannotBuild unless this environment has what a requirement of pip asks for."""
    try:
        requirement = Requirement(text)
    except InvalidRequirement:
        raise instruction.refused(f"{text} is no requirement of the form NAME or NAME==VERSION.") from None
    if requirement.marker and not requirement.marker.evaluate():
        return
    if requirement.url:
        raise instruction.refused(f"{text}: nothing is fetched from a network here.")
    here = f"pip installs nothing here; in the account's own environment {requirement.name}"
    try:
        version = importlib.metadata.version(requirement.name)
    except importlib.metadata.PackageNotFoundError:
        raise instruction.refused(f"{here} is not installed.") from None
    if not requirement.specifier.contains(version, prereleases=True):
        raise instruction.refused(f"{here} is {version}, not {requirement.specifier}.")
