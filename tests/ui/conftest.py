"""A server of the pages, a browser to look at them, and a store of real runs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Timer
from typing import TYPE_CHECKING, Any

import pytest

from reprise.tracking.sqlite.store import EmbeddedStore
from tests import machine
from tests.ui.asking import Ask, asking
from tests.ui.sample import Sample, make_sample

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Locator, Page

PATIENCE = 60_000
"""Milliseconds that a page, or a server to come or go, may take on a busy machine until a test gives up."""

Serve = Callable[..., str]
Opened = Callable[..., "Page"]


@contextmanager
def serving(store: Path, home: Path, *options: str) -> Iterator[str]:
    """``reprise ui`` over ``store``, in a process of its own; yields its URL."""
    environ = {**os.environ, "HOME": str(home), "REPRISE_CACHE_DIR": str(home / "cache")}
    environ["REPRISE_STATE_DIR"] = str(home / "state")
    command = [sys.executable, "-m", "reprise", "ui", "--no-browser", "--port", "0", "--store", str(store)]
    with subprocess.Popen([*command, *options], stderr=subprocess.PIPE, text=True, env=environ) as process:
        assert process.stderr is not None
        told: list[str] = []
        found = None
        too_late = Timer(PATIENCE / 1000, process.kill)
        too_late.start()
        for line in process.stderr:
            told.append(line)
            if found := re.search(r"http://\S+", line):
                break
        too_late.cancel()
        assert found, f"the server did not start: {told}"
        with ThreadPoolExecutor(1) as reader:  # who writes to a full pipe waits
            reader.submit(told.extend, process.stderr)
            try:
                yield found.group()
            finally:
                process.terminate()
                try:
                    code = process.wait(PATIENCE / 1000)
                finally:
                    process.kill()
    assert code in (0, -15, 143)
    assert "Traceback" not in "".join(told)


@pytest.fixture
def store(house: Path, tmp_path: Path) -> Iterator[EmbeddedStore]:
    """An empty store of the test's own."""
    with EmbeddedStore(tmp_path / "mlruns") as opened:
        yield opened


@pytest.fixture
def ask(store: EmbeddedStore) -> Ask:
    return asking(store)


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Serves a store of the test's own: ``serve(folder, "--auth", ...)`` answers the URL."""
    with ExitStack() as servers:
        yield lambda store, *options: servers.enter_context(serving(store, tmp_path, *options))


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sample]:
    """A store of real runs behind a server, which all tests of a process share: they must not change it."""
    folder = tmp_path_factory.mktemp("sample")
    made = make_sample(folder)
    with serving(made.store, folder / "home") as url:
        yield made._replace(url=url)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """The Chromium of this machine (Debian's ``chromium``)."""
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=PATIENCE)
    # A wheel that scrolls by and by goes on while the next line of a test looks.
    options = ["--no-sandbox", "--disable-gpu", "--disable-smooth-scrolling"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=machine.browser(), args=options)
        yield browser
        browser.close()


@pytest.fixture
def opened(chromium: Browser) -> Iterator[Opened]:
    """``opened(url, theme="light")``: a page of a fresh visitor. Errors of its scripts fail the test."""
    faults: list[str] = []
    contexts: list[BrowserContext] = []

    def open_page(url: str, *, theme: str = "light", **options: Any) -> Page:
        size = {"width": 1360, "height": 860}
        context = chromium.new_context(
            **{"color_scheme": theme, "viewport": size, "reduced_motion": "reduce", **options}
        )
        contexts.append(context)
        context.set_default_timeout(PATIENCE)
        page = context.new_page()
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on(
            "console", lambda said: faults.append(said.text) if _is_fault(said.type, said.text) else None
        )
        page.goto(url)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert faults == []


def _is_fault(kind: str, text: str) -> bool:
    """A refusal that a test provokes is written to the console by the browser itself."""
    return kind == "error" and "Failed to load resource" not in text


def follow(link: Locator) -> None:
    """Click what leads to another page, and go on when that is there with its scripts."""
    with link.page.expect_navigation():
        link.click()


def settled(page: Page) -> None:
    """Go on when the page has done with the answers that it got: one more goes to and fro behind them."""
    page.evaluate("fetch('/health').then((it) => it.text()).then(() => new Promise(requestAnimationFrame))")


def accessible(page: Page) -> None:
    """axe finds no serious fault on the page as it is now."""
    from axe_playwright_python.sync_playwright import Axe

    # axe is put in from outside: the policy of the page would refuse its script.
    results = Axe().run(page).response
    found = [
        f"{fault['impact']}: {fault['help']}: {node['html'][:200]}"
        for fault in results["violations"]
        if fault["impact"] in ("serious", "critical")
        for node in fault["nodes"]
    ]
    assert found == []


def keep_picture(page: Page, name: str) -> None:
    """A screenshot for people to look at, where SCREENSHOTS names a folder for them."""
    if folder := os.environ.get("SCREENSHOTS"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)
