"""How experiments are copied into the embedded store: by what they were copied as before, else by name."""

from __future__ import annotations

from reprise.schemas.entities import ACTIVE, DELETED, Experiment
from reprise.tracking.artifacts import files
from reprise.tracking.merging.fields import changes_of, kept_of, with_tags
from reprise.tracking.merging.merge import Merge, merge_fields, said_of
from reprise.tracking.names import now
from reprise.tracking.protocols.copying import Home, Put
from reprise.tracking.sqlite.copied.origins import CopyOrigin, change_tags, read_origin, write_origin
from reprise.tracking.sqlite.experiments import ExperimentRow, experiment_row, read_experiments
from reprise.tracking.sqlite.rows import (
    Connection,
    Verbs,
    columns,
    pairs,
    put_pairs,
)

KIND = "experiment"
_NAME, _STAGE = "name", "stage"
_DEFAULT = 0
_MOST = 10**18 - 10**9
"""Ids of experiments stay below 18 digits, also those that are given after a copied one."""
_HAS_OTHERS = "it holds runs here that are not from there, and stays active"


class CopiedExperiments(Verbs):
    def put_experiment(self, experiment: Experiment) -> Put:
        """Under its own name and id where they are free.

        An active one whose name belongs to a deleted one here gets another name; into an active one here
        the runs of a deleted one come as deleted.
        """
        with self._database.writing() as connection:
            origin = _find_origin(connection, experiment)
            row = _find_row(connection, "id", origin.here) if origin else None
            row = row or _find_namesake(connection, experiment)
            if row is None:
                return _add_experiment(connection, experiment)
            return _join_experiment(connection, row, experiment, origin)

    def find_experiment(self, experiment: Experiment) -> Home | None:
        """What was copied of it, or the one of its name."""
        with self._database.reading() as connection:
            if origin := _find_origin(connection, experiment):
                return Home(str(origin.here), is_shared=not origin.said.has_field(_STAGE))
            row = _find_namesake(connection, experiment)
            return None if row is None else Home(str(row.id), is_shared=True)

    def read_experiment(self, experiment_id: str) -> Experiment:
        with self._database.reading() as connection:
            return read_experiments(connection, [experiment_row(connection, experiment_id).id])[0]


def _identity_of(experiment: Experiment) -> str:
    """Old versions of MLflow noted no time."""
    return f"{experiment.experiment_id}@{experiment.creation_time or experiment.name}"


def _find_origin(connection: Connection, experiment: Experiment) -> CopyOrigin | None:
    origin = read_origin(connection, KIND, _identity_of(experiment))
    return origin if origin and _find_row(connection, "id", origin.here) else None


def _find_namesake(connection: Connection, experiment: Experiment) -> ExperimentRow | None:
    """The one of its name that it can become a part of; an active one does not go into a deleted one."""
    row = _find_row(connection, "name", experiment.name)
    is_buried = row and row.lifecycle_stage == DELETED and experiment.lifecycle_stage != DELETED
    return None if is_buried else row


def _find_row(connection: Connection, column: str, value: object) -> ExperimentRow | None:
    found = connection.execute(
        f"SELECT {columns(ExperimentRow)} FROM experiment WHERE {column} = ?", (value,)
    ).fetchone()
    return None if found is None else ExperimentRow(*found)


def _add_experiment(connection: Connection, experiment: Experiment) -> Put:
    """Make it, under a name that is free."""
    name, notes = _free_name(connection, experiment), []
    if name != experiment.name:
        notes.append(_rename_row(connection, experiment, name))
    here = _insert_row(connection, experiment._replace(name=name))
    put_pairs(connection, "experiment_tag", here, experiment.tags)
    fields = _fields_of(experiment, is_shared=False)
    write_origin(connection, KIND, _identity_of(experiment), here, fields, is_new=True)
    return Put(str(here), is_new=True, notes=notes)


def _join_experiment(
    connection: Connection, row: ExperimentRow, experiment: Experiment, origin: CopyOrigin | None
) -> Put:
    """Bring it up to date; from one that is shared with others, only tags are taken."""
    is_fresh = origin is None and _is_fresh(connection, row)
    is_shared = not (is_fresh or (origin and origin.said.has_field(_STAGE)))
    if origin is None:
        _widen_times(connection, row, experiment, is_fresh)
    theirs = _fields_of(experiment, is_shared)
    tags = pairs(connection, "experiment_tag", [row.id])[row.id]
    ours = with_tags({_NAME: row.name, _STAGE: row.lifecycle_stage}, tags)
    said = said_of({_NAME: row.name, _STAGE: row.lifecycle_stage}) if is_fresh else origin and origin.said
    merge = _apply_merge(connection, row, experiment, merge_fields(theirs, ours, said))
    write_origin(connection, KIND, _identity_of(experiment), row.id, theirs, is_new=False)
    notes = []
    if is_shared and experiment.lifecycle_stage == DELETED != row.lifecycle_stage:
        notes.append(
            f"experiment {experiment.name!r} is deleted there and active here: its runs come as deleted"
        )
    return Put(str(row.id), kept=kept_of("experiments", merge), notes=notes)


