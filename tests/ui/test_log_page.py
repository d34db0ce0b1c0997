"""The log of a run: while it is written, when it is large, and where there is none."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterator
from html import unescape
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest
from playwright.sync_api import expect
from starlette.types import Message

from reprise.schemas import tags
from reprise.schemas.entities import Run
from reprise.schemas.job import RunStatus
from reprise.tracking.sqlite.store import EmbeddedStore
from reprise.ui.events import MOST, News, streamed
from reprise.ui.log.lines import LineWindow
from reprise.ui.log.tails import LogState, Tail, Told
from tests.ui.asking import Ask, apart, asking
from tests.ui.conftest import Opened, Serve, accessible, keep_picture, serving, settled
from tests.ui.sample import Sample

if TYPE_CHECKING:
    from playwright.sync_api import Page, Route

JOB = "0123456789abcdef"


@pytest.fixture
def run(store: EmbeddedStore) -> Run:
    return _run(store, job=JOB)


def _run(store: EmbeddedStore, job: str | None) -> Run:
    told = {tags.JOB: job} if job else {}
    return store.create_run("0", start_time=1, user_id="ada", run_name="talker", tags=told)


def _log(store: EmbeddedStore, run: Run) -> Path:
    log = store.artifact_folder(run.run_id) / "reprise" / "output.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    return log


def _say(log: Path, text: str) -> None:
    with log.open("a") as file:
        file.write(text)


def test_a_run_of_plain_mlflow_says_why_it_has_no_log(store: EmbeddedStore, ask: Ask) -> None:
    page = ask(f"/runs/{_run(store, None).run_id}/log").text
    assert "Only runs started with reprise run have a log" in page
    assert ask(f"/runs/{_run(store, None).run_id}/log/text").status_code == 404


@pytest.mark.parametrize("job", ("../..", "../" * 9 + "etc", "/etc", "x" * 300, JOB))
def test_a_job_that_a_tag_names_is_looked_for_among_jobs_only(
    store: EmbeddedStore, ask: Ask, job: str, tmp_path: Path
) -> None:
    (tmp_path / "reprise").mkdir()
    (tmp_path / "reprise" / "output.log").write_text("not yours")
    answer = ask(f"/runs/{_run(store, job).run_id}/log/lines")
    assert answer.status_code == 404


def test_the_log_of_a_job_is_read_where_it_lies(
    store: EmbeddedStore, run: Run, ask: Ask, tmp_path: Path
) -> None:
    folder = tmp_path / "mlruns" / "jobs" / JOB / "reprise"
    folder.mkdir(parents=True)
    (folder / "output.log").write_text("from the job\n")
    (folder / "environment.log").write_text("made\n")
    assert _lines(ask(f"/runs/{run.run_id}/log/lines").json()["html"]) == ["from the job"]
    assert _lines(ask(f"/runs/{run.run_id}/log/lines?which=environment").json()["html"]) == ["made"]


def test_what_a_run_printed_is_text(store: EmbeddedStore, run: Run, ask: Ask) -> None:
    _log(store, run).write_text("\x1b[31m<script>owned()</script>\n  kept  apart &lt;\n<b>\r<i>\n")
    for html in (ask(f"/runs/{run.run_id}/log").text, ask(f"/runs/{run.run_id}/log/lines").json()["html"]):
        assert "<script>owned" not in html and "<b>" not in html
        assert _lines(html) == ["<script>owned()</script>", "  kept  apart &lt;", "<i>"]


def test_the_log_is_kept_as_it_is(store: EmbeddedStore, run: Run, ask: Ask) -> None:
    _log(store, run).write_bytes(b"\x1b[31mraw\xff\n")
    answer = ask(f"/runs/{run.run_id}/log/text")
    assert answer.content == b"\x1b[31mraw\xff\n"
    assert answer.headers["content-disposition"].startswith("attachment")
    assert answer.headers["content-type"].startswith("text/plain")


def test_logs_in_a_store_of_objects_are_read(tmp_path: Path) -> None:
    with EmbeddedStore(tmp_path / "mlruns", f"memory://{tmp_path.name}") as store:
        run = _run(store, JOB)
        with store.artifacts_of(run.run_id).writing("reprise/output.log") as file:
            file.write(b"one\ntwo\n")
        assert _lines(asking(store)(f"/runs/{run.run_id}/log/lines?first=1").json()["html"]) == ["two"]


def _lines(html: str) -> list[str]:
    """The texts of rows."""
    rows = re.findall(r'class="line".*?<code>(.*?)</code>', html, re.DOTALL)
    return [unescape(re.sub(r"<[^>]*>", "", row)) for row in rows]


def _told(event: str) -> list[str]:
    return _lines(json.loads(event)["html"])


def _events(response: httpx.Response) -> Iterator[tuple[str, str, str]]:
    """(event, id, data) of each."""
    told: dict[str, str] = {}
    for line in response.iter_lines():
        name, _, value = line.partition(": ")
        if line:
            told[name] = value
        elif "data" in told:
            yield told["event"], told.get("id", ""), told["data"]
            told = {}


@pytest.mark.slow
def test_a_log_is_streamed_to_its_end_and_taken_up_again(
    store: EmbeddedStore, run: Run, serve: Serve, tmp_path: Path
) -> None:
    log = _log(store, run)
    log.write_text("one\ntwo\nthr")
    url = f"{serve(tmp_path / 'mlruns')}/runs/{run.run_id}/log/stream"
    with httpx.stream("GET", url, timeout=20) as response:
        events = _events(response)
        kind, place, data = next(events)
        assert (kind, _told(data)) == ("lines", ["one", "two", "thr"])
        assert place == "2"  # the third line is not complete: it comes again
        _say(log, "ee\n")
        assert _told(next(events)[2]) == ["three"]
    _say(log, "four\n")
    with httpx.stream("GET", url, headers={"Last-Event-ID": place}, timeout=20) as response:
        events = _events(response)
        lines = _told(next(events)[2])
        while lines[-1] != "four":
            lines += _told(next(events)[2])
        assert lines == ["three", "four"]
        _say(log, "last\n")
        store.update_run(run.run_id, status="FAILED", end_time=2)
        rest = list(events)
    assert [_told(data) for kind, _, data in rest if kind == "lines"] == [["last"]]
    assert rest[-1][::2] == ("end", '"FAILED"')


@pytest.mark.slow
def test_a_server_stops_though_a_log_is_followed(store: EmbeddedStore, run: Run, tmp_path: Path) -> None:
    _log(store, run).write_text("one\n")
    with serving(tmp_path / "mlruns", tmp_path) as url:
        client = httpx.Client(timeout=20)
        response = client.send(
            client.build_request("GET", f"{url}/runs/{run.run_id}/log/stream"), stream=True
        )
        next(_events(response))
    # serving() has seen the server end while the stream was open
    response.close()
    client.close()


def test_readers_who_are_at_the_same_line_are_told_by_one_reading(
    store: EmbeddedStore, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    _log(store, run).write_text("one\ntwo\n")
    tail = Tail(store, run.run_id, "output")
    read: list[int | None] = []

    def window(first: int | None, count: int) -> LineWindow | None:
        read.append(first)
        return Tail.window(tail, first, count)

    async def told(first: int, size: int) -> Told | None:
        return await tail.told(first, 500, LogState(size, RunStatus.RUNNING))

    async def scenario() -> None:
        together = await asyncio.gather(*(told(0, 8) for _ in range(50)))
        assert {tuple(one.window.lines) for one in together if one} == {("one", "two")}
        assert read == [0]
        await told(1, 8)
        await told(1, 12)
        assert read == [0, 1, 1]

    monkeypatch.setattr(tail, "window", window)
    apart(scenario())


def test_a_server_has_no_more_readers_than_it_can_hold(store: EmbeddedStore) -> None:
    news = News(store)
    news.streams = MOST - 1

    async def beats() -> AsyncIterator[str]:
        async for _ in news.changes(None):
            yield ": still here"

    async def read() -> None:
        async def send(message: Message) -> None:
            """Whatever it is told."""

        await streamed(news, beats())({"type": "http"}, asyncio.Event().wait, send)  # type: ignore[arg-type]

    async def scenario() -> None:
        let_in, *others = (asyncio.create_task(read()) for _ in range(3))  # all at once
        refused = await asyncio.gather(*others, return_exceptions=True)
        assert [str(error) for error in refused] == ["Too many open pages on this server"] * 2
        news.stop()
        await let_in
        assert news.streams == MOST - 1

    apart(scenario())


def test_who_follows_a_log_is_asked_now_and_then_who_they_are(
    store: EmbeddedStore, run: Run, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    _log(store, run).write_text("one\n")
    monkeypatch.setattr("reprise.ui.events.LASTS", 0.0)
    answer = ask(f"/runs/{run.run_id}/log/stream")  # it ends, though the run goes on
    assert "event: end" not in answer.text


def _shown(page: Page) -> str:
    return page.get_by_role("region", name="Output of the run").inner_text()


@pytest.mark.browser
def test_new_lines_appear_until_one_scrolls_up(
    store: EmbeddedStore, run: Run, serve: Serve, opened: Opened, tmp_path: Path
) -> None:
    log = _log(store, run)
    page = opened(f"{serve(tmp_path / 'mlruns')}/runs/{run.run_id}/log")
    page.get_by_text("Nothing was printed yet").wait_for()
    _say(
        log, "\x1b[32mbegun\x1b[0m <b>not bold</b>\x1b]8;;http://evil.example\x07link\x1b]8;;\x07\x1b[2J\n"
    )
    page.get_by_text("begun <b>not bold</b>link", exact=True).wait_for()
    assert page.locator(".f-2").inner_text() == "begun"
    _say(log, "\r 10%|#     |\r 20%|##    |")
    page.get_by_text("20%|##    |").wait_for()
    _say(log, "\r100%|######|\n")
    page.get_by_text("100%|######|").wait_for()
    assert "20%" not in _shown(page)
    _say(log, "".join(f"step {step}\n" for step in range(900)))
    page.get_by_text("step 899", exact=True).wait_for()
    _say(log, "".join(f"step {step}\n" for step in range(900, 1800)))
    page.get_by_text("step 1799", exact=True).wait_for()
    expect(page.locator(".line")).to_have_count(1000)  # each one makes the next dearer to draw
    follow = page.get_by_label("Follow")
    assert follow.is_checked()
    page.locator("#log").hover()
    page.mouse.wheel(0, -2000)
    expect(follow).not_to_be_checked()
    settled(page)
    top = page.locator("#log").evaluate("box => box.scrollTop")
    _say(log, "one more\n")
    page.get_by_text("of 1,803").wait_for()
    assert page.locator("#log").evaluate("box => box.scrollTop") == top
    page.get_by_role("button", name="End").click()
    page.get_by_text("one more", exact=True).wait_for()
    store.update_run(run.run_id, status="FINISHED", end_time=2)
    page.locator(".status.finished").wait_for()


@pytest.mark.browser
@pytest.mark.parametrize("theme", ("light", "dark"))
def test_a_large_log_is_gone_through(
    store: EmbeddedStore, run: Run, serve: Serve, opened: Opened, tmp_path: Path, theme: str
) -> None:
    lines = (f"line {number} {'needle' if number % 6000 == 0 else 'hay'}\n" for number in range(1, 20_001))
    _log(store, run).write_text("".join(lines))
    store.update_run(run.run_id, status="FINISHED", end_time=2)
    url = f"{serve(tmp_path / 'mlruns')}/runs/{run.run_id}/log"
    page = opened(url, theme=theme)
    page.get_by_text("line 20000 hay").wait_for()
    page.get_by_role("searchbox", name="Search in the log").fill("NEEDLE")
    page.get_by_text("3 lines").wait_for()
    page.locator("#log").focus()
    page.keyboard.press("N")
    page.get_by_text("3 of 3 lines").wait_for()
    page.keyboard.press("n")
    page.get_by_text("1 of 3 lines").wait_for()
    page.get_by_text("line 6000 needle").wait_for()
    accessible(page)
    page.locator("#L6000 a").click()
    page.locator("#L6005 a").click(modifiers=["Shift"])
    expect(page).to_have_url(re.compile("#L6000-L6005$"))
    expect(page.locator(".line.chosen")).to_have_count(6)
    keep_picture(page, f"log-{theme}")
    address = page.url
    page.goto("about:blank")
    page.goto(address)
    page.get_by_text("line 6003 hay").wait_for()
    expect(page.locator("#L6000")).to_be_in_viewport()
    expect(page.locator(".line.chosen")).to_have_count(6)
    page.locator("#log").hover()
    for further in ("#L5600", "#L5100"):
        page.mouse.wheel(0, -20_000)
        page.locator(further).wait_for()
    page.get_by_role("button", name="Start").click()
    page.get_by_text("line 1 hay").wait_for()
    page.get_by_label("Go to line").fill("15000")
    page.keyboard.press("Enter")
    page.get_by_text("line 15000 hay").wait_for()
    page.get_by_label("Wrap").uncheck()
    expect(page).to_have_url(re.compile("wrap=no"))


@pytest.mark.browser
def test_of_two_places_the_one_asked_for_last_is_shown(
    store: EmbeddedStore, run: Run, serve: Serve, opened: Opened, tmp_path: Path
) -> None:
    _log(store, run).write_text("".join(f"line {number} hay\n" for number in range(1, 20_001)))
    store.update_run(run.run_id, status="FINISHED", end_time=2)
    page = opened(f"{serve(tmp_path / 'mlruns')}/runs/{run.run_id}/log")
    held: list[Route] = []
    slow = re.compile("/log/lines.*first=9749")
    page.route(slow, lambda route: held.append(route))

    def go(line: str) -> None:
        page.get_by_label("Go to line").fill(line)
        page.get_by_label("Go to line").press("Enter")

    with page.expect_request(slow):
        go("10000")
    go("5000")
    page.get_by_text("line 5000 hay").wait_for()
    with page.expect_response(slow) as late:
        held[0].continue_()
    late.value.finished()
    settled(page)
    page.locator("#L5000").wait_for()
    assert page.locator("#L10000").count() == 0


@pytest.mark.browser
def test_the_colours_of_a_real_run_are_readable(sample: Sample, opened: Opened) -> None:
    for theme in ("light", "dark"):
        page = opened(f"{sample.url}/runs/{sample.failed.run_id}/log", theme=theme)
        assert page.locator(".f-1").inner_text() == "no such data"
        accessible(page)


_COLOURS = "".join(
    f"\x1b[{code}m{code} \x1b[0m"
    for code in (*range(30, 38), *range(40, 48), *range(90, 98), *range(100, 108), 7, 2)
)
_DEEP = (
    "\x1b[38;5;226myellow\x1b[0m\x1b[38;2;255;255;200mpale\x1b[0m"
    "\x1b[48;2;0;0;90mnight\x1b[0m\x1b[38;5;17mdeep\x1b[0m"
)


@pytest.mark.browser
@pytest.mark.parametrize("theme", ("light", "dark"))
def test_every_colour_can_be_read_on_its_ground(
    store: EmbeddedStore, run: Run, serve: Serve, opened: Opened, tmp_path: Path, theme: str
) -> None:
    _log(store, run).write_text(f"{_COLOURS}\n{_DEEP}\n")
    store.update_run(run.run_id, status="FINISHED", end_time=2)
    page = opened(f"{serve(tmp_path / 'mlruns')}/runs/{run.run_id}/log", theme=theme)
    page.get_by_text("night").wait_for()
    expect(page.locator(".line span")).to_have_count(38)
    accessible(page)
