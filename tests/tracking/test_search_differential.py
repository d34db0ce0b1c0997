"""The same searches on a real MLflow server and on ours find the same, or differ on purpose."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from reprise.server.loopback import Loopback
from reprise.tracking.sqlite.store import EmbeddedStore
from tests.fakes import mlflow_server
from tests.tracking import filters
from tests.tracking.filters import lines
from tests.tracking.search_differences import OTHERWISE, STRICTER, WIDER, differing
from tests.tracking.searched import Found, Server

ASKED = [
    (kind, what, text)
    for kind, what, texts in (
        ("runs", "filter", filters.RUN_FILTERS),
        ("runs", "order", filters.RUN_ORDERS),
        ("experiments", "filter", filters.EXPERIMENT_FILTERS),
        ("experiments", "order", filters.EXPERIMENT_ORDERS),
        ("registered-models", "filter", filters.MODEL_FILTERS),
        ("registered-models", "order", filters.MODEL_ORDERS),
        ("model-versions", "filter", filters.VERSION_FILTERS),
        ("model-versions", "order", filters.VERSION_ORDERS),
        ("logged-models", "filter", filters.LOGGED_MODEL_FILTERS),
    )
    for text in lines(texts)
]
KINDS = sorted({(kind, what) for kind, what, _ in ASKED})


@pytest.fixture(scope="module")
def theirs() -> Iterator[Server]:
    server = Server(mlflow_server.tracking_uri("searches"))
    yield server
    server.close()


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("searched") / "mlruns"
    with EmbeddedStore(folder) as store, Loopback.start(store, "0" * 32) as loopback:
        server = Server(loopback.uri, loopback.environ["MLFLOW_TRACKING_TOKEN"])
        yield server
        server.close()


def ask(server: Server, kind: str, what: str, text: str) -> Found:
    return server.search(kind, text) if what == "filter" else server.search(kind, "", [text])


@pytest.mark.mlflow
@pytest.mark.parametrize(("kind", "what"), KINDS)
def test_a_search_finds_what_mlflow_finds(theirs: Server, ours: Server, kind: str, what: str) -> None:
    different = differing(WIDER) | differing(STRICTER) | differing(OTHERWISE)
    asked = [one for one in ASKED if one[:2] == (kind, what)]
    answers = {one: (ask(ours, *one), ask(theirs, *one)) for one in asked}
    differ = {one: answer for one, answer in answers.items() if answer[0] != answer[1]}
    assert {one: answer for one, answer in differ.items() if one not in different} == {}
    assert {one for one in different if one[:2] == (kind, what)} <= differ.keys()


@pytest.mark.mlflow
def test_the_differences_are_of_the_kind_that_is_said(theirs: Server, ours: Server) -> None:
    for one in differing(WIDER):
        assert (ask(ours, *one).status, ask(theirs, *one).status != 200) == (200, True), one
    for one in differing(STRICTER):
        assert ask(ours, *one).status == 400, one
    for one in differing(OTHERWISE):
        assert (ask(ours, *one).status, ask(theirs, *one).status) == (200, 200), one


@pytest.mark.mlflow
@pytest.mark.parametrize("size", [1, 3, 50])
def test_orders_of_two_are_mlflows(theirs: Server, ours: Server, size: int) -> None:
    for order in (
        ["metrics.loss DESC", "metrics.acc"],
        ["params.depth", "start_time ASC"],
        ["tags.team DESC", "params.name", "metrics.acc DESC"],
        ["status", "end_time DESC"],
    ):
        assert ours.search("runs", "", order, size) == theirs.search("runs", "", order, size), order


@pytest.mark.slow
def test_no_search_breaks_our_server_down(ours: Server) -> None:
    for one in ASKED:
        assert ask(ours, *one).status in {200, 400}, one
