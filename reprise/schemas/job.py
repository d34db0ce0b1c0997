"""The values that travel through one run, a frozen one per stage.

RunRequest -> Checkout -> Project -> Invocation -> Run -> Environment -> Job -> Outcome
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any, NewType

from reprise.named_tuple import NamedTuple
from reprise.schemas.environment import RegistryLogin
from reprise.schemas.work_tree import WorkTree
from reprise.units import Bytes, Seconds

JobId = NewType("JobId", str)
OUTPUT = "job.output"
"""In the folder of a scheduler's job: what it prints."""


class RunStatus(StrEnum):
    """MLflow's words for the status of a run."""

    RUNNING = "RUNNING"
    SCHEDULED = "SCHEDULED"
    FINISHED = "FINISHED"
    FAILED = "FAILED"
    KILLED = "KILLED"

    @property
    def has_ended(self) -> bool:
        return self in (RunStatus.FINISHED, RunStatus.FAILED, RunStatus.KILLED)


class ParameterSource(StrEnum):
    """Where a parameter's value came from; the later one wins."""

    DEFAULT = "default"
    PARAMS_FILE = "--params-file"
    COMMAND_LINE = "-P"
    CALL = "parameters="
    AGAIN = "--set"


class Sandbox(NamedTuple):
    """A run that sees little of this machine; without ``network`` it reaches its tracking address only."""

    network: bool = True

    @property
    def describe(self) -> str:
        """What records and tags say of it."""
        return "bubblewrap" if self.network else "bubblewrap, no network"

    @classmethod
    def from_options(cls, sandbox: bool, network: bool) -> Sandbox | None:
        """What was asked for, if anything: to go without network takes a sandbox."""
        return cls(network) if sandbox or not network else None


class Resources(NamedTuple):
    """What a job asks of the machine that it runs on; None: whatever the backend gives.

    ``memory`` is in bytes. ``time`` is in seconds: the job is ended when it takes longer.
    """

    cpus: int | None = None
    gpus: int | None = None
    memory: Bytes | None = None
    time: Seconds | None = None


class RunRequest(NamedTuple):
    """What the user asked for, nothing resolved yet.

    ``parameters`` holds the text as typed, None for ``-P name`` without a value; ``sources`` says
    where each came from. ``base`` is the folder that relative paths on the command line refer to.
    ``list_texts`` is the text that a value has where a list is declared, if that is another.
    ``current_python`` is the interpreter of the program that calls us, None on the command line.
    ``tags`` are further tags of ours that the run starts with.
    """

    uri: str
    base: Path
    entry_point: str = "main"
    version: str | None = None
    parameters: Mapping[str, str | None] = {}
    sources: Mapping[str, ParameterSource] = {}
    list_texts: Mapping[str, str] = {}
    docker_args: Mapping[str, str | bool] = {}
    docker_login: RegistryLogin | None = None
    experiment_name: str | None = None
    experiment_id: str | None = None
    backend: str = "local"
    backend_config: Mapping[str, Any] = {}
    resources: Resources = Resources()
    storage_dir: Path | None = None
    run_id: str | None = None
    run_name: str | None = None
    parent_run_id: str | None = None
    env_manager: str | None = None
    build_image: bool = False
    tracking_uri: str | None = None
    locked: bool = False
    offline: bool = False
    as_of: str | None = None
    python: str | None = None
    current_python: Path | None = None
    observe: bool = True
    sandbox: Sandbox | None = None
    tags: Mapping[str, str] = {}


class Repository(NamedTuple):
    """The git state of a checkout: ``url`` is the remote's, without userinfo; None where unknown.

    ``tree`` are the differences of its files; None for a checkout made for the run, which equals its
    commit. ``first_url`` is that of the first remote, which need not be ``origin``. ``is_partial``: it is a
    clone that git was to fetch contents for when they are needed.
    """

    root: Path
    commit: str | None
    branch: str | None
    url: str | None
    dirty: bool
    tree: WorkTree = WorkTree()
    first_url: str | None = None
    is_partial: bool = False


class Checkout(NamedTuple):
    """A project's files on this machine.

    ``path`` is the project folder; ``name`` is its source in our words (redacted), ``source_name`` and
    ``repository_url`` are what MLflow's tags say of it where that is another text;
    ``temporary`` is the folder to remove when the run has ended, None for a folder used in place.
    ``brought`` are files of a run that is performed again, each with its standing: they belong to the
    source, whatever a ``.gitignore`` says.
    """

    path: Path
    name: str
    version: str | None = None
    repository: Repository | None = None
    temporary: Path | None = None
    brought: Mapping[str, str] = {}
    source_name: str | None = None
    repository_url: str | None = None


class BoundParameter(NamedTuple):
    """A parameter with its value: ``text`` as typed (logged), ``rendered`` as put in the command.

    They differ for ``path`` only, where ``rendered`` is the absolute local path.
    """

    name: str
    text: str
    rendered: str
    source: ParameterSource
    secret: bool = False


class Invocation(NamedTuple):
    """An entry point bound to its parameters: ``command`` is the finished bash text."""

    entry_point: str
    command: str
    parameters: tuple[BoundParameter, ...]


class Command(NamedTuple):
    """A process to start; ``environ`` is a patch, None = unset, later entries win.

    ``release`` is an argv that removes what is outside of the process's own group (a container). It is
    run when the process has ended, however that came about; there may be nothing left to remove.
    ``meanings`` explains exit codes that are not self-explanatory.
    """

    argv: tuple[str, ...]
    environ: tuple[tuple[str, str | None], ...]
    cwd: Path
    release: tuple[str, ...] = ()
    meanings: tuple[tuple[int, str], ...] = ()


class Job(NamedTuple):
    """A finished command for a backend: it knows nothing of projects, parameters or environments.

    ``name`` is unique, also across machines: lower-case hexadecimal digits. ``folder`` belongs to the job,
    which other users cannot read; everything that it prints is appended to ``log`` as it comes.
    ``attached`` also shows the output on our own stdout and stderr, on a terminal if we have one.
    ``stdout_to_stderr`` keeps our stdout free for data. ``secrets`` are masked in the log.
    """

    name: str
    command: Command
    folder: Path
    log: Path
    attached: bool = True
    stdout_to_stderr: bool = False
    secrets: tuple[str, ...] = ()
    resources: Resources = Resources()

    @property
    def output(self) -> Path:
        """The file that a scheduler's job prints to, both streams as they come; ``log`` is made of it."""
        return self.folder / OUTPUT


class Usage(NamedTuple):
    """What a job took: CPU time of its processes together, the largest memory (bytes) of one of them.

    None: not known.
    """

    wall_seconds: float | None = None
    cpu_seconds: float | None = None
    peak_memory: int | None = None


class JobStatus(NamedTuple):
    """The state of a job; ``exit_code`` is negative for a signal, as in ``subprocess``."""

    state: RunStatus
    exit_code: int | None = None
    message: str = ""
    usage: Usage = Usage()


class Outcome(NamedTuple):
    """How a run ended: ``reason`` is one sentence when it did not finish well.

    ``unrecorded`` says why the store does not know all of it yet, and where the rest is kept.
    ``last_lines`` are the end of its log where it did not finish well.
    """

    run_id: str
    status: RunStatus
    exit_code: int | None = None
    reason: str = ""
    usage: Usage = Usage()
    unrecorded: str = ""
    last_lines: tuple[str, ...] = ()
