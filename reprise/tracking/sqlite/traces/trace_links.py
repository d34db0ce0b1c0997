"""Links of traces to runs and to versions of prompts.

A client may name a trace before its export thread has sent it: the link waits, and is made when the
trace arrives.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from reprise.named_tuple import NamedTuple
from reprise.tracking import validation
from reprise.tracking.sqlite.rows import Connection, Verbs
from reprise.tracking.sqlite.run_rows import run_row
from reprise.tracking.sqlite.traces.trace_rows import TraceRow

_MOST_LINKS = 100


class _Kind(NamedTuple):
    word: str
    table: str


_RUN = _Kind("run", "trace_run")
_PROMPT = _Kind("prompt", "trace_prompt")


class TraceLinks(Verbs):
    def link_traces(self, trace_ids: Sequence[str], run_id: str) -> None:
        """Let a search for traces of the run find these traces too."""
        if len(trace_ids) > _MOST_LINKS:
            raise validation.invalid(
                f"Cannot link more than {_MOST_LINKS} traces to a run at once; there are {len(trace_ids)}"
            )
        with self._database.writing() as connection:
            run_row(connection, run_id)
            for trace_id in trace_ids:
                _link(connection, _RUN, trace_id, [run_id])

    def link_prompts(self, trace_id: str, prompts: Sequence[str]) -> None:
        """Let a search for traces of these prompts (``name/version``) find the trace."""
        with self._database.writing() as connection:
            _link(connection, _PROMPT, trace_id, prompts)

    def prompts_of_trace(self, trace_id: str) -> tuple[str, ...]:
        """The versions of prompts that it is linked to, each as ``name/version``."""
        with self._database.reading() as connection:
            rows = connection.execute(
                "SELECT p.prompt FROM trace_prompt p JOIN trace t ON t.id = p.trace WHERE t.trace_id = ?"
                " ORDER BY p.prompt",
                (trace_id,),
            )
            return tuple(prompt for (prompt,) in rows)


def claim_links(connection: Connection, row: TraceRow) -> None:
    """The trace has arrived: make the links that waited for it."""
    for kind in (_RUN, _PROMPT):
        connection.execute(
            f"INSERT OR IGNORE INTO {kind.table} SELECT ?, target FROM awaited_link"
            " WHERE trace_id = ? AND kind = ?",
            (row.id, row.trace_id, kind.word),
        )
    connection.execute("DELETE FROM awaited_link WHERE trace_id = ?", (row.trace_id,))


def _link(connection: Connection, kind: _Kind, trace_id: str, targets: Sequence[str]) -> None:
    given = json.dumps(targets)
    here = connection.execute("SELECT id FROM trace WHERE trace_id = ?", (trace_id,)).fetchone()
    if here:
        connection.execute(
            f"INSERT OR IGNORE INTO {kind.table} SELECT ?, value FROM json_each(?)", (here[0], given)
        )
    else:
        validation.trace_id(trace_id)
        connection.execute(
            "INSERT OR IGNORE INTO awaited_link SELECT ?, ?, value FROM json_each(?)",
            (trace_id, kind.word, given),
        )
