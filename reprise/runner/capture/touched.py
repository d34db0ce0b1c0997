"""The record of what a run was seen to touch, made when it has ended."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from reprise.runner import digests
from reprise.runner.capture import guards
from reprise.runner.capture.command_words import files_of, programs_of
from reprise.runner.capture.folding import fold_inputs
from reprise.runner.capture.interpreters import with_packages
from reprise.runner.capture.observed import Observation, Process, read_observation
from reprise.runner.capture.observing import Beginning, read_beginning
from reprise.runner.capture.process_tree import SeenProcess, read_tree
from reprise.runner.capture.variables import is_personal
from reprise.runner.digests import Memory
from reprise.schemas.observed_record import (
    InterpreterRecord,
    ObservedInput,
    ObservedRecord,
    ProcessRecord,
    VariableRecord,
)
from reprise.schemas.run_record import RunRecord

_BYTES = 1 << 30  # that are read after a run
_FILES = 20_000
_LISTED = 1000
_CODE = (".py", ".so", ".pyd", ".dylib", ".pyc", ".egg", ".whl")
_LOOPBACK = ("127.", "localhost", "::1", "0.0.0.0", "host.docker.internal")
_NOT_IN_A_SOURCE = {".git", "mlruns", "mlartifacts", "__pycache__"}
_CHANGED = "it changed while the run was under way"
_REWRITTEN = "the run changed it after it had read it"
_REMOVED = "the run removed it"
_TOO_MUCH = "it is more than is read after a run"


class _Candidate(NamedTuple):
    """An input by the ``row`` of the record; without a ``state`` there is no more to be found out."""

    row: ObservedInput
    path: str
    state: os.stat_result | None = None


def make_observed(job: Path, record: RunRecord, *, hurry: bool = False) -> ObservedRecord | None:
    """What the run of ``record`` and the folder ``job`` was seen to touch; None when it was not observed.

    Args:
        hurry: no file is read whose digest is not remembered, and no interpreter is asked.

    Raises:
        OSError, ValueError, TypeError: the notes cannot be read.
    """
    observation = read_observation(job)
    if observation is None:
        return None
    beginning = read_beginning(job)
    memory = Memory(Path(record.source.uri), "observed")
    rows = _digested([*_candidates(observation, beginning)], memory, 0 if hurry else _BYTES)
    memory.save()
    written = [name for path in observation.written if (name := _name(path, beginning)) is not None]
    interpreters = _interpreters(observation.processes)
    if not hurry and not observation.in_container:
        interpreters = (with_packages(item, record.environment) for item in interpreters)
    tree = read_tree(job)
    return ObservedRecord(
        fold_inputs(sorted(rows)),
        tuple(_missing(observation, beginning))[:_LISTED],
        tuple(written[:_LISTED]),
        tuple(_programs(observation, beginning, tree))[:_LISTED],
        tuple(_hosts(observation))[:_LISTED],
        tuple(_variables(observation, beginning))[:_LISTED],
        beginning.salt,
        tuple(interpreters),
        tuple(_processes(observation.processes, tree))[:_LISTED],
        tuple(_faults(observation, beginning, tree, len(written))),
    )


def _name(path: str, beginning: Beginning) -> str | None:
    """How the record names a file; None where it is no input. A link of the source is named as such."""
    if not _is_below(path, beginning.root) and Path(path).is_symlink():
        path = os.path.realpath(path)
    inside = _is_below(path, beginning.root)
    for folder in beginning.apart:
        # A restored project lies in the cache, and is none of it.
        if _is_below(path, folder) and (not inside or _is_below(folder, beginning.root)):
            return None
    if not inside:
        return path
    name = path[len(beginning.root) + 1 :]
    return None if _NOT_IN_A_SOURCE.intersection(name.split("/")) else name


def _is_below(path: str, folder: str) -> bool:
    return path.startswith(f"{folder}/")


def _candidates(observation: Observation, beginning: Beginning) -> Iterator[_Candidate]:
    """The files that are inputs, each once; what was looked for and was never there is none."""
    commands = (files_of(item.words, Path(item.folder)) for item in observation.started if item.folder)
    named = [*beginning.named, *(file for files in commands for file in files)]
    read, written, removed = map(set, (observation.read, observation.written, observation.removed))
    scratch = os.path.realpath(tempfile.gettempdir())
    for path in dict.fromkeys([*observation.read, *map(os.path.normpath, named)]):
        name = _name(path, beginning)
        if name is None:
            continue
        row = ObservedInput(name, _kind(name, path in read))
        state = _state(observation.kept.get(path, path))
        if path in observation.kept:
            note = _REWRITTEN if path in written else _REMOVED
            yield _Candidate(row._replace(note=note), str(observation.kept[path]), state)
        elif state is not None and state.st_ctime_ns <= observation.began:
            yield _Candidate(row, path, state)
        elif path in read and not (name == path and _is_below(path, scratch)):
            if state is not None:
                row = row._replace(size=state.st_size, note=_REWRITTEN if path in written else _CHANGED)
                yield _Candidate(row, path)
            elif path in removed:
                yield _Candidate(row._replace(note=_REMOVED), path)


def _missing(observation: Observation, beginning: Beginning) -> Iterator[str]:
    """Files that were looked for in vain; one that the run removed, or that is there by now, was found."""
    gone = {*observation.removed, *observation.kept}
    absent = [path for path in observation.read if path not in gone and not os.path.lexists(path)]
    for path in dict.fromkeys([*observation.missing, *absent]):
        if (name := _name(path, beginning)) is not None:
            yield name


def _state(path: str | Path) -> os.stat_result | None:
    """Of a file that is there."""
    try:
        state = Path(path).stat()
    except (OSError, ValueError):
        return None
    return state if stat.S_ISREG(state.st_mode) else None


def _kind(name: str, is_read: bool) -> str:
    if not is_read:
        return "named"
    return "module" if name.startswith("/") and name.endswith(_CODE) else "file"


def _digested(candidates: list[_Candidate], memory: Memory, room: int) -> Iterator[ObservedInput]:
    """The rows with their digests, the smallest files first as long as there is room."""
    left = _FILES if room else 0
    for row, path, state in sorted(candidates, key=lambda item: item.state.st_size if item.state else 0):
        if state is None:
            yield row
            continue
        row = row._replace(size=state.st_size)
        sha256 = memory.recall(path, state)
        if secret := guards.secret(row.path):
            yield row._replace(note=secret)
            continue
        if sha256 is None:
            room -= state.st_size
            left -= 1
            if room < 0 or left < 0:
                yield row._replace(note=_TOO_MUCH)
                continue
            try:
                sha256, size = digests.of_bytes(Path(path))
            except OSError as error:
                yield row._replace(note=f"it cannot be read: {error.strerror}")
                continue
            if size == state.st_size:
                memory.note(path, state, sha256)
        yield row._replace(digest=f"sha256:{sha256}")


def _hosts(observation: Observation) -> Iterator[str]:
    """``name:port``, each once, without this machine's own loopback."""
    known = dict.fromkeys(
        f"[{host}]:{port}" if ":" in host else f"{host}:{port}".rstrip(":")
        for host, port in observation.hosts
        if not host.startswith(_LOOPBACK)
    )
    yield from known


