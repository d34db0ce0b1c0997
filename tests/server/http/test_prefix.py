"""A server below a path of its host."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from html import unescape
from pathlib import Path

import httpx
import pytest

from reprise.errors import UsageError
from reprise.server.app import create_app
from reprise.server.http.access import Access, Everyone, OneSecret
from reprise.server.http.prefix import (
    _OWN,
    Prefix,
    Prefixed,
    read_prefix,
)
from reprise.server.routes import ROUTES
from reprise.tracking.sqlite.store import EmbeddedStore
from reprise.ui import WebPages
from reprise.ui.app import create
from reprise.ui.sessions import Sessions
from tests.server.http.test_access import served

BROWSER = {"Accept": "text/html", "Sec-Fetch-Mode": "navigate"}
LINK = re.compile(r"(?:href|action|src|data-plotly|data-later)=\"(/[^\"]*)\"")


def below(
    folder: Path,
    prefix: Prefix,
    scenario: Callable[[httpx.AsyncClient], Awaitable[None]],
    access: Access | None = None,
) -> None:
    access = access or Everyone()

    async def asked() -> None:
        with EmbeddedStore(folder) as store:
            pages = WebPages(store, access, prefix.url)
            app = Prefixed(create_app(store, access, pages=pages), prefix)
            transport = httpx.ASGITransport(app=app)
            async with httpx.AsyncClient(transport=transport, base_url="http://localhost:5000") as client:
                await scenario(client)
            pages.stop()

    asyncio.run(asked())


@pytest.mark.parametrize(
    ("text", "path", "url"),
    [
        ("/mlflow", "/mlflow", "/mlflow"),
        ("/mlflow/", "/mlflow", "/mlflow"),
        ("/a/b/", "/a/b", "/a/b"),
        ("/", "", ""),
        ("/user/ana%40example.org/p", "/user/ana@example.org/p", "/user/ana@example.org/p"),
        ("/a%20b;c", "/a b;c", "/a%20b%3Bc"),
        ("/%C3%BC", "/ü", "/%C3%BC"),
    ],
)
def test_a_prefix_is_a_path(text: str, path: str, url: str) -> None:
    assert read_prefix(text) == Prefix(path, url)


@pytest.mark.parametrize(
    "text",
    ["mlflow", "//", "//a", "/a//b", "/a//", "/../a", "/a/.", "/a?b", "/a#b", "/a b", "/%2F", "/%zz",
     "/%00", "/%ff", "/a\\b", "/{a}", '/"', "/models", "/api/x", "http://h/a"],
)  # fmt: skip
def test_what_is_no_prefix_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--static-prefix"):
        read_prefix(text)


def test_no_path_of_the_server_itself_can_be_a_prefix(tmp_path: Path) -> None:
    with EmbeddedStore(tmp_path) as store:
        pages = create(store, Sessions(Everyone())).app.routes  # type: ignore[attr-defined]
        paths = {route.path.split("/")[1] for route in (*ROUTES, *pages)}
    assert {path for path in paths if path and not _OWN.fullmatch(path)} == set()


@pytest.mark.slow
@pytest.mark.parametrize("text", ["/ml", "/a/b/c", "/user/ana%40example.org", "/a%20b"])
def test_every_link_of_the_pages_is_below_the_prefix(tmp_path: Path, text: str) -> None:
    prefix = read_prefix(text)
    with EmbeddedStore(tmp_path) as store:
        run = store.create_run("0", start_time=1, user_id="ana", run_name="a/b ü")
        store.log_batch(run.run_id, params={"C": "1"}, tags={"mlflow.note.content": "x"})
        store.create_registered_model("iris")
        store.create_model_version("iris", f"runs:/{run.run_id}/m", run_id=run.run_id)

    async def crawl(client: httpx.AsyncClient) -> None:
        waiting, visited = [f"{prefix.url}/"], set[str]()
        while waiting:
            path = waiting.pop()
            visited.add(path)
            answer = await client.get(path, headers=BROWSER, follow_redirects=True)
            assert answer.status_code == 200, path
            assert answer.url.path.startswith(f"{prefix.path}/")
            if not answer.headers["content-type"].startswith("text/html"):
                continue
            links = {unescape(link).partition("#")[0] for link in LINK.findall(answer.text)}
            assert {link for link in links if not link.startswith(f"{prefix.url}/")} == set(), path
            links = {link for link in links if "/log" not in link}  # nothing was printed
            waiting += links - visited - set(waiting) - {f"{prefix.url}/logout"}
        shown = {path.removeprefix(prefix.url).partition("?")[0] for path in visited}
        assert {"/experiments/0", f"/runs/{run.run_id}", "/models/iris/1", "/sweeps", "/compare"} <= shown
        assert any(path.endswith(".js") for path in shown)

    below(tmp_path, prefix, crawl)


@pytest.mark.parametrize("prefix", ["/ml", ""])
@pytest.mark.parametrize("path", ["/version", "/health", "/api/2.0/mlflow/experiments/get?experiment_id=0"])
def test_a_proxy_may_pass_the_prefix_on_or_take_it_off(tmp_path: Path, prefix: str, path: str) -> None:
    async def ask(client: httpx.AsyncClient) -> None:
        assert (await client.get(f"{prefix}{path}")).status_code == 200

    below(tmp_path, Prefix("/ml", "/ml"), ask)


@pytest.mark.parametrize("path", ["/mlx/version", "/ml/ml/version", "/m/version"])
def test_what_only_begins_like_the_prefix_is_not_below_it(tmp_path: Path, path: str) -> None:
    async def ask(client: httpx.AsyncClient) -> None:
        assert (await client.get(path)).status_code == 404

    below(tmp_path, Prefix("/ml", "/ml"), ask)


@pytest.mark.parametrize("arrives", ["/ml", ""])
def test_the_way_in_and_out_stays_below_the_prefix(tmp_path: Path, arrives: str) -> None:
    async def log_in(client: httpx.AsyncClient) -> None:
        sent_away = await client.get(f"{arrives}/experiments/0?filter=a", headers=BROWSER)
        assert sent_away.headers["location"] == "/ml/login?next=%2Fexperiments%2F0%3Ffilter%3Da"
        form = {"name": "", "secret": "s", "next": "/experiments/0?filter=a"}
        entered = await client.post(f"{arrives}/login", data=form)
        assert entered.headers["location"] == "/ml/experiments/0?filter=a"
        assert "; path=/ml;" in entered.headers["set-cookie"].lower()
        cookie = entered.headers["set-cookie"].partition(";")[0]
        assert (
            await client.get("/ml/experiments", headers={**BROWSER, "Cookie": cookie})
        ).status_code == 200
        left = await client.post(f"{arrives}/logout", headers={"Cookie": cookie})
        assert left.headers["location"] == "/ml/login"
        assert "; path=/ml;" in left.headers["set-cookie"].lower()
        outside = {"name": "", "secret": "s", "next": "//evil.example/"}
        assert (await client.post(f"{arrives}/login", data=outside)).headers["location"] == "/ml/"

    below(tmp_path, Prefix("/ml", "/ml"), log_in, OneSecret("s"))


def test_a_redirect_for_a_final_slash_stays_below_the_prefix(tmp_path: Path) -> None:
    async def ask(client: httpx.AsyncClient) -> None:
        answer = await client.get("/ml/experiments/?q=a", headers=BROWSER)
        assert answer.headers["location"] == "/ml/experiments?q=a"

    below(tmp_path, Prefix("/ml", "/ml"), ask)


@pytest.mark.mlflow
@pytest.mark.parametrize("end", ["", "/"])
def test_mlflow_logs_below_a_prefix(
    house: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    import mlflow

    with served("--static-prefix", "/a/b/") as server:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{server.port}/a/b{end}")
        client = mlflow.MlflowClient(f"http://127.0.0.1:{server.port}/a/b{end}")
        run = client.create_run("0")
        client.log_text(run.info.run_id, "hello", "d/a.txt")
        assert [file.path for file in client.list_artifacts(run.info.run_id, "d")] == ["d/a.txt"]
        got = client.download_artifacts(run.info.run_id, "d/a.txt", str(tmp_path))
        assert Path(got).read_text() == "hello"
        assert [one.info.run_id for one in client.search_runs(["0"])] == [run.info.run_id]
        status, figures = server.ask("/a/b/metrics")
        assert status == 200 and 'endpoint="/api/2.0/mlflow/runs/create"' in figures
