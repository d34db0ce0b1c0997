"""Web pages of other sites: those of --cors-allowed-origins may ask, the others may not."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import pytest

from reprise.errors import UsageError
from reprise.server.app import create_app
from reprise.server.http.access import Access, Everyone, OneSecret
from reprise.server.http.foreign import read_origins
from reprise.tracking.sqlite.store import EmbeddedStore

APP = "https://app.example.org"
SEARCH = "/api/2.0/mlflow/experiments/search"


def ask(
    folder: Path,
    words: tuple[str, ...],
    method: str,
    access: Access | None = None,
    **headers: str,
) -> httpx.Response:
    async def asked() -> httpx.Response:
        with EmbeddedStore(folder) as store:
            app = create_app(store, access or Everyone(), origins=read_origins(words))
            transport = httpx.ASGITransport(app=app)
            async with httpx.AsyncClient(transport=transport, base_url="http://localhost:5000") as client:
                sent = {name.replace("_", "-"): value for name, value in headers.items()}
                body = {"max_results": 1} if method == "POST" else None
                return await client.request(method, SEARCH, json=body, headers=sent)

    return asyncio.run(asked())


PREFLIGHT = {
    "Access_Control_Request_Method": "POST",
    "Access_Control_Request_Headers": "authorization,content-type",
}


@pytest.mark.parametrize(
    ("word", "origin"),
    [
        (APP, APP),
        (f"{APP}/", APP),
        ("HTTPS://App.example.org:443", APP),
        ("https://*.example.org", APP),
        ("http://localhost:*", "http://localhost:3000"),
        (f"http://x.example, {APP}", APP),
    ],
)
def test_an_allowed_page_asks_with_its_credentials(tmp_path: Path, word: str, origin: str) -> None:
    secret = OneSecret("s")
    before = ask(tmp_path, (word,), "OPTIONS", secret, Origin=origin, **PREFLIGHT)
    assert before.status_code == 200
    answer = ask(
        tmp_path,
        (word,),
        "POST",
        secret,
        Origin=origin,
        Authorization="Bearer s",
        Sec_Fetch_Site="cross-site",
    )
    assert answer.status_code == 200
    for one in (before, answer):
        assert one.headers["access-control-allow-origin"] == origin
        assert one.headers["access-control-allow-credentials"] == "true"
        assert "Origin" in one.headers["vary"]
    assert "authorization" in before.headers["access-control-allow-headers"].lower()
    refused = ask(tmp_path, (word,), "POST", secret, Origin=origin)
    assert refused.status_code == 401
    assert refused.headers["access-control-allow-origin"] == origin  # its script reads why


@pytest.mark.parametrize(
    ("word", "origin"),
    [
        (APP, "https://evil.example.org"),
        (APP, "http://app.example.org"),
        (APP, f"{APP}.evil.example"),
        (APP, f"{APP}:8443"),
        (APP, "null"),
        ("https://*.example.org", "https://example.org.evil.example"),
        ("https://*.example.org", "https://xexample.org"),
    ],
)
def test_another_page_is_refused(tmp_path: Path, word: str, origin: str) -> None:
    before = ask(tmp_path, (word,), "OPTIONS", None, Origin=origin, **PREFLIGHT)
    answer = ask(tmp_path, (word,), "POST", Origin=origin)
    assert (before.status_code, answer.status_code) == (400, 403)
    assert "access-control-allow-origin" not in before.headers.keys() | answer.headers.keys()
    assert "--cors-allowed-origins" in answer.json()["message"]


def test_a_page_that_does_not_name_itself_is_refused(tmp_path: Path) -> None:
    assert ask(tmp_path, (APP,), "GET", Sec_Fetch_Site="cross-site").status_code == 403


def test_any_page_may_ask_but_not_with_the_credentials_of_the_browser(tmp_path: Path) -> None:
    before = ask(tmp_path, ("*",), "OPTIONS", None, Origin="https://any.example", **PREFLIGHT)
    answer = ask(tmp_path, ("*",), "POST", Origin="https://any.example", Cookie="reprise-session=x")
    assert (before.status_code, answer.status_code) == (200, 200)
    for one in (before, answer):
        assert "access-control-allow-origin" in one.headers
        assert "access-control-allow-credentials" not in one.headers


def test_without_the_option_nothing_is_shared(tmp_path: Path) -> None:
    answer = ask(tmp_path, (), "POST", Origin=APP)
    assert answer.status_code == 403
    assert not any(name.startswith("access-control") for name in answer.headers)


@pytest.mark.parametrize("word", ["", "app.example.org", "null", f"{APP}/path", "https://", "*://*", "a b"])
def test_what_is_no_origin_is_refused(word: str) -> None:
    with pytest.raises(UsageError, match="--cors-allowed-origins"):
        read_origins((word,))
