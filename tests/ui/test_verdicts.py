"""How runs came out that perform another one again."""

from __future__ import annotations

import json

from reprise.schemas import tags
from reprise.schemas.entities import Run
from reprise.tracking.embedded import EmbeddedStore
from tests.ui.asking import Ask

_PARTS = (
    ("environment", "", "cannot be compared", False),
    ("output log", "", "diverged", False),
    ("source", "", "identical", True),
    ("input", "data.csv", "cannot be compared", True),
    ("metric", "loss", "diverged", True),
)


def _again(store: EmbeddedStore, original: Run) -> Run:
    told = {tags.REPRODUCES: original.run_id, tags.VERDICT: "diverged at metric loss"}
    run = store.create_run("0", start_time=1_790_000_000_000, user_id="ada", run_name="again", tags=told)
    words = ("part", "name", "verdict", "decides")
    parts = [dict(zip(words, part, strict=True)) for part in _PARTS]
    file = store.artifact_folder(run.run_id) / "reprise" / "verdict.json"
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps({"version": 1, "parts": parts}))
    return run


def test_of_many_attempts_each_leads_to_its_report(store: EmbeddedStore, ask: Ask) -> None:
    original = store.create_run("0", start_time=1_790_000_000_000, user_id="ada", run_name="first")
    tried = [_again(store, original) for _ in range(8)]
    shown = ask(f"/runs/{original.run_id}/provenance").text
    assert "No report is kept" not in shown
    assert shown.count("metric loss</td>") + shown.count("/provenance#again") == len(tried)


def test_of_what_diverged_that_comes_first_which_decided(store: EmbeddedStore, ask: Ask) -> None:
    original = store.create_run("0", start_time=1_790_000_000_000, user_id="ada", run_name="first")
    shown = ask(f"/runs/{_again(store, original).run_id}/provenance").text
    order = ("metric loss", "input data.csv", "output log", "environment", "source")
    places = [shown.index(f'value">{part}') for part in order]
    assert places == sorted(places)
