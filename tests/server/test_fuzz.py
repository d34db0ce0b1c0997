"""Whatever a client sends to whichever verb, it is told what is wrong; the server never breaks down."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, get_type_hints

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reprise.server.api.wire import Verb
from reprise.server.loopback import Loopback
from reprise.server.routes import VERBS
from reprise.tracking.sqlite.store import EmbeddedStore

pytestmark = pytest.mark.slow

KNOWN = ("0", "1", "a", "name", "m-1", "tr-1", "metrics.a > 1", "name = 'a'", "models:/a/1", "a desc")
NUMBERS = (0, 1, -1, 2**31, 2**63 - 1, 2**63, -(2**63) - 1, 10**400, 1e308, -0.0, 0.5)
TEXTS = (
    "",
    " ",
    "\0",
    "..",
    "../..",
    "a/b",
    "é",
    "\ud800",
    "\U0001f600",
    "NaN",
    "1e999",
    "'",
    "`",
    "%",
    "x" * 9000,
)

junk: st.SearchStrategy[Any] = st.recursive(
    st.one_of(st.none(), st.booleans(), st.sampled_from((*NUMBERS, *TEXTS, *KNOWN)), st.text(max_size=20)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KNOWN), inner, max_size=3),
    max_leaves=8,
)
NESTED = "[" * 100_000 + "]" * 100_000


def _likely(hint: Any) -> st.SearchStrategy[Any]:
    """Values near what a field wants, so that the store is reached too."""
    wanted = repr(hint)
    if "tuple" in wanted:
        pair = st.fixed_dictionaries(
            {}, optional=dict.fromkeys(("key", "value", "timestamp", "step", "dataset", "model_id"), junk)
        )
        return st.lists(st.sampled_from(KNOWN) | pair, max_size=3)
    if "int" in wanted:
        return st.sampled_from(NUMBERS)
    return st.sampled_from((*KNOWN, *TEXTS))


def bodies(verb: Verb[Any]) -> st.SearchStrategy[dict[str, Any]]:
    hints = get_type_hints(verb.request, include_extras=True)
    fields = {name: _likely(hint) | junk for name, hint in hints.items()}
    return st.fixed_dictionaries({"colour": junk}, optional=fields)


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """Of a server over a store with a little in it."""
    with EmbeddedStore(tmp_path_factory.mktemp("fuzzed") / "mlruns") as store:
        store.create_registered_model("a")
        store.create_model_version("a", "s3://a/b")
        with Loopback.start(store, "0" * 32) as loopback:
            headers = {"Authorization": f"Bearer {loopback.environ['MLFLOW_TRACKING_TOKEN']}"}
            with httpx.Client(base_url=loopback.uri, headers=headers, timeout=60) as asked:
                yield asked


def _ask(client: httpx.Client, verb: Verb[Any], fields: dict[str, Any], content: bytes | None) -> None:
    path = f"/api/{verb.versions[0]}/mlflow/{verb.path}"
    for name in [part[1:-1] for part in path.split("/") if part.startswith("{")]:
        path = path.replace(f"{{{name}}}", "a")
    if verb.method == "GET":
        query = {name: _texts(value) for name, value in fields.items() if value is not None}
        reply = client.get(path, params=query)
    else:
        body = json.dumps(fields).encode() if content is None else content
        headers = {"Content-Type": "application/json"}
        reply = client.request(verb.method, path, content=body, headers=headers)
    assert reply.status_code < 500 or reply.status_code == 501, (fields, reply.text)
    if reply.status_code != 200:
        assert {"error_code", "message"} <= reply.json().keys()


def _texts(value: Any) -> Any:
    """A value as a query has it: texts."""
    values = value if isinstance(value, list) else [value]
    return [str(item).encode("utf-8", "replace").decode() for item in values]


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: f"{verb.method} {verb.path}")
def test_no_fields_break_a_verb(client: httpx.Client, verb: Verb[Any]) -> None:
    @settings(
        max_examples=25,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )
    @given(bodies(verb))
    def ask(fields: dict[str, Any]) -> None:
        _ask(client, verb, fields, None)

    ask()


@pytest.mark.parametrize(
    "content",
    [
        b"\xff\xfe",
        b'{"name": "\xff"}',
        b'{"name": "\\ud800"}',
        b'{"name": "a", "name": "b"}',
        b'{"tags": ' + NESTED.encode() + b"}",
        NESTED.encode(),
        b'{"max_results": ' + b"9" * 5000 + b"}",
        b'{"value": 1e999999999}',
        b"null",
        b"[]",
        b'"text"',
        b"{",
        b'{"run_id": "\\u0000"}',
        b"\xef\xbb\xbf{}",
        b" ",
    ],
    ids=lambda content: repr(content[:30]),
)
def test_no_bytes_break_a_verb(client: httpx.Client, content: bytes) -> None:
    for verb in VERBS:
        if verb.method != "GET":
            _ask(client, verb, {}, content)