def _variables(observation: Observation, beginning: Beginning) -> Iterator[VariableRecord]:
    for name in sorted({*observation.variables, *beginning.asked}):
        if not is_personal(name):
            yield VariableRecord(name, beginning.digests.get(name))


def _interpreters(processes: Iterable[Process]) -> Iterator[InterpreterRecord]:
    """Each Python that ran, once; a fork is what its parent is."""
    found = {(item.executable, item.python, item.prefix) for item in processes if item.executable}
    yield from (InterpreterRecord(*facts) for facts in sorted(found))


def _programs(observation: Observation, beginning: Beginning, tree: Iterable[SeenProcess]) -> Iterator[str]:
    """Programs by name: of the command, of what Python started, and of processes that were seen."""
    started = [name for item in observation.started for name in programs_of(item.words or (item.program,))]
    yield from dict.fromkeys([*beginning.programs, *started, *(item.program for item in tree)])


def _processes(noted: Iterable[Process], tree: Iterable[SeenProcess]) -> Iterator[ProcessRecord]:
    programs: dict[int, str] = {}
    for item in noted:
        programs[item.pid] = Path(item.executable).name or programs.get(item.parent, "")
        yield ProcessRecord(item.pid, item.parent, programs[item.pid])
    yield from (ProcessRecord(*item) for item in tree if item.pid not in programs)


def _faults(
    observation: Observation, beginning: Beginning, tree: Iterable[SeenProcess], written: int
) -> Iterator[str]:
    """What is not known of the run, in sentences."""
    if beginning.fault:
        yield beginning.fault
    noted = {item.pid for item in observation.processes}
    silent = [item for item in tree if item.is_python and item.pid not in noted]
    if silent:
        yield f"{len(silent)} of its Python processes {'was' if len(silent) == 1 else 'were'} not observed"
    elif not noted:
        yield "no Python process of the run was observed"
    yield from observation.faults
    if written > _LISTED:
        yield f"it wrote {written} files; the first {_LISTED} are listed"
