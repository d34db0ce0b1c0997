"""Whatever stands in a store, written by anybody through the API: every page shows it, as text."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator

import pytest
from starlette.routing import Route

from reprise.schemas import tags
from reprise.schemas.entities import Dataset, DatasetInput, Metric, ModelLink, Run
from reprise.server.http.access import Everyone
from reprise.tracking.sqlite.store import EmbeddedStore
from reprise.ui import app
from reprise.ui.sessions import Sessions
from tests.ui.asking import Ask

SCRIPT = "<script>owned()</script>\"'>\u202e\ud7ff{{7*7}}\x1b[31m"
LONG = SCRIPT + "x" * 4900
LARGEST = 2**63 - 1
DEEP = "[" * 5000

TABS = ("params", "metrics", "charts", "parallel", "scatter", "box", "importance", "code", "inputs")
TAGS = tuple(value for name, value in vars(tags).items() if name.isupper() and isinstance(value, str))

RECORDS = {
    "deep": DEEP.encode(),
    "no text": b"\xff\xfe",
    "other parts": json.dumps({"source": {"repository": "javascript:alert(1)", "commit": 7}}).encode(),
    "texts": json.dumps(dict.fromkeys(("source", "project", "parameters", "inputs"), SCRIPT)).encode(),
}
"""Records that reprise never wrote."""


def _hostile(store: EmbeddedStore, values: str) -> Run:
    told = {**dict.fromkeys(TAGS, values), "mlflow.note.content": LONG, "mlflow.log-model.history": DEEP}
    del told[tags.RUN_NAME]
    run = store.create_run("0", start_time=LARGEST, user_id=LONG[:200], run_name=SCRIPT, tags=told)
    store.set_tag(run.run_id, tags.PARENT_RUN_ID, run.run_id)  # it is in itself
    points = [
        Metric(key, value, moment, step)
        for key in ("loss", "loss/" + "m" * 200, "__proto__", "eval loss: a.b")
        for value in (math.nan, math.inf, -math.inf, 1e308, -1e-308)
        for moment, step in ((0, -LARGEST), (LARGEST, LARGEST), (5, 0))
    ]
    store.log_batch(
        run.run_id, metrics=points, params={"__proto__": LONG, "constructor": "", "toString": SCRIPT}
    )
    for schema in (DEEP, SCRIPT, '{"mlflow_colspec": 3}', '{"mlflow_colspec": [{"type": {}}, 4]}', "null"):
        data = Dataset(f"{SCRIPT}{hash(schema)}"[:400], "d", SCRIPT, schema, schema, schema)
        store.log_inputs(run.run_id, datasets=[DatasetInput(data, {"mlflow.data.context": SCRIPT})])
    store.log_inputs(run.run_id, models=[ModelLink("m-" + "0" * 32)])
    store.update_run(run.run_id, status="FINISHED", end_time=-5)
    return run


def _paths(store: EmbeddedStore, run: Run, other: Run) -> Iterator[str]:
    """Of every page and fragment, and of the tabs of a comparison."""
    made = app.create(store, Sessions(Everyone()))
    assert isinstance(made, app.Guarded)
    of_run = dict.fromkeys(("run_id", "owner"), run.run_id)
    of_model = {"name": "wild", "version": "1", "digest": "0" * 64}
    known = {**of_run, **of_model, "id": "0", "path": "reprise/run.json", "kind": "csv"}
    for route in made.app.routes:
        assert isinstance(route, Route)
        if "GET" in (route.methods or ()) and not route.path.endswith(("/events", "/stream")):
            path = re.sub(r"\{(\w+)(:\w+)?\}", lambda found: known[found[1]], route.path)
            yield f"{path}?runs={run.run_id},{other.run_id}&path=reprise/run.json&metric=loss&versions=1,1"
    for tab in TABS:
        yield f"/compare?runs={run.run_id},{other.run_id}&tab={tab}&metric=loss&x=loss&y=loss"


@pytest.mark.parametrize(
    ("values", "record"),
    ((SCRIPT, "texts"), ("", "no text"), ("9" * 4000, "other parts"), (DEEP, "deep"), ("true", "deep")),
    ids=("script", "empty", "digits", "deep", "true"),
)
def test_no_page_breaks(store: EmbeddedStore, ask: Ask, values: str, record: str) -> None:
    run = _hostile(store, values)
    with store.artifacts_of(run.run_id).writing("reprise/run.json") as file:
        file.write(RECORDS[record])
    store.create_registered_model("wild", description=LONG)
    store.create_model_version("wild", f"runs:/{run.run_id}/model", run_id=run.run_id, description=LONG)
    other = store.create_run("0", start_time=0, user_id="", run_name="")
    for path in _paths(store, run, other):
        answer = ask(path)
        assert answer.status_code < 500, path
        if "html" in answer.headers.get("content-type", "") and "/raw" not in path:
            assert "<script>owned" not in answer.text, path


def test_a_record_of_gigabytes_is_not_read(store: EmbeddedStore, ask: Ask) -> None:
    run = store.create_run("0", start_time=1, user_id="ada", run_name="large")
    record = store.artifact_folder(run.run_id) / "reprise" / "run.json"
    record.parent.mkdir(parents=True)
    with record.open("wb") as file:
        file.truncate(3 << 30)
    page = ask(f"/runs/{run.run_id}/provenance")
    assert page.status_code == 200
    assert "3.2 GB is too large for a record" in page.text
