"""The provenance of a run and how to reproduce it, from its record or else from its tags."""

from __future__ import annotations

import re
import shlex
from urllib.parse import urlsplit

from reprise.errors import TrackingError, UsageError
from reprise.named_tuple import NamedTuple
from reprise.runner.models.lineage import datasets_of
from reprise.runner.record.records import read_record
from reprise.runner.restore.mlflow import record_of
from reprise.schemas import tags
from reprise.schemas.entities import Run
from reprise.schemas.job import ParameterSource
from reprise.schemas.record.run_record import (
    ParameterRecord,
    ProjectRecord,
    RunRecord,
    SourceRecord,
)
from reprise.tracking.protocols.store import TrackingStore

_LONGEST = 100_000  # characters of a command, about the limit of a terminal
_CONTROLS = re.compile(r"[\x00-\x09\x0b-\x1f\x7f]")


class RunOrigin(NamedTuple):
    """The values of ``_provenance_card.html`` for a run.

    ``record`` is built from the run's tags if ``is_recorded`` is false; ``note`` then says why. ``dirty``
    is None if it is not known. ``link`` is the address of the repository if a browser can open it.
    ``reproduce`` is the command that reproduces the run, ``start`` the command for a similar run; each is
    None if it is not known, ``start`` also if it would be too long. ``original`` is the run that this run
    reproduces, ``varied`` the run that it varies; ``attempts`` counts the reproductions of this run.
    """

    run: Run
    record: RunRecord
    is_recorded: bool
    note: str
    dirty: bool | None
    link: str | None
    reproduce: str | None
    start: str | None
    original: Run | None
    varied: Run | None
    attempts: int

    @property
    def verdict(self) -> str:
        return self.run.tags.get(tags.VERDICT, "")

    @property
    def hidden(self) -> tuple[str, ...]:
        """Return the secret parameters, which a command cannot contain."""
        return tuple(item.name for item in self.record.parameters if item.secret)


def origin(store: TrackingStore, run: Run) -> RunOrigin:
    """Return the provenance of ``run``; an unreadable record becomes a note, never an error."""
    record, note = None, ""
    try:
        record = read_record(store, run.run_id)
    except TrackingError as error:
        note = error.message
    told, is_project = (record, True) if record else _told(run)
    if record is None and not note:
        by = "Not started by reprise" if tags.VERSION not in run.tags else "No record"
        note = f"{by}. This page only shows what its tags say."
    return RunOrigin(
        run,
        told,
        record is not None,
        note,
        _dirty(run, record),
        _link(told.source),
        f"reprise reproduce {run.run_id}" if is_project else None,
        _start(told) if is_project else None,
        _named(store, run.tags.get(tags.REPRODUCES)),
        _named(store, run.tags.get(tags.VARIES)),
        len(store.reproductions(run.run_id)),
    )


def _told(run: Run) -> tuple[RunRecord, bool]:
    """Return the record from the tags, and whether the run is of a project, so that its command is
    known.
    """
    inputs = tuple(datasets_of(run))
    try:
        record = record_of(run)
    except UsageError:
        told = run.tags
        source = SourceRecord(
            told.get(tags.SOURCE_NAME, ""),
            "",
            told.get(tags.GIT_REPO_URL),
            told.get(tags.GIT_COMMIT),
            told.get(tags.GIT_BRANCH),
        )
        project = ProjectRecord(None, None, told.get(tags.ENTRY_POINT, ""), told.get(tags.COMMAND, ""))
        logged = tuple(ParameterRecord(name, value, "") for name, value in run.params.items())
        return RunRecord(run.run_id, run.run_name, "", "", source, project, logged, inputs=inputs), False
    project = record.project._replace(command=run.tags.get(tags.COMMAND, ""))
    return record._replace(experiment="", project=project, inputs=inputs), True


def _dirty(run: Run, record: RunRecord | None) -> bool | None:
    if record is not None:
        return record.source.dirty if record.source.commit else None
    return {"true": True, "false": False}.get(run.tags.get(tags.DIRTY, ""))


def _link(source: SourceRecord) -> str | None:
    """Return the address if it is a web page: an address from a store must not start anything else."""
    for url in (source.url, source.uri.partition("#")[0]):
        try:
            if url and urlsplit(url).scheme in ("http", "https"):
                return url
        except ValueError:
            continue
    return None


def _start(record: RunRecord) -> str | None:
    """Return the command ``reprise run ...``, without defaults and secrets."""
    source, environment = record.source, record.environment
    words = ["reprise", "run", source.uri]
    if source.subdirectory and "#" not in source.uri:
        words[-1] += f"#{source.subdirectory}"
    if source.kind == "git" and source.commit:
        words += ["-v", source.commit]
    if record.project.entry_point not in ("", "main"):
        words += ["-e", record.project.entry_point]
    if environment and (environment.requested or not record.reprise):
        words += ["--env-manager", environment.requested or environment.manager]
    if record.experiment not in ("", "Default"):
        words += ["--experiment-name", record.experiment]
    for item in record.parameters:
        if item.source != ParameterSource.DEFAULT and not item.secret and item.value is not None:
            words += ["-P", f"{item.name}={item.value}"]
    command = " ".join(map(quoted, words))
    return command if len(command) <= _LONGEST else None


def quoted(word: str) -> str:
    """Quote ``word`` for a shell; control characters are escaped, so that pasting is safe."""
    if not _CONTROLS.search(word):
        return shlex.quote(word)
    told = word.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n")
    return "$'" + _CONTROLS.sub(lambda found: f"\\{ord(found[0]):03o}", told) + "'"


def _named(store: TrackingStore, run_id: str | None) -> Run | None:
    try:
        return store.get_run(run_id) if run_id else None
    except TrackingError:
        return None