def _fields_of(experiment: Experiment, is_shared: bool) -> dict[str, str]:
    facts = {} if is_shared else {_NAME: experiment.name, _STAGE: experiment.lifecycle_stage}
    return with_tags(facts, experiment.tags)


def _apply_merge(connection: Connection, row: ExperimentRow, experiment: Experiment, merge: Merge) -> Merge:
    """Make the changes; those that cannot be made are kept."""
    changes, kept = changes_of(merge), dict(merge.kept)
    change_tags(connection, "experiment_tag", row.id, changes.tags)
    name = changes.facts.get(_NAME)
    if name and _find_row(connection, "name", name):
        kept[_NAME] = f"another one is named {name!r} here"
    elif name and name.strip():
        connection.execute("UPDATE experiment SET name = ? WHERE id = ?", (name, row.id))
    stage = changes.facts.get(_STAGE)
    if stage == DELETED and _has_others(connection, row.id):
        kept[_STAGE] = _HAS_OTHERS
    elif stage:
        _set_stage(connection, row.id, stage, experiment.last_update_time or now())
    return merge._replace(kept=kept)


def _set_stage(connection: Connection, number: int, stage: str, time: int) -> None:
    """With its runs: those that are active go along, those that went along come back."""
    connection.execute(
        "UPDATE experiment SET lifecycle_stage = ?, last_update_time = ? WHERE id = ?",
        (stage, time, number),
    )
    if stage == DELETED:
        connection.execute(
            "UPDATE run SET lifecycle_stage = ?, deleted_time = ?, deleted_along = 1"
            " WHERE experiment = ? AND lifecycle_stage = ?",
            (DELETED, time, number, ACTIVE),
        )
    else:
        connection.execute(
            "UPDATE run SET lifecycle_stage = ?, deleted_time = NULL, deleted_along = 0"
            " WHERE experiment = ? AND deleted_along = 1",
            (ACTIVE, number),
        )


def _has_others(connection: Connection, number: int) -> bool:
    """Whether it holds active runs that were not copied."""
    return bool(
        connection.execute(
            "SELECT 1 FROM run WHERE experiment = ? AND lifecycle_stage = ?"
            " AND NOT EXISTS (SELECT 1 FROM origin WHERE kind = 'run' AND origin.id = run.run_id)",
            (number, ACTIVE),
        ).fetchone()
    )


def _is_fresh(connection: Connection, row: ExperimentRow) -> bool:
    """Whether it is the ``Default`` of a new store, in which nothing was done yet."""
    used = "SELECT 1 FROM run WHERE experiment = ? UNION SELECT 1 FROM experiment_tag WHERE owner = ?"
    return (
        row.id == _DEFAULT
        and row.creation_time == row.last_update_time
        and connection.execute(used, (row.id, row.id)).fetchone() is None
    )


def _widen_times(
    connection: Connection, row: ExperimentRow, experiment: Experiment, is_fresh: bool
) -> None:
    """Two experiments that become one were made when the first was, and changed when the last was."""
    made = min(row.creation_time, experiment.creation_time or row.creation_time)
    changed = max(row.last_update_time, experiment.last_update_time)
    if is_fresh:
        changed = experiment.last_update_time or changed
    connection.execute(
        "UPDATE experiment SET creation_time = ?, last_update_time = ? WHERE id = ?",
        (made, changed, row.id),
    )


def _free_name(connection: Connection, experiment: Experiment) -> str:
    wanted = experiment.name if experiment.name.strip() else f"unnamed {experiment.experiment_id}"
    name, number = wanted, 1
    while _find_row(connection, "name", name):
        number += 1
        name = f"{wanted} ({number})"
    return name


def _rename_row(connection: Connection, experiment: Experiment, name: str) -> str:
    if not experiment.name.strip():
        return f"experiment {experiment.experiment_id} has a blank name; here it is {name!r}"
    row = _find_row(connection, "name", experiment.name)
    return (
        f"experiment {experiment.name!r} is {name!r} here: the one of its name"
        f" (experiment {row and row.id}) is deleted here"
    )


def _insert_row(connection: Connection, experiment: Experiment) -> int:
    row = connection.execute(
        "INSERT INTO experiment (id, name, artifact_location, lifecycle_stage, creation_time,"
        " last_update_time) VALUES (?, ?, '', ?, ?, ?)",
        (
            _free_id(connection, experiment.experiment_id),
            experiment.name,
            DELETED if experiment.lifecycle_stage == DELETED else ACTIVE,
            experiment.creation_time,
            experiment.last_update_time,
        ),
    )
    made = row.lastrowid or 0
    connection.execute(
        "UPDATE experiment SET artifact_location = ? WHERE id = ?", (f"{files.PROXY}/{made}", made)
    )
    return made


def _free_id(connection: Connection, wanted: str) -> int | None:
    if not (wanted.isascii() and wanted.isdecimal() and len(wanted) <= 18):
        return None
    number = int(wanted)
    return None if number > _MOST or _find_row(connection, "id", number) else number
