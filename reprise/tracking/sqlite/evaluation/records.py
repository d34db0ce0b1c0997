"""The records of evaluation datasets."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from reprise.errors import missing
from reprise.schemas.entities import EvaluationRecord, Page
from reprise.tracking import validation
from reprise.tracking.names import new_id, now
from reprise.tracking.sqlite.rows import Connection, Verbs

_SCOPE = "evaluation records"
_COLUMNS = (
    "record_id, inputs, outputs, expectations, tags, source, creation_time, last_update_time, created_by,"
    " last_updated_by"
)


class EvaluationRecords(Verbs):
    def evaluation_records(
        self, dataset_id: str, *, max_results: int = 1000, page_token: str | None = None
    ) -> Page[EvaluationRecord]:
        """In the order in which they were made."""
        from reprise.tracking.search.paging import decode, encode

        validation.page_size(max_results)
        after = decode(page_token, _SCOPE, 1)[0] if page_token else 0
        with self._database.reading() as connection:
            rows = connection.execute(
                f"SELECT id, {_COLUMNS} FROM evaluation_record WHERE dataset = ? AND id > ?"
                " ORDER BY id LIMIT ?",
                (dataset_number(connection, dataset_id), after, max_results + 1),
            ).fetchall()
        shown = rows[:max_results]
        token = encode([shown[-1][0]], _SCOPE) if len(rows) > max_results else None
        records = [EvaluationRecord(row[1], dataset_id, *row[2:]) for row in shown]
        return Page(records, token)

    def delete_evaluation_records(self, dataset_id: str, record_ids: Sequence[str]) -> int:
        """How many there were."""
        with self._database.writing() as connection:
            number = dataset_number(connection, dataset_id)
            gone = connection.execute(
                "DELETE FROM evaluation_record WHERE dataset = ?"
                " AND record_id IN (SELECT value FROM json_each(?))",
                (number, json.dumps(record_ids)),
            ).rowcount
            profile = json.dumps({"num_records": count_records(connection, number)})
            connection.execute("UPDATE evaluation_dataset SET profile = ? WHERE id = ?", (profile, number))
        return gone


def put_record(connection: Connection, dataset: int, given: Mapping[str, Any]) -> bool:
    """Insert it, or merge it into the one with the same inputs; whether it is new."""
    inputs = given.get("inputs")
    if not isinstance(inputs, dict):
        raise validation.invalid("Invalid value for parameter 'records' supplied: a record has 'inputs'")
    text = json.dumps(inputs, sort_keys=True)
    expectations, tags = given.get("expectations") or {}, given.get("tags") or {}
    outputs, source, user = given.get("outputs"), given.get("source"), tags.get("mlflow.user")
    here = connection.execute(
        "SELECT id, expectations, tags FROM evaluation_record WHERE dataset = ? AND inputs = ?",
        (dataset, text),
    ).fetchone()
    time = now()
    if here is None:
        connection.execute(
            f"INSERT INTO evaluation_record (dataset, {_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                *(dataset, f"dr-{new_id()}", text, _dump(outputs), json.dumps(expectations)),
                *(json.dumps(tags), _dump(source), time, time, user, user),
            ),
        )
        return True
    connection.execute(
        "UPDATE evaluation_record SET outputs = coalesce(?, outputs), expectations = ?, tags = ?,"
        " source = coalesce(source, ?), last_update_time = ?,"
        " last_updated_by = coalesce(?, last_updated_by) WHERE id = ?",
        (
            _dump(outputs),
            json.dumps({**json.loads(here[1]), **expectations}),
            json.dumps({**json.loads(here[2]), **tags}),
            *(_dump(source), time, user, here[0]),
        ),
    )
    return False


def count_records(connection: Connection, dataset: int) -> int:
    sql = "SELECT count(*) FROM evaluation_record WHERE dataset = ?"
    return int(connection.execute(sql, (dataset,)).fetchone()[0])


def dataset_number(connection: Connection, dataset_id: str) -> int:
    """The row of a dataset. ``RESOURCE_DOES_NOT_EXIST`` when there is none."""
    row = connection.execute("SELECT id FROM evaluation_dataset WHERE dataset_id = ?", (dataset_id,))
    found = row.fetchone()
    if found is None:
        raise missing(f"Evaluation dataset with id '{dataset_id}' not found")
    return int(found[0])


def _dump(value: Any) -> str | None:
    return None if value is None else json.dumps(value)
