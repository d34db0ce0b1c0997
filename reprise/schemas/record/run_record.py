"""The record of a run, ``reprise/run.json``, as frozen values; its format is the schema next to this file.

Digests are ``sha256:`` and 64 hex digits, sizes are bytes, times are ms since the epoch. Fields of a newer
reprise are ignored as long as the version is ours; missing fields have the defaults here.
"""

from __future__ import annotations

import json
import types
import typing
from collections.abc import Mapping
from functools import cache
from typing import Any

from reprise.errors import TrackingError
from reprise.named_tuple import NamedTuple
from reprise.schemas.job import Usage
from reprise.schemas.record.observed_record import ObservedRecord
from reprise.schemas.work_tree import Standing

VERSION = 2
_SCALARS = (str, int, float, types.NoneType)

LINK, PLAIN, EXECUTABLE = "120000", "100644", "100755"
"""The modes of files, in git's words; the content of a link is what it points at."""


class Content(NamedTuple):
    """Bytes that are kept beside the runs, once for all that share them (``runner/record/contents.py``)."""

    digest: str
    size: int


class FileRecord(NamedTuple):
    """``path`` is relative to the root of the source, with ``/``; ``mode`` is one of git's three.

    ``standing`` is what git knew of it, in the words of :class:`Standing`.
    """

    path: str
    content: Content
    mode: str = PLAIN
    standing: str = Standing.UNTRACKED


class Absent(NamedTuple):
    """A missing file of the commit, or a folder, whose path ends with ``/``, without any of its files."""

    path: str
    standing: str = Standing.CHANGED


class LeftOut(NamedTuple):
    """Something that was not kept, and why; the path ``.`` sums up what is too much to list."""

    path: str
    size: int
    reason: str


class Submodule(NamedTuple):
    """``commit`` is the one that was checked out; ``snapshot`` as that of :class:`SourceRecord`."""

    path: str
    commit: str
    url: str | None = None
    snapshot: tuple[Content, ...] = ()


class SourceRecord(NamedTuple):
    """The origin of the project's files, and the stored files.

    ``uri`` is that of the tag ``mlflow.source.name``, which means the same from any folder; ``kind`` is
    ``git``, ``folder`` or ``archive``; ``subdirectory`` leads from the root of a git tree to the project,
    whose folder is the root of everything else.

    The rest are the differences from a plain checkout of ``commit``: ``files`` (all files if there is no
    commit), ``absent``, empty ``folders``, ``pointers`` in place of files in Git LFS, and ``large``, its
    files that are too large to be stored with the run. Earlier versions stored a ``patch`` instead of
    changed files, for ``git apply`` on ``commit``, also in submodules.

    ``snapshot`` are pack files that together hold the commit with its trees and blobs, without its parents:
    ``git index-pack --stdin`` takes each into an empty repository, whose file ``shallow`` names the commit.
    """

    uri: str
    kind: str
    url: str | None = None
    commit: str | None = None
    branch: str | None = None
    version: str | None = None
    subdirectory: str = ""
    dirty: bool = False
    submodules: tuple[Submodule, ...] = ()
    patch: Content | None = None
    files: tuple[FileRecord, ...] = ()
    absent: tuple[Absent, ...] = ()
    folders: tuple[str, ...] = ()
    pointers: tuple[str, ...] = ()
    large: tuple[FileRecord, ...] = ()
    snapshot: tuple[Content, ...] = ()
    left_out: tuple[LeftOut, ...] = ()

    @property
    def kept_contents(self) -> tuple[Content, ...]:
        """Everything that is kept of the source, each once."""
        kept = [*self.snapshot, *(content for module in self.submodules for content in module.snapshot)]
        kept += [file.content for file in self.files]
        return tuple(dict.fromkeys([*kept, *([self.patch] if self.patch else [])]))


class ProjectRecord(NamedTuple):
    """``file`` is relative to the project's folder, None without one; ``command`` is without secrets."""

    name: str | None
    file: str | None
    entry_point: str
    command: str
    environment_reason: str = ""


class ParameterRecord(NamedTuple):
    """``value`` is the text as typed, None for a secret; ``source`` is where it came from."""

    name: str
    value: str | None
    source: str
    secret: bool = False


class Distribution(NamedTuple):
    """``origin`` is the URL or folder that it was installed from, empty for the package index."""

    name: str
    version: str
    origin: str = ""
    editable: bool = False


class EnvironmentRecord(NamedTuple):
    """``manager`` made it, ``requested`` is the word that was asked for, ``lock`` the artifact of its lock.

    ``packages`` and ``python`` (its version) are known of the manager ``local``: what was installed for
    the interpreter ``executable``.
    """

    manager: str
    requested: str | None = None
    digest: str | None = None
    lock: str | None = None
    python: str | None = None
    executable: str | None = None
    packages: tuple[Distribution, ...] = ()


class InputRecord(NamedTuple):
    """An input of the run: a file or folder in a parameter, or a logged dataset.

    ``kind`` is ``file``, ``folder`` or ``dataset``. A dataset's digest is the logged one; None: it is not
    known, and the record's notes say why. ``files`` of a small folder are their digests by relative path.
    """

    name: str
    uri: str | None
    kind: str
    size: int | None = None
    digest: str | None = None
    files: Mapping[str, str] = {}


class Gpu(NamedTuple):
    name: str
    driver: str | None = None


