"""What every page has: its headers, its errors, and the way in."""

from __future__ import annotations

import base64
import json
import re
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from http.client import HTTPConnection, HTTPResponse
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect

from reprise.server.http import users
from reprise.tracking.sqlite.store import EmbeddedStore
from reprise.ui.login import local
from tests.ui.conftest import Opened, Serve, accessible, follow, keep_picture, serving
from tests.ui.sample import Sample

pytestmark = pytest.mark.slow

if TYPE_CHECKING:
    from playwright.sync_api import Page

PASSWORD = "correct horse"
BROWSER = {"Sec-Fetch-Mode": "navigate", "Accept": "text/html"}


class Answer:
    def __init__(self, response: HTTPResponse) -> None:
        self.status = response.status
        self.headers = response.headers
        self.body = response.read().decode()


def ask(
    url: str, path: str, *, method: str = "GET", body: str | None = None, headers: Mapping[str, str] = {}
) -> Answer:
    """One request, as it is; redirections are not followed."""
    connection = HTTPConnection(urlsplit(url).netloc, timeout=20)
    connection.request(method, path, body, dict(headers))
    answer = Answer(connection.getresponse())
    connection.close()
    return answer


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store, and users of each role."""
    folder = tmp_path_factory.mktemp("guarded")
    for name in ("read", "write", "admin", "leaver"):
        users.put(folder / "users", name, "read" if name == "leaver" else name, password=PASSWORD)
    with EmbeddedStore(folder / "mlruns") as store:
        store.create_experiment("secret things")
    return folder


@pytest.fixture(scope="module")
def guarded(folder: Path) -> Iterator[str]:
    """A server that asks who somebody is."""
    with serving(folder / "mlruns", folder, "--auth", str(folder / "users")) as url:
        yield url


def log_in(url: str, name: str, secret: str = PASSWORD, **fields: str) -> Answer:
    form = urllib.parse.urlencode({"name": name, "secret": secret, **fields})
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Origin": url}
    return ask(url, "/login", method="POST", body=form, headers=headers)


def cookie_of(answer: Answer) -> dict[str, str]:
    return {"Cookie": answer.headers["set-cookie"].partition(";")[0]}


@pytest.mark.parametrize("path", ["/experiments", "/models", "/sweeps", "/login", "/nothing"])
def test_every_page_may_load_and_run_only_what_is_ours(sample: Sample, path: str) -> None:
    answer = ask(sample.url, path, headers=BROWSER)
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "<script>" not in answer.body  # a script in the page itself would not run


def test_a_path_that_is_no_page_is_told_as_its_reader_understands(sample: Sample) -> None:
    assert "There is nothing here" in ask(sample.url, "/nothing", headers=BROWSER).body
    told = ask(sample.url, "/api/2.0/mlflow/nothing")
    assert told.status == 404
    assert json.loads(told.body)["error_code"] == "ENDPOINT_NOT_FOUND"


def test_scripts_and_styles_are_kept_by_the_browser_and_packed(sample: Sample) -> None:
    page = ask(sample.url, "/nothing", headers=BROWSER).body
    (path,) = {part for part in page.split('"') if part.endswith("page.js")}
    answer = ask(sample.url, path)
    assert "immutable" in answer.headers["cache-control"]
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    assert ask(sample.url, "/static/x/..%2f..%2fapp.py").status == 404
    assert ask(sample.url, "/static/x/page.html").status == 404


def test_our_scripts_are_small() -> None:
    scripts = files("reprise.ui").joinpath("static").iterdir()
    assert sum(len(each.read_bytes()) for each in scripts if each.name.endswith(".js")) < 102_000


def test_a_visitor_is_led_to_the_login_and_on_to_the_page(guarded: str) -> None:
    away = ask(guarded, "/experiments?filter=a%26b", headers=BROWSER)
    assert away.status == 303
    assert away.headers["location"] == "/login?next=%2Fexperiments%3Ffilter%3Da%2526b"
    entered = log_in(guarded, "read", next="/experiments?filter=a%26b")
    assert (entered.status, entered.headers["location"]) == (303, "/experiments?filter=a%26b")
    cookie = entered.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert ask(guarded, "/experiments", headers={**BROWSER, **cookie_of(entered)}).status == 200


def test_a_wrong_password_opens_nothing(guarded: str) -> None:
    answer = log_in(guarded, "read", "wrong")
    assert answer.status == 401
    assert "set-cookie" not in answer.headers
    assert "unknown token" in answer.body


def test_what_a_page_fetches_is_refused_without_a_window_of_the_browser(guarded: str) -> None:
    fetched = ask(guarded, "/experiments", headers={"Sec-Fetch-Mode": "cors"})
    assert fetched.status == 401
    assert "www-authenticate" not in fetched.headers
    program = ask(guarded, "/api/2.0/mlflow/experiments/get?experiment_id=0")
    assert program.headers["www-authenticate"].startswith("Basic")


def test_a_browser_that_calls_another_machine_is_led_to_the_login_too(guarded: str) -> None:
    """Without HTTPS it says nothing of how it fetches."""
    assert ask(guarded, "/experiments", headers={"Accept": "text/html,*/*;q=0.8"}).status == 303
    fetched = ask(guarded, "/events", headers={"Accept": "*/*", "Referer": f"{guarded}/experiments"})
    assert fetched.status == 401
    assert "www-authenticate" not in fetched.headers


def test_programs_come_in_as_before(guarded: str) -> None:
    secret = base64.b64encode(f"read:{PASSWORD}".encode()).decode()
    path = "/api/2.0/mlflow/experiments/get?experiment_id=0"
    assert ask(guarded, path, headers={"Authorization": f"Basic {secret}"}).status == 200


@pytest.mark.parametrize(("who", "status"), [("read", 403), ("write", 200)])
def test_who_may_read_cannot_write_with_a_session_either(guarded: str, who: str, status: int) -> None:
    headers = {**cookie_of(log_in(guarded, who)), "Content-Type": "application/json"}
    path = "/ajax-api/2.0/mlflow/experiments/create"
    answer = ask(guarded, path, method="POST", body='{"name": "new"}', headers=headers)
    assert answer.status == status


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:1"])
def test_a_foreign_page_cannot_use_a_session(guarded: str, origin: str) -> None:
    headers = {**cookie_of(log_in(guarded, "admin")), "Content-Type": "application/json", "Origin": origin}
    body = '{"name": "foreign"}'
    path = "/ajax-api/2.0/mlflow/experiments/create"
    assert ask(guarded, path, method="POST", body=body, headers=headers).status == 403
    assert ask(guarded, "/logout", method="POST", headers=headers).status == 403
    form = {**headers, "Content-Type": "application/x-www-form-urlencoded"}
    assert (
        ask(guarded, "/login", method="POST", body=f"name=admin&secret={PASSWORD}", headers=form).status
        == 403
    )


def test_who_logged_out_or_was_removed_is_out(guarded: str, folder: Path) -> None:
    first, second = cookie_of(log_in(guarded, "read")), cookie_of(log_in(guarded, "leaver"))
    ask(guarded, "/logout", method="POST", headers={**first, "Origin": guarded})
    assert ask(guarded, "/experiments", headers={**BROWSER, **first}).status == 303
    assert ask(guarded, "/experiments", headers={**BROWSER, **second}).status == 200
    users.remove(folder / "users", "leaver")
    assert ask(guarded, "/experiments", headers={**BROWSER, **second}).status == 303


def test_a_server_with_one_token_takes_it_on_the_login_page(tmp_path: Path, serve: Serve) -> None:
    url = serve(tmp_path / "mlruns", "--token", "open sesame")
    assert log_in(url, "", "wrong").status == 401
    entered = log_in(url, "", "open sesame")
    assert ask(url, "/experiments", headers={**BROWSER, **cookie_of(entered)}).status == 200


def test_behind_a_proxy_the_session_goes_over_https_only(folder: Path, serve: Serve) -> None:
    url = serve(folder / "mlruns", "--auth", str(folder / "users"), "--allowed-host", "ml.example.org")
    form = urllib.parse.urlencode({"name": "read", "secret": PASSWORD})
    kind = "application/x-www-form-urlencoded"
    told = {"Host": "ml.example.org", "X-Forwarded-Proto": "https", "Content-Type": kind}
    ours = {**told, "Origin": "https://ml.example.org"}
    answer = ask(url, "/login", method="POST", body=form, headers=ours)
    assert answer.status == 303
    assert "; secure" in answer.headers["set-cookie"].lower()
    rebound = {**ours, "Host": "evil.example", "Origin": "http://evil.example"}
    assert ask(url, "/login", method="POST", body=form, headers=rebound).status == 403


def test_two_servers_of_one_machine_keep_their_sessions_apart(
    guarded: str, folder: Path, serve: Serve
) -> None:
    """A browser sends the cookies of a host to all of its ports."""
    other = serve(folder / "mlruns", "--auth", str(folder / "users"))
    jar = dict(cookie_of(log_in(url, "read"))["Cookie"].split("=", 1) for url in (guarded, other))
    both = {"Cookie": "; ".join(f"{name}={value}" for name, value in jar.items())}
    for url in (guarded, other):
        assert ask(url, "/experiments", headers={**BROWSER, **both}).status == 200


def test_a_login_ends_the_session_that_was_there_before(guarded: str) -> None:
    first = cookie_of(log_in(guarded, "admin"))
    form = urllib.parse.urlencode({"name": "read", "secret": PASSWORD})
    headers = {**first, "Content-Type": "application/x-www-form-urlencoded", "Origin": guarded}
    second = cookie_of(ask(guarded, "/login", method="POST", body=form, headers=headers))
    assert ask(guarded, "/experiments", headers={**BROWSER, **first}).status == 303
    assert ask(guarded, "/experiments", headers={**BROWSER, **second}).status == 200


@pytest.mark.parametrize(
    ("target", "leads_to"),
    [
        ("/runs/a?x=1#L2", "/runs/a?x=1#L2"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("https://evil.example", "/"),
        ("javascript:alert(1)", "/"),
        ("/a\r\nSet-Cookie: b", "/"),
        ("/\t/evil.example", "/"),
        ("", "/"),
    ],
)
def test_the_login_leads_to_no_other_site(target: str, leads_to: str) -> None:
    assert local(target) == leads_to


def test_the_server_lets_go_of_pages_that_wait_for_news(tmp_path: Path) -> None:
    with serving(tmp_path / "mlruns", tmp_path) as url:
        stream = urllib.request.urlopen(f"{url}/events", timeout=20)
        assert stream.readline() == b"retry: 2000\n"
    assert stream.read() == b"\n"  # which raises where a stream is cut off


def test_news_come_when_another_process_writes(sample: Sample, tmp_path: Path, serve: Serve) -> None:
    with EmbeddedStore(tmp_path / "mlruns") as store:
        store.create_experiment("first")
        with urllib.request.urlopen(f"{serve(tmp_path / 'mlruns')}/events", timeout=20) as stream:
            assert [stream.readline(), stream.readline()] == [b"retry: 2000\n", b"\n"]
            store.create_experiment("second")
            assert stream.readline().startswith(b"id: ")
            assert stream.readline() == b"event: changed\n"


def test_what_changes_between_a_page_and_its_stream_is_told(tmp_path: Path, serve: Serve) -> None:
    with EmbeddedStore(tmp_path / "mlruns") as store:
        store.create_experiment("first")
        url = serve(tmp_path / "mlruns")
        (version,) = re.findall(r'data-news="(\d+)"', ask(url, "/experiments", headers=BROWSER).body)
        store.create_experiment("second")
        with urllib.request.urlopen(f"{url}/events?since={version}", timeout=20) as stream:
            lines = [stream.readline() for _ in range(4)]
    assert lines[3] == b"event: changed\n"


def test_what_changes_while_the_server_is_away_is_told(tmp_path: Path) -> None:
    with EmbeddedStore(tmp_path / "mlruns") as store:
        store.create_experiment("first")
        with serving(tmp_path / "mlruns", tmp_path) as url:
            (version,) = re.findall(r'data-news="(\d+)"', ask(url, "/experiments", headers=BROWSER).body)
        store.create_experiment("second")
        with (
            serving(tmp_path / "mlruns", tmp_path) as url,
            urllib.request.urlopen(f"{url}/events?since={version}", timeout=20) as stream,
        ):
            lines = [stream.readline() for _ in range(4)]
    assert lines[3] == b"event: changed\n"


@pytest.mark.browser
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_logging_in_and_out_with_a_browser(guarded: str, opened: Opened, theme: str) -> None:
    page = opened(f"{guarded}/experiments", theme=theme)
    accessible(page)
    keep_picture(page, f"login-{theme}")
    page.get_by_label("Name").fill("read")
    page.get_by_label("Password or token").fill("wrong")
    page.get_by_role("button", name="Log in").click()
    page.get_by_role("alert").wait_for()
    page.get_by_label("Name").fill("read")
    page.get_by_label("Password or token").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.get_by_text("(read-only)").wait_for()
    assert urlsplit(page.url).path == "/experiments"
    page.get_by_role("button", name="Log out").click()
    page.get_by_label("Password or token").wait_for()


@pytest.mark.browser
def test_a_page_whose_session_has_ended_says_so(guarded: str, opened: Opened) -> None:
    page = opened(f"{guarded}/experiments")
    page.get_by_label("Name").fill("read")
    page.get_by_label("Password or token").fill(PASSWORD)
    follow(page.get_by_role("button", name="Log in"))
    page.get_by_text("(read-only)").wait_for()
    page.context.request.post(f"{guarded}/logout", headers={"Origin": guarded})
    _show(page, False)
    _show(page, True)
    page.get_by_role("link", name="log in again").click()
    page.get_by_label("Password or token").wait_for()
    expect(page).to_have_url(re.compile("next=%2Fexperiments"))


@pytest.mark.browser
def test_the_theme_is_switched_and_remembered(sample: Sample, opened: Opened) -> None:
    page = opened(f"{sample.url}/nothing")
    ground = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(ground)
    page.keyboard.press("t")
    dark = page.evaluate(ground)
    assert light != dark
    page.reload()
    assert page.evaluate(ground) == dark


@pytest.mark.browser
def test_the_addresses_that_mlflow_prints_lead_to_our_pages(sample: Sample, opened: Opened) -> None:
    run = sample.runs[-1]
    page = opened(f"{sample.url}/#/experiments/{run.experiment_id}/runs/{run.run_id}")
    page.wait_for_url(f"{sample.url}/runs/{run.run_id}")
    page = opened(f"{sample.url}/#/models/iris/versions/2")
    page.wait_for_url(f"{sample.url}/models/iris/2")


@pytest.mark.browser
def test_the_keys_of_a_page_are_told(sample: Sample, opened: Opened) -> None:
    page = opened(f"{sample.url}/nothing")
    page.keyboard.press("?")
    page.get_by_text("Switch between light and dark").wait_for()
    page.keyboard.press("Escape")
    expect(page.locator("dialog")).to_have_count(0)


@pytest.mark.browser
def test_a_page_that_nobody_sees_holds_no_connection(tmp_path: Path, serve: Serve, opened: Opened) -> None:
    with EmbeddedStore(tmp_path / "mlruns") as store:
        store.create_experiment("first")
        url = serve(tmp_path / "mlruns")
        page = opened(f"{url}/nothing")
        with page.expect_request("**/events?*"):
            page.goto(f"{url}/experiments")
        with page.expect_event("requestfailed", lambda request: "/events?" in request.url):
            _show(page, False)
        store.create_experiment("made meanwhile")
        with page.expect_request("**/events?*"):
            _show(page, True)
        page.get_by_role("link", name="made meanwhile").wait_for()


def _show(page: Page, is_shown: bool) -> None:
    """As a browser does when another tab is chosen; one without windows never hides a tab by itself."""
    page.evaluate(
        """hidden => {
          Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
          document.dispatchEvent(new Event("visibilitychange"));
        }""",
        not is_shown,
    )
