"""The commands that perform a run again, as they are copied."""

from __future__ import annotations

import os
import subprocess

from reprise.schemas.entities import Run
from reprise.schemas.record.run_record import (
    ParameterRecord,
    ProjectRecord,
    RunRecord,
    SourceRecord,
    to_json,
)
from reprise.tracking.sqlite.store import EmbeddedStore
from reprise.ui.run.origins import origin
from tests.ui.asking import Ask


def _given(store: EmbeddedStore, text: str) -> Run:
    """A run that was given ``text`` as a parameter."""
    run = store.create_run("0", start_time=1_790_000_000_000, user_id="ada", run_name="first")
    source, project = SourceRecord("/home/ada/iris", "folder"), ProjectRecord(None, None, "main", "")
    record = RunRecord(run.run_id, "first", "", "", source, project, (ParameterRecord("text", text, "-P"),))
    file = store.artifact_folder(run.run_id) / "reprise" / "run.json"
    file.parent.mkdir(parents=True)
    file.write_text(to_json(record))
    return run


def test_what_a_terminal_would_act_on_when_it_is_pasted_stands_in_the_command_by_its_code(
    store: EmbeddedStore,
) -> None:
    nasty = "a\r\n'b'\t\\ $c \x1b[201~\x7f7 é"
    command = origin(store, _given(store, nasty)).start
    assert command is not None and command.isprintable()
    echo = "reprise() { printf '%s\\0' \"$@\"; }"
    words = subprocess.run(
        ["bash", "-c", f"{echo}; {command}"],
        capture_output=True,
        check=True,
        env={**os.environ, "LC_ALL": "C.UTF-8"},
    )
    assert words.stdout.decode().split("\0")[-2] == f"text={nasty}"


def test_a_command_that_no_terminal_takes_is_not_offered_by_half(store: EmbeddedStore, ask: Ask) -> None:
    run = _given(store, "x" * 200_000)
    assert origin(store, run).start is None
    text = ask(f"/runs/{run.run_id}/provenance").text
    assert "too long for a terminal" in text and "reprise run" not in text