class MachineRecord(NamedTuple):
    """The machine; ``host`` is a digest of its name, which distinguishes machines without naming them.

    ``cores`` are those that the run may use; ``memory`` is that of the machine. ``variables`` are those
    that decide how numbers are computed, with their values. ``python`` is the version that ran reprise.
    ``utc_offset`` is that of its local time when the run began, in seconds east of UTC.
    """

    os: str
    kernel: str
    architecture: str
    host: str
    cpu: str
    cores: int
    memory: int | None
    gpus: tuple[Gpu, ...] = ()
    variables: Mapping[str, str] = {}
    python: str = ""
    utc_offset: int | None = None


class ArtifactRecord(NamedTuple):
    """A file; ``digest`` is None if a remote store does not provide it."""

    path: str
    size: int | None = None
    digest: str | None = None


class ModelRecord(NamedTuple):
    """A logged model of the run; its files are next to the run's."""

    model_id: str
    name: str
    files: tuple[ArtifactRecord, ...] = ()


class RunRecord(NamedTuple):
    """Everything that is needed to perform a run again.

    ``status`` is RUNNING until the run is closed. ``variables`` are the names of the environment variables
    that the project declares; ``seeds`` are variables with their values. ``places`` are folders and
    addresses by their roles. ``inputs`` are those that were declared, ``observed`` what the run was seen to
    touch, None when it was not observed. ``logs`` are the files below ``reprise/`` that are reprise's own,
    ``artifacts`` all others. ``tags`` are those that the run itself set until its end; None in records of
    earlier versions. ``notes`` say what could not be captured. ``aliases`` are the versions that it got for
    aliases of registered models (``models:/iris@champion``). ``withheld`` are the changes outside of the
    run that its script asked for, and that a run that is performed again does not make. ``sandbox`` is what
    kept it from the rest of the machine, empty: nothing did.
    """

    run_id: str
    run_name: str
    experiment: str
    reprise: str
    source: SourceRecord
    project: ProjectRecord
    parameters: tuple[ParameterRecord, ...] = ()
    environment: EnvironmentRecord | None = None
    variables: tuple[str, ...] = ()
    seeds: Mapping[str, str] = {}
    places: Mapping[str, str] = {}
    inputs: tuple[InputRecord, ...] = ()
    observed: ObservedRecord | None = None
    machine: MachineRecord | None = None
    started: int | None = None
    ended: int | None = None
    status: str = "RUNNING"
    exit_code: int | None = None
    reason: str = ""
    usage: Usage = Usage()
    artifacts: tuple[ArtifactRecord, ...] = ()
    models: tuple[ModelRecord, ...] = ()
    logs: tuple[ArtifactRecord, ...] = ()
    notes: tuple[str, ...] = ()
    aliases: Mapping[str, str] = {}
    withheld: tuple[str, ...] = ()
    tags: Mapping[str, str] | None = None
    sandbox: str = ""
    version: int = VERSION


def to_json(record: RunRecord) -> str:
    """The text of ``run.json``, a line for each field: to indent all of it takes ten times as long."""
    lines = [f'"{name}": {json.dumps(value)}' for name, value in to_plain(record).items()]
    return "{\n" + ",\n".join(lines) + "\n}\n"


def from_json(text: str | bytes) -> RunRecord:
    """The record that ``text`` holds.

    Raises:
        TrackingError: it holds none, or one that is newer than we are.
    """
    try:
        data = json.loads(text)
        if not isinstance(data, dict):
            raise TypeError("it is not a mapping")
        version = data["version"]
        if isinstance(version, int) and version > VERSION:
            raise TrackingError(
                f"the record is of version {version}, and this reprise reads up to {VERSION}",
                hint="a newer reprise reads it",
            )
        return typing.cast(RunRecord, value_of(RunRecord, data))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise TrackingError(f"this is not the record of a run: {error}", code="INVALID_STATE") from error


def to_plain(value: Any) -> Any:
    """Return a value (text, numbers, named tuples of these) for JSON: an object with field names."""
    if isinstance(value, _SCALARS):
        return value  # most are, and a record has thousands
    if hasattr(value, "_fields"):
        return {name: to_plain(item) for name, item in zip(value._fields, value, strict=True)}
    if isinstance(value, tuple):
        return [to_plain(item) for item in value]
    return dict(value)


@cache
def _kinds_of(kind: Any) -> dict[str, Any]:
    return typing.get_type_hints(kind)


def value_of(kind: Any, data: Any) -> Any:
    """What :func:`to_plain` made of a value of the type ``kind``, as that value again.

    Raises:
        TypeError: it is something else.
    """
    if isinstance(kind, types.UnionType):
        first = next(item for item in kind.__args__ if item is not type(None))
        return None if data is None else value_of(first, data)
    if hasattr(kind, "_fields"):
        kinds = _kinds_of(kind)
        if not isinstance(data, dict):
            raise TypeError(f"{data!r} is no {kind.__name__}")
        return kind(**{name: value_of(kinds[name], data[name]) for name in kind._fields if name in data})
    origin = typing.get_origin(kind)
    if origin is tuple:
        if not isinstance(data, list):
            raise TypeError(f"{data!r} is not a list")
        return tuple(value_of(typing.get_args(kind)[0], item) for item in data)
    if origin is Mapping:
        return {str(name): str(item) for name, item in data.items()}
    if kind is float and isinstance(data, int) and not isinstance(data, bool):
        return float(data)
    if type(data) is not kind:
        raise TypeError(f"{data!r} is no {kind.__name__}")
    return data
