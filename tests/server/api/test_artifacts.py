"""Artifacts over HTTP: uploads in parts, ranges, and roots that are no folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from reprise.server.loopback import Loopback
from reprise.tracking.sqlite.store import EmbeddedStore

API = "/api/2.0/mlflow-artifacts"
FILE = f"{API}/artifacts/0/r/artifacts/data.bin"
CONTENT = bytes(range(256)) * 10


@pytest.fixture(params=["folder", "objects"])
def client(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[httpx.Client]:
    root = f"memory://{tmp_path.name}" if request.param == "objects" else None
    with (
        EmbeddedStore(tmp_path / "mlruns", root) as store,
        Loopback.start(store, "0" * 32) as loopback,
        httpx.Client(base_url=loopback.uri, timeout=60) as client,
    ):
        client.headers["Authorization"] = f"Bearer {loopback.environ['MLFLOW_TRACKING_TOKEN']}"
        yield client


@pytest.mark.parametrize(
    ("asked", "status", "content", "told"),
    [
        (None, 200, CONTENT, None),
        ("bytes=0-3", 206, CONTENT[:4], "bytes 0-3/2560"),
        ("bytes=2550-", 206, CONTENT[2550:], "bytes 2550-2559/2560"),
        ("bytes=-5", 206, CONTENT[-5:], "bytes 2555-2559/2560"),
        ("bytes=2000-999999", 206, CONTENT[2000:], "bytes 2000-2559/2560"),
        ("bytes=2560-", 416, None, "bytes */2560"),
    ],
)
def test_a_file_or_a_range_of_it(
    client: httpx.Client, asked: str | None, status: int, content: bytes | None, told: str | None
) -> None:
    assert client.put(FILE, content=CONTENT).status_code == 200
    reply = client.get(FILE, headers={"Range": asked} if asked else {})
    assert (reply.status_code, reply.headers.get("content-range")) == (status, told)
    assert content is None or reply.content == content
    assert status == 416 or reply.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("name", ["a.js", "a.css", "a.html", "a.svg", "a.mjs"])
def test_no_page_can_take_an_artifact_for_a_script_of_ours(client: httpx.Client, name: str) -> None:
    assert client.put(f"{FILE}/{name}", content=b"alert(1)").status_code == 200
    kept = client.get(f"{FILE}/{name}", headers={"Accept": "text/javascript"}).headers
    assert kept["content-type"].partition(";")[0] in ("text/plain", "text/html", "image/svg+xml")
    assert kept["x-content-type-options"] == "nosniff"
    assert kept["content-security-policy"].startswith("sandbox;")
    assert kept["content-disposition"] == f"attachment; filename={name}"


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.txt", "text/plain"),
        ("MLmodel", "text/plain"),
        ("a.json", "text/plain"),
        ("a.png", "image/png"),
        ("a.pdf", "application/pdf"),
        ("a.html", "text/html"),
        ("a.weird", "application/octet-stream"),
        ("pickle", "application/octet-stream"),
    ],
)
def test_a_file_has_the_type_of_its_name(client: httpx.Client, name: str, kind: str) -> None:
    assert client.put(f"{FILE}/{name}", content=b"x").status_code == 200
    assert client.get(f"{FILE}/{name}").headers["content-type"].partition(";")[0] == kind


def test_a_name_beyond_ascii_is_given_twice(client: httpx.Client) -> None:
    assert client.put(f"{FILE}/größe 1.txt", content=b"x").status_code == 200
    said = client.get(f"{FILE}/größe 1.txt").headers["content-disposition"]
    assert said == "attachment; filename=\"gr__e 1.txt\"; filename*=UTF-8''gr%C3%B6%C3%9Fe%201.txt"


def test_not_even_an_error_is_guessed_at(client: httpx.Client) -> None:
    for path in (f"{API}/artifacts/0/none", "/get-artifact?run_id=none&path=a", "/nowhere"):
        reply = client.get(path)
        assert reply.status_code == 404 and reply.headers["x-content-type-options"] == "nosniff"


def test_all_artifacts_are_not_deleted_at_once(client: httpx.Client) -> None:
    assert client.put(FILE, content=b"x").status_code == 200
    for path in ("%2E", "0/%2E%2E", "%2E/"):
        assert client.delete(f"{API}/artifacts/{path}").status_code == 400
    assert client.get(FILE).status_code == 200


def test_a_path_that_no_system_takes_is_the_fault_of_who_asks(client: httpx.Client) -> None:
    for ask in (client.get, client.delete):
        answer = ask(FILE + "/é" * 1001)
        assert answer.status_code == 400
        assert "is longer than 3000 bytes" in answer.json()["message"]


def _begin(client: httpx.Client, parts: int) -> tuple[str, list[dict[str, str]]]:
    asked = {"path": "/home/ada/data.bin", "num_parts": parts}
    begun = client.post(f"{API}/mpu/create/0/r/artifacts", json=asked).json()
    return begun["upload_id"], begun["credentials"]


def _complete(client: httpx.Client, upload_id: str, parts: list[dict[str, object]]) -> httpx.Response:
    asked = {"path": "/home/ada/data.bin", "upload_id": upload_id, "parts": parts}
    return client.post(f"{API}/mpu/complete/0/r/artifacts", json=asked)


def test_an_upload_in_parts(client: httpx.Client) -> None:
    upload_id, places = _begin(client, 3)
    pieces = [b"a" * 1_500_000, b"b" * 7, b"c"]
    sent: list[dict[str, object]] = []
    for place, piece in reversed(list(zip(places, pieces, strict=True))):
        plain = httpx.put(place["url"], content=piece, headers=place["headers"])  # type: ignore[arg-type]
        sent.append({"part_number": place["part_number"], "etag": plain.headers["etag"]})
    assert client.get(FILE).status_code == 404
    assert _complete(client, upload_id, sent).json() == {}
    assert client.get(FILE).content == b"".join(pieces)
    assert _complete(client, upload_id, sent).status_code == 404


def test_an_upload_of_parts_that_did_not_arrive_is_refused(client: httpx.Client) -> None:
    upload_id, places = _begin(client, 2)
    part = client.put(places[0]["url"], content=b"x")
    given = {"part_number": 1, "etag": part.headers["etag"]}
    for parts in ([given, {"part_number": 2, "etag": "e"}], [{"part_number": 1, "etag": "wrong"}], []):
        assert _complete(client, upload_id, parts).status_code == 400
    elsewhere = {"path": "other", "upload_id": upload_id, "parts": [given]}
    assert client.post(f"{API}/mpu/complete/0/r/artifacts", json=elsewhere).status_code == 400
    assert client.get(FILE).status_code == 404


def test_an_upload_that_is_given_up(client: httpx.Client, tmp_path: Path) -> None:
    upload_id, places = _begin(client, 1)
    client.put(places[0]["url"], content=b"x")
    asked = {"path": "data.bin", "upload_id": upload_id}
    assert client.post(f"{API}/mpu/abort/0/r/artifacts", json=asked).status_code == 200
    assert client.put(places[0]["url"], content=b"x").status_code == 404
    assert not any((tmp_path / "mlruns" / "arriving").iterdir())


@pytest.mark.parametrize("upload_id", ["..", "0" * 32, "%2e%2e%2f"])
def test_an_upload_that_nobody_began(client: httpx.Client, upload_id: str) -> None:
    assert client.put(f"{API}/mpu/part/{upload_id}/1", content=b"x").status_code in {400, 404}
    asked = {"path": "x", "upload_id": upload_id}
    assert client.post(f"{API}/mpu/abort/x", json=asked).status_code == 404


@pytest.mark.parametrize("folder", ["..", "a/../..", "..%2f..%2fx"])
def test_an_upload_in_parts_stays_inside(client: httpx.Client, folder: str) -> None:
    reply = client.post(f"{API}/mpu/create/{folder}", json={"path": "x"})
    assert reply.status_code in {400, 404}


def test_not_everything_is_deleted_at_once(client: httpx.Client) -> None:
    client.put(FILE, content=b"x")
    assert client.delete(f"{API}/artifacts/").status_code in {307, 400, 404}
    assert client.get(FILE).content == b"x"


def test_a_page_uploads_a_file_of_a_run(tmp_path: Path) -> None:
    with (
        EmbeddedStore(tmp_path / "mlruns") as store,
        Loopback.start(store, "0" * 32) as loopback,
        httpx.Client(base_url=loopback.uri, timeout=60) as client,
    ):
        client.headers["Authorization"] = f"Bearer {loopback.environ['MLFLOW_TRACKING_TOKEN']}"
        run = store.create_run("0", start_time=1, user_id="ada").run_id
        url = "/ajax-api/2.0/mlflow/upload-artifact"
        assert client.post(f"{url}?run_uuid={run}&path=d/a.txt", content=b"hello").status_code == 200
        assert client.get(f"/get-artifact?run_id={run}&path=d/a.txt").content == b"hello"
        for query in (f"run_uuid={run}", "path=a", f"run_uuid={run}&path=../a"):
            assert client.post(f"{url}?{query}", content=b"x").status_code == 400
        assert client.post(f"{url}?run_uuid={run}&path=empty").status_code == 400
        assert client.post(f"{url}?run_uuid={'0' * 32}&path=a", content=b"x").status_code == 404
        model = store.create_logged_model("0", name="m").model_id
        with store.artifacts_of(model).writing("MLmodel") as file:
            file.write(b"flavors: {}")
        files = f"/ajax-api/2.0/mlflow/logged-models/{model}/artifacts/files"
        assert client.get(f"{files}?artifact_file_path=MLmodel").content == b"flavors: {}"
        assert client.get(files).status_code == 400
        assert client.get("/api/2.0/preview/mlflow/experiments/list").json()["experiments"]
        assert client.get("/api/2.0/mlflow/registered-models/list").json() == {}
