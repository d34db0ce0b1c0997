"""The verbs of evaluation datasets: inputs, each once, with the outputs that are expected of them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from reprise.schemas.entities import EvaluationDataset, Page
from reprise.tracking import validation
from reprise.tracking.names import new_id, now
from reprise.tracking.sqlite.evaluation.records import count_records, dataset_number, put_record
from reprise.tracking.sqlite.experiments import experiment_row
from reprise.tracking.sqlite.rows import (
    Connection,
    Verbs,
    drop_pair,
    pairs,
    put_pairs,
)

USER = "mlflow.user"
_COLUMNS = (
    "dataset_id, name, digest, creation_time, last_update_time, schema, profile, created_by,"
    " last_updated_by"
)


class EvaluationDatasets(Verbs):
    def create_evaluation_dataset(
        self, name: str, *, experiment_ids: Sequence[str] = (), tags: Mapping[str, str] | None = None
    ) -> EvaluationDataset:
        """Several datasets may have one name. ``RESOURCE_DOES_NOT_EXIST``: there is no such experiment."""
        if not name.strip():
            raise validation.invalid("Missing value for required parameter 'name'.")
        validation.tags(tags or {})
        with self._database.writing() as connection:
            time, dataset_id, user = now(), f"d-{new_id()}", (tags or {}).get(USER)
            number = connection.execute(
                f"INSERT INTO evaluation_dataset ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, NULL, NULL, ?, ?)",
                (dataset_id, name, _digest(name, time), time, time, user, user),
            ).lastrowid
            put_pairs(connection, "evaluation_dataset_tag", number or 0, tags or {})
            _link(connection, number or 0, experiment_ids)
            return _read(connection, [number or 0])[0]

    def get_evaluation_dataset(self, dataset_id: str) -> EvaluationDataset:
        """``RESOURCE_DOES_NOT_EXIST`` when there is none."""
        with self._database.reading() as connection:
            return _read(connection, [dataset_number(connection, dataset_id)])[0]

    def delete_evaluation_dataset(self, dataset_id: str) -> None:
        """With its records; no such dataset is no error."""
        with self._database.writing() as connection:
            connection.execute("DELETE FROM evaluation_dataset WHERE dataset_id = ?", (dataset_id,))

    def search_evaluation_datasets(
        self,
        experiment_ids: Sequence[str] = (),
        *,
        filter: str = "",
        order_by: Sequence[str] = (),
        max_results: int = 1000,
        page_token: str | None = None,
    ) -> Page[EvaluationDataset]:
        """Newest first unless ``order_by`` says otherwise; without experiments, of all of them."""
        from reprise.tracking.sqlite.search.pages import page
        from reprise.tracking.sqlite.search.searchables import EVALUATION_DATASETS
        from reprise.tracking.sqlite.search.sql import Query, Sql

        validation.page_size(max_results)
        scope = Sql("1")
        if experiment_ids:
            numbers = json.dumps([validation.experiment_id(text) for text in experiment_ids])
            scope = Sql(
                "t.id IN (SELECT dataset FROM evaluation_dataset_experiment"
                " WHERE experiment IN (SELECT value FROM json_each(?)))",
                (numbers,),
            )
        with self._database.reading() as connection:
            query = Query(EVALUATION_DATASETS, scope, filter, order_by)
            ids, token = page(connection, query, max_results, page_token)
            return Page(_read(connection, ids), token)

    def set_evaluation_dataset_tags(self, dataset_id: str, tags: Mapping[str, str | None]) -> None:
        """None removes a tag."""
        given = {key: value for key, value in tags.items() if value is not None}
        validation.tags(given)
        with self._database.writing() as connection:
            number = dataset_number(connection, dataset_id)
            put_pairs(connection, "evaluation_dataset_tag", number, given)
            for key in tags.keys() - given.keys():
                drop_pair(connection, "evaluation_dataset_tag", number, key)
            _touch(connection, number, given.get(USER))

    def delete_evaluation_dataset_tag(self, dataset_id: str, key: str) -> None:
        """No such tag is no error."""
        with self._database.writing() as connection:
            number = dataset_number(connection, dataset_id)
            drop_pair(connection, "evaluation_dataset_tag", number, key)

    def link_evaluation_dataset(self, dataset_id: str, experiment_ids: Sequence[str]) -> EvaluationDataset:
        """Let a search for datasets of the experiments find it."""
        with self._database.writing() as connection:
            number = dataset_number(connection, dataset_id)
            _link(connection, number, experiment_ids)
            return _read(connection, [number])[0]

    def unlink_evaluation_dataset(
        self, dataset_id: str, experiment_ids: Sequence[str]
    ) -> EvaluationDataset:
        """An experiment that it is not linked to is no error."""
        with self._database.writing() as connection:
            number = dataset_number(connection, dataset_id)
            connection.executemany(
                "DELETE FROM evaluation_dataset_experiment WHERE dataset = ? AND experiment = ?",
                [(number, validation.experiment_id(text)) for text in experiment_ids],
            )
            return _read(connection, [number])[0]

    def put_evaluation_records(
        self, dataset_id: str, records: Sequence[Mapping[str, Any]]
    ) -> tuple[int, int]:
        """How many were inserted, and how many updated: those whose inputs are there already."""
        with self._database.writing() as connection:
            number = dataset_number(connection, dataset_id)
            made = [put_record(connection, number, record) for record in records]
            users = [(record.get("tags") or {}).get(USER) for record in records]
            schema = _extend_schema(connection, number, records)
            _touch(connection, number, next(filter(None, reversed(users)), None))
            connection.execute(
                "UPDATE evaluation_dataset SET schema = ?, profile = ? WHERE id = ?",
                (schema, json.dumps({"num_records": count_records(connection, number)}), number),
            )
        return sum(made), len(made) - sum(made)


def _read(connection: Connection, numbers: Sequence[int]) -> list[EvaluationDataset]:
    tags = pairs(connection, "evaluation_dataset_tag", numbers)
    found = []
    for number in numbers:
        row = connection.execute(f"SELECT {_COLUMNS} FROM evaluation_dataset WHERE id = ?", (number,))
        linked = connection.execute(
            "SELECT experiment FROM evaluation_dataset_experiment WHERE dataset = ? ORDER BY experiment",
            (number,),
        )
        experiments = tuple(str(experiment) for (experiment,) in linked)
        dataset = EvaluationDataset._make((*row.fetchone(), tags[number], experiments))
        found.append(dataset)
    return found


def _link(connection: Connection, number: int, experiment_ids: Sequence[str]) -> None:
    connection.executemany(
        "INSERT OR IGNORE INTO evaluation_dataset_experiment VALUES (?, ?)",
        [(number, experiment_row(connection, text).id) for text in experiment_ids],
    )


def _touch(connection: Connection, number: int, user: str | None) -> None:
    time = now()
    (name,) = connection.execute("SELECT name FROM evaluation_dataset WHERE id = ?", (number,)).fetchone()
    connection.execute(
        "UPDATE evaluation_dataset SET last_update_time = ?, digest = ?,"
        " last_updated_by = coalesce(?, last_updated_by) WHERE id = ?",
        (time, _digest(name, time), user, number),
    )


def _digest(name: str, time: int) -> str:
    return hashlib.sha256(f"{name}:{time}".encode()).hexdigest()[:8]


def _extend_schema(connection: Connection, number: int, records: Sequence[Mapping[str, Any]]) -> str | None:
    """The names of fields and the types of their first values."""
    row = connection.execute("SELECT schema FROM evaluation_dataset WHERE id = ?", (number,)).fetchone()
    if not records and row[0] is None:
        return None
    schema = json.loads(row[0]) if row[0] else {"inputs": {}, "outputs": {}, "expectations": {}}
    for record in records:
        for part in ("inputs", "outputs", "expectations"):
            given = record.get(part)
            if isinstance(given, dict) and isinstance(schema[part], dict):
                for key, value in given.items():
                    schema[part].setdefault(key, _type_name(value))
            elif given is not None and not schema[part]:
                schema[part] = _type_name(given)
    return json.dumps({**schema, "version": "1.0"})


def _type_name(value: Any) -> str:
    names = {bool: "boolean", int: "integer", float: "float", str: "string", list: "array", dict: "object"}
    return "null" if value is None else names[type(value)]
