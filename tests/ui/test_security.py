"""What holds for every route of the pages: who gets an answer, with which headers, and of which faults."""

from __future__ import annotations

import asyncio
import re

import httpx
import pytest
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Scope, Send

from reprise.schemas.entities import Run
from reprise.server.app import create_app
from reprise.server.http.access import Everyone, OneSecret
from reprise.tracking.sqlite.store import EmbeddedStore
from reprise.ui import WebPages, app
from reprise.ui.sessions import Sessions
from tests.ui.asking import apart

OPEN = {"/login", "/logout", "/static/{digest}/{name}", "/static/{name}"}
"""What is answered to those who have not said who they are."""

BROWSER = {"Accept": "text/html", "Sec-Fetch-Mode": "navigate"}


@pytest.fixture
def run(store: EmbeddedStore) -> Run:
    run = store.create_run("0", start_time=1, user_id="ada", run_name="a run")
    with store.artifacts_of(run.run_id).writing("a.html") as file:
        file.write(b"<script>1</script>")
    return run


def routes(store: EmbeddedStore) -> list[Route]:
    made = app.create(store, Sessions(Everyone()))
    assert isinstance(made, app.Guarded)
    assert all(isinstance(route, Route) for route in made.app.routes)
    return [route for route in made.app.routes if isinstance(route, Route)]


def address(route: Route, run: Run) -> str:
    known = {"run_id": run.run_id, "owner": run.run_id, "id": "0", "version": "1", "path": "a.html"}
    return re.sub(r"\{(\w+)(:\w+)?\}", lambda found: known.get(found[1], "x"), route.path)


def ask(
    store: EmbeddedStore, method: str, path: str, *, secret: str = "", credential: str = "", **headers: str
) -> httpx.Response:
    """An answer of the whole server; with a ``secret`` it asks for that."""
    access = OneSecret(secret) if secret else Everyone()
    served = create_app(store, access, hosts=None, pages=WebPages(store, access))
    told = {**BROWSER, **{name.replace("_", "-"): value for name, value in headers.items()}}
    if credential:
        told["Authorization"] = f"Bearer {credential}"

    async def answer() -> httpx.Response:
        transport = httpx.ASGITransport(app=served, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.request(method, path, headers=told)

    return apart(answer())


def test_every_answer_of_a_page_says_what_it_may_do(store: EmbeddedStore, run: Run) -> None:
    for route in routes(store):
        method = "HEAD" if "GET" in (route.methods or ()) else "POST"  # of news a GET has no end
        headers = ask(store, method, address(route, run)).headers
        policy = headers.get("content-security-policy", "")
        assert "default-src 'none'" in policy or policy.startswith("sandbox allow-scripts;"), route.path
        assert headers["x-content-type-options"] == "nosniff", route.path
        assert headers["cross-origin-resource-policy"] == "same-origin", route.path
        assert headers["referrer-policy"] in ("same-origin", "no-referrer"), route.path
        assert "static" in route.path or headers["cache-control"] == "no-store", route.path


def test_of_a_head_nothing_follows(store: EmbeddedStore, run: Run) -> None:
    """Servers take it ill when something does."""
    served = app.create(store, Sessions(Everyone()))
    for route in routes(store):
        sent: list[str] = []

        async def send(message: Message, sent: list[str] = sent) -> None:
            sent.append(message["type"])

        path = address(route, run)
        scope = {
            "type": "http",
            "method": "HEAD",
            "path": path,
            "query_string": b"path=a.html",
            "headers": [],
        }
        apart(asked(served, {**scope, "state": {}}, send))
        assert sent == ["http.response.start", "http.response.body"], route.path


async def asked(served: ASGIApp, scope: Scope, send: Send) -> None:
    async def receive() -> Message:
        await asyncio.sleep(60)  # it does not hang up
        return {"type": "http.disconnect"}

    await served(scope, receive, send)


def test_nobody_unknown_gets_more_than_the_login(store: EmbeddedStore, run: Run) -> None:
    closed = [route for route in routes(store) if route.path not in OPEN]
    assert len(closed) > 40
    for route in closed:
        method = "HEAD" if "GET" in (route.methods or ()) else "POST"
        for credential in ("", "wrong"):
            answer = ask(store, method, address(route, run), secret="s", credential=credential)
            assert answer.status_code == 401, route.path


@pytest.mark.parametrize(
    "path", ("//experiments", "/experiments/", "/static/../experiments", "/%2e%2e/experiments", "/login/x")
)
def test_no_spelling_of_an_address_leads_past_the_login(store: EmbeddedStore, path: str) -> None:
    answer = ask(store, "GET", path, secret="s")
    assert answer.status_code in (303, 404)
    assert "Default" not in answer.text


def test_the_way_to_the_login_fits_into_a_header(store: EmbeddedStore) -> None:
    answer = ask(store, "GET", "/experiments?q=" + "a" * 30_000, secret="s")
    assert (answer.status_code, answer.headers["location"]) == (303, "/login?next=%2F")


@pytest.mark.parametrize("site", ("cross-site", "same-site"))
def test_a_page_of_another_site_may_lead_to_ours_and_no_more(
    store: EmbeddedStore, run: Run, site: str
) -> None:
    assert ask(store, "GET", "/experiments", Sec_Fetch_Site=site).status_code == 200
    fetched = {"Sec_Fetch_Site": site, "Sec_Fetch_Mode": "no-cors"}
    for path in (
        "/experiments",
        "/events",
        f"/runs/{run.run_id}/raw/a.html",
        "/api/2.0/mlflow/experiments/get",
    ):
        assert ask(store, "GET", path, **fetched).status_code == 403
    assert ask(store, "POST", "/logout", Sec_Fetch_Site=site).status_code == 403
    assert ask(store, "GET", "/experiments", Sec_Fetch_Site="same-origin").status_code == 200


@pytest.mark.parametrize("accept", ("text/html", "application/json, text/x-fragment"))
def test_a_fault_of_ours_is_told_without_what_is_in_it(
    store: EmbeddedStore, monkeypatch: pytest.MonkeyPatch, accept: str
) -> None:
    def text(*_: object, **__: object) -> str:
        raise ZeroDivisionError("in the depths")

    monkeypatch.setattr("reprise.ui.html.text", text)
    answer = ask(store, "GET", "/experiments", Accept=accept)
    assert answer.status_code == 500
    assert "Unexpected ZeroDivisionError" in answer.text
    assert "depths" not in answer.text and "Traceback" not in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]


def test_a_disk_that_fails_is_told_without_its_paths(
    store: EmbeddedStore, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def head_of(*_: object) -> None:
        raise OSError(28, "No space left on device", "/secret/place")

    monkeypatch.setattr("reprise.ui.run.page.head_of", head_of)
    answer = ask(store, "GET", f"/runs/{run.run_id}")
    assert answer.status_code == 500
    assert "is full" in answer.text and "/secret" not in answer.text
