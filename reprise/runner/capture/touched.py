"""The record of what a run was seen to touch, made when it has ended."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from reprise.runner.capture.command_words import programs_of
from reprise.runner.capture.folding import fold_inputs
from reprise.runner.capture.found_inputs import FoundInput, find_inputs, find_missing, name_input
from reprise.runner.capture.interpreters import with_packages
from reprise.runner.capture.observed import Observation, Process, read_observation
from reprise.runner.capture.observing import Beginning, read_beginning
from reprise.runner.capture.process_tree import SeenProcess, read_tree
from reprise.runner.capture.variables import is_personal
from reprise.runner.planning import guards
from reprise.runner.record import digests
from reprise.runner.record.digests import Memory
from reprise.schemas.record.observed_record import (
    InterpreterRecord,
    ObservedInput,
    ObservedRecord,
    ProcessRecord,
    VariableRecord,
)
from reprise.schemas.record.run_record import RunRecord

_BYTES = 1 << 30  # that are read after a run
_FILES = 20_000
_LISTED = 1000
_LOOPBACK = ("127.", "localhost", "::1", "0.0.0.0", "host.docker.internal")
_TOO_MUCH = "it is too large to be read after a run"


def make_observed(job: Path, record: RunRecord, *, hurry: bool = False) -> ObservedRecord | None:
    """Return what the run of ``record`` with the folder ``job`` used; None if it was not observed.

    Args:
        hurry: read no files without a cached digest, and query no interpreters.

    Raises:
        OSError, ValueError, TypeError: the notes cannot be read.
    """
    observation = read_observation(job)
    if observation is None:
        return None
    beginning = read_beginning(job)
    memory = Memory(Path(record.source.uri), "observed")
    rows = _add_digests([*find_inputs(observation, beginning)], memory, 0 if hurry else _BYTES)
    memory.save_notes()
    written = [name for path in observation.written if (name := name_input(path, beginning)) is not None]
    interpreters = _list_interpreters(observation.processes)
    if not hurry and not observation.in_container:
        interpreters = (with_packages(item, record.environment) for item in interpreters)
    tree = read_tree(job)
    return ObservedRecord(
        fold_inputs(sorted(rows)),
        tuple(find_missing(observation, beginning))[:_LISTED],
        tuple(written[:_LISTED]),
        tuple(_list_programs(observation, beginning, tree))[:_LISTED],
        tuple(_list_hosts(observation))[:_LISTED],
        tuple(_list_variables(observation, beginning))[:_LISTED],
        beginning.salt,
        tuple(interpreters),
        tuple(_list_processes(observation.processes, tree))[:_LISTED],
        tuple(_list_faults(observation, beginning, tree, len(written))),
    )


def _add_digests(candidates: list[FoundInput], memory: Memory, room: int) -> Iterator[ObservedInput]:
    """The rows with their digests, the smallest files first as long as there is room."""
    left = _FILES if room else 0
    for row, path, state in sorted(candidates, key=lambda item: item.state.st_size if item.state else 0):
        if state is None:
            yield row
            continue
        row = row._replace(size=state.st_size)
        sha256 = memory.recall_digest(path, state)
        if secret := guards.find_secret(row.path):
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
                memory.note_digest(path, state, sha256)
        yield row._replace(digest=f"sha256:{sha256}")


def _list_hosts(observation: Observation) -> Iterator[str]:
    """``name:port``, each once, without this machine's own loopback."""
    known = dict.fromkeys(
        f"[{host}]:{port}" if ":" in host else f"{host}:{port}".rstrip(":")
        for host, port in observation.hosts
        if not host.startswith(_LOOPBACK)
    )
    yield from known


def _list_variables(observation: Observation, beginning: Beginning) -> Iterator[VariableRecord]:
    for name in sorted({*observation.variables, *beginning.asked}):
        if not is_personal(name):
            yield VariableRecord(name, beginning.digests.get(name))


def _list_interpreters(processes: Iterable[Process]) -> Iterator[InterpreterRecord]:
    """Return each Python that ran, once; a fork counts as its parent."""
    found = {(item.executable, item.python, item.prefix) for item in processes if item.executable}
    yield from (InterpreterRecord(*facts) for facts in sorted(found))


def _list_programs(
    observation: Observation, beginning: Beginning, tree: Iterable[SeenProcess]
) -> Iterator[str]:
    """Programs by name: of the command, of what Python started, and of processes that were seen."""
    started = [name for item in observation.started for name in programs_of(item.words or (item.program,))]
    yield from dict.fromkeys([*beginning.programs, *started, *(item.program for item in tree)])


def _list_processes(noted: Iterable[Process], tree: Iterable[SeenProcess]) -> Iterator[ProcessRecord]:
    programs: dict[int, str] = {}
    for item in noted:
        programs[item.pid] = Path(item.executable).name or programs.get(item.parent, "")
        yield ProcessRecord(item.pid, item.parent, programs[item.pid])
    yield from (ProcessRecord(*item) for item in tree if item.pid not in programs)


def _list_faults(
    observation: Observation, beginning: Beginning, tree: Iterable[SeenProcess], written: int
) -> Iterator[str]:
    """Return sentences on what is not known about the run."""
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
