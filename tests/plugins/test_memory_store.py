"""A store of another package behind our server and our pages; what it leaves out is refused in order."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest

from reprise.schemas.entities import Metric
from reprise.server.app import create_app
from reprise.server.http.access import Everyone
from tests.plugins.memory.store import MemoryStore
from tests.ui.asking import asking


@pytest.fixture
def store(house: Path, tmp_path: Path) -> MemoryStore:
    return MemoryStore(tmp_path)


def filled(store: MemoryStore) -> str:
    """A run with a parent, metrics, params and a file."""
    parent = store.create_run("0", start_time=1_000, user_id="ada", run_name="the parent")
    tags = {"mlflow.parentRunId": parent.run_id, "team": "vision"}
    run = store.create_run("0", start_time=2_000, user_id="ada", run_name="the child", tags=tags)
    points = [Metric("loss", 1 / step, 1_000 + step, step) for step in range(1, 5)]
    store.log_batch(run.run_id, metrics=points, params={"depth": "3"})
    (store._folder / "notes.txt").write_text("hello")
    store.upload_artifact(run.run_id, store._folder / "notes.txt", "notes.txt")
    store.update_run(run.run_id, status="FINISHED", end_time=9_000)
    return run.run_id


def ask_api(store: MemoryStore, method: str, path: str, **body: Any) -> httpx.Response:
    async def call() -> httpx.Response:
        transport = httpx.ASGITransport(app=create_app(store, Everyone(), hosts=None))
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.request(method, f"/api/2.0/mlflow/{path}", json=body)

    return asyncio.run(call())


@pytest.mark.parametrize(
    ("method", "path", "body", "word"),
    [
        ("POST", "registered-models/create", {"name": "iris"}, "models"),
        ("POST", "logged-models/search", {"experiment_ids": ["0"]}, "models"),
        ("POST", "traces/delete-traces", {"experiment_id": "0", "request_ids": ["a"]}, "traces"),
        ("GET", "webhooks", {}, "webhooks"),
    ],
)
def test_what_a_store_leaves_out_is_not_implemented(
    store: MemoryStore, method: str, path: str, body: dict[str, Any], word: str
) -> None:
    answer = ask_api(store, method, path, **body)
    assert answer.status_code == 501
    assert answer.json() == {"error_code": "NOT_IMPLEMENTED", "message": f"This store keeps no {word}"}


def test_pages_show_runs_and_leave_out_what_the_store_leaves_out(store: MemoryStore) -> None:
    run_id, ask = filled(store), asking(store)
    home = ask("/experiments")
    assert (home.status_code, "Default" in home.text) == (200, True)
    assert "/models" not in home.text and "/sweeps" not in home.text
    assert "the parent" in ask("/experiments/0").text
    page = ask(f"/runs/{run_id}")
    assert page.status_code == 200
    assert "loss" in page.text and "depth" in page.text
    assert "notes.txt" in ask(f"/runs/{run_id}/artifacts").text


@pytest.mark.parametrize(("path", "word"), [("/models", "models"), ("/sweeps", "sweeps")])
def test_a_page_of_what_is_left_out_says_so(store: MemoryStore, path: str, word: str) -> None:
    answer = asking(store)(path)
    assert (answer.status_code, f"This store keeps no {word}" in answer.text) == (501, True)


def test_what_the_embedded_store_keeps_is_offered(tmp_path: Path, house: Path) -> None:
    from reprise.tracking.sqlite.store import EmbeddedStore

    with EmbeddedStore(tmp_path / "mlruns") as embedded:
        home = asking(embedded)("/experiments").text
    assert "/models" in home and "/sweeps" in home


def test_news_tells_of_each_change(store: MemoryStore) -> None:
    with store.watching() as version:
        before = version()
        store.create_experiment("another")
        assert version() != before
