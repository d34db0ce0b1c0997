"""How runs came out that perform another one again."""

from __future__ import annotations

import json

from reprise.schemas import tags
from reprise.schemas.entities import Run
from reprise.tracking.sqlite.store import EmbeddedStore
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


def test_a_report_says_what_decided_what_was_set_aside_and_why(store: EmbeddedStore, ask: Ask) -> None:
    original = store.create_run("0", start_time=1_790_000_000_000, user_id="ada", run_name="first")
    again = _again(store, original)
    part = {"part": "metric", "name": "acc", "verdict": "diverged", "where": "step 3", "note": "2, was 1"}
    report = {
        "version": 2,
        "reservations": ["run 1234 was <b>killed</b>"],
        "causes": ["environment variable MYCFG has another value"],
        "decided_by": ["source", "metric"],
        "set_aside": {"duration": {"count": 12, "names": ["mean_fit_time"]}, "rate": "nonsense"},
        "parts": [
            {"part": "child run", "name": "train", "verdict": "diverged", "where": "metric acc, step 3"}
        ],
        "children": [
            {"name": "train", "parts": [part], "children": [{"name": "fold", "parts": [part]}]},
            3,
        ],
    }
    folder = store.artifact_folder(again.run_id)
    assert folder is not None
    (folder / "reprise" / "verdict.json").write_text(json.dumps(report))
    shown = ask(f"/runs/{original.run_id}/provenance").text
    for text in (
        "run 1234 was &lt;b&gt;killed",
        "environment variable MYCFG has another value",
        "source, metric",
        "12 durations: mean_fit_time, ...",
        "train →</span> metric acc",
        "train → fold →</span> metric acc",
    ):
        assert text in shown
