"""Every parser of text from outside: what it gets, and what it may say of what it cannot read."""

from __future__ import annotations

import gzip
import io
import json
import pickle
import struct
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from reprise.errors import RepriseError

Expected = tuple[type[BaseException], ...]


class Target(NamedTuple):
    """``try_input`` gets bytes and an empty folder; it raises nothing but ``expected``."""

    name: str
    try_input: Callable[[bytes, Path], object]
    seeds: tuple[bytes, ...]
    words: tuple[bytes, ...] = ()
    expected: Expected = (RepriseError,)


TARGETS: list[Target] = []


def target(
    name: str, *seeds: bytes, words: str = "", expected: Expected = (RepriseError,)
) -> Callable[[Callable[[bytes, Path], object]], Callable[[bytes, Path], object]]:
    """Register a function as a target."""

    def register(function: Callable[[bytes, Path], object]) -> Callable[[bytes, Path], object]:
        known = tuple(word.encode() for word in words.split())
        TARGETS.append(Target(name, function, seeds or (b"",), known, expected))
        return function

    return register


def text(data: bytes) -> str:
    """As arguments come to a process: what is no UTF-8 is half a character."""
    return data.decode("utf-8", "surrogateescape")


def plain_text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


# --- the files of a project -------------------------------------------------------------------------

MLPROJECT = b"""name: x
python_env: python_env.yaml
entry_points:
  main:
    parameters:
      C: {type: float, default: 1.0, min: 0, max: 10}
      data: {type: path, default: a.csv}
      names: {type: "list[string]", default: [a, b]}
      kind: {type: string, enum: [a, b], pattern: "[ab]", secret: true}
    command: "python train.py --C {C} '{data}' \\"{names}\\" {kind} # {C}"
"""


def _load(folder: Path) -> None:
    from reprise.schemas.loader import load_project

    project = load_project(folder)
    for entry_point in project.entry_points.values():
        _read_command(entry_point.command)


@target(
    "mlproject",
    MLPROJECT,
    b"docker_env: {image: a:1, volumes: ['/a:/b'], environment: [[A, b], C]}\nname: y\n",
    words="entry_points: parameters: command: conda_env: docker_env: type: default:",
)
def try_mlproject(data: bytes, folder: Path) -> None:
    (folder / "python_env.yaml").write_text("python: 3.11\n")
    (folder / "MLproject").write_bytes(data)
    _load(folder)


@target(
    "conda.yaml",
    b"name: x\nchannels: [conda-forge]\ndependencies:\n- python=3.11\n- pip:\n  - a==1\n"
    b"variables: {A: b}\n",
    words="dependencies: channels: - pip: nodefaults",
)
def try_conda(data: bytes, folder: Path) -> None:
    (folder / "MLproject").write_text("conda_env: conda.yaml\n")
    (folder / "conda.yaml").write_bytes(data)
    _load(folder)


@target(
    "python_env.yaml",
    b"python: '3.11'\nbuild_dependencies: [pip]\ndependencies:\n- -r requirements.txt\n- a==1\n",
)
def try_python_env(data: bytes, folder: Path) -> None:
    (folder / "MLproject").write_text("python_env: env.yaml\n")
    (folder / "env.yaml").write_bytes(data)
    _load(folder)


@target(
    "pyproject.toml",
    b'[project]\nname = "a"\nversion = "1"\nrequires-python = ">=3.11"\ndependencies = ["a==1"]\n'
    b'[tool.uv.sources]\na = {path = "../a"}\n[tool.pixi.dependencies]\npython = "*"\n',
)
def try_pyproject(data: bytes, folder: Path) -> None:
    from reprise.envs.project_files import pyproject
    from reprise.schemas.environment import PythonEnv
    from reprise.schemas.loader import load_project

    (folder / "pyproject.toml").write_bytes(data)
    project = load_project(folder)
    if isinstance(project.environment, PythonEnv):
        pyproject.read_pyproject(project.environment)


@target(
    "requirements.txt",
    b"a==1 --hash=sha256:" + b"a" * 64 + b"\nb[c]>=1; python_version<'3'\n-r other.txt\n"
    b"-c c.txt\n--index-url https://u:p@h/simple\n-e ./local\ngit+https://h/r@v#egg=x\nb @ https://h/b.whl\n",
    words="-r -e -f --find-links --hash= ; extra== @ file:///",
)
def try_requirements(data: bytes, folder: Path) -> None:
    from reprise.envs.project_files import requirement_files
    from reprise.envs.project_files.requirement_text import decode_text

    try:
        lines = decode_text(data).splitlines()
    except (UnicodeError, LookupError):
        return
    requirement_files.read_requirements(lines, folder, folder / "requirements.txt")


@target("params file", b"C: 1\ndata: a\nnames: [a, b]\n", b'{"C": 1}')
def try_params_file(data: bytes, folder: Path) -> None:
    from reprise.runner.planning.request import read_params_file

    (folder / "params.yaml").write_bytes(data)
    read_params_file(folder / "params.yaml")


@target(
    "tolerance file",
    b"tolerance: 1e-6\nmetrics:\n  loss: {relative: 0.1}\nignore:\n  files: ['*.log', '**/x']\n",
)
def try_tolerance(data: bytes, folder: Path) -> None:
    from reprise.schemas import tolerance

    (folder / "tolerance.yaml").write_bytes(data)
    tolerance.read_tolerance(folder / "tolerance.yaml")


# --- locks --------------------------------------------------------------------------------------------

CONDA_LOCK = b"""version: 1
metadata: {content_hash: {linux-64: a}, channels: [{url: conda-forge}], platforms: [linux-64]}
package:
- {name: a, version: '1', manager: conda, platform: linux-64, dependencies: {}, category: main,
   url: 'https://h/conda-forge/linux-64/a-1-0.conda', hash: {md5: %s, sha256: %s}}
""" % (b"a" * 32, b"b" * 64)
UV_LOCK = b"""version = 1
requires-python = ">=3.11"
[[package]]
name = "a"
version = "1"
source = { registry = "https://h/simple" }
wheels = [{ url = "https://h/a-1-py3-none-any.whl", hash = "sha256:%s", size = 1 }]
""" % (b"a" * 64)


def _lock(name: str) -> Callable[[bytes, Path], object]:
    def try_lock(data: bytes, folder: Path) -> None:
        from reprise.envs import lock_packages

        (folder / name).write_bytes(data)
        lock_packages.read_packages(folder / name)

    return try_lock


for _name, _seed in (
    ("conda-lock.yml", CONDA_LOCK),
    (
        "pixi.lock",
        b"version: 6\nenvironments: {default: {channels: [], packages: {linux-64: [{conda: 'https://h/a-1-0.conda'}]}}}\n"
        b"packages:\n- {conda: 'https://h/linux-64/a-1-0.conda', sha256: %s}\n" % (b"a" * 64),
    ),
    ("requirements.lock", b"a==1 \\\n    --hash=sha256:" + b"a" * 64 + b"\n-e file:.\nb @ file:///x\n"),
    ("environment.lock", b'{"manager": "virtualenv", "python": "3.11.2", "requirements": ["a==1"]}'),
    ("uv.lock", UV_LOCK),
    (
        "pylock.toml",
        b"lock-version = '1.0'\n[[packages]]\nname = 'a'\nversion = '1'\nwheels = [{url = 'https://h/a'}]\n",
    ),
):
    target(f"lock {_name}", _seed)(_lock(_name))


# --- what the command line takes ------------------------------------------------------------------------


@target(
    "locations",
    b"https://u:t@h/o/r.git#sub@v1",
    b"git@h:o/r.git#a/b",
    b"file:///tmp/r.git#x",
    b"./a#b",
    b"a.zip#b",
    b"https://github.com/o/r/tree/main/x",
    b"ssh://git@h:22/r",
    words="ext:: -u --upload-pack= # @ .git .zip tree/",
)
def try_location(data: bytes, folder: Path) -> None:
    from reprise.runner.sources.locations import locate_project

    locate_project(text(data), folder)


@target(
    "shell words",
    b"python a.py --C {C} '{d}' \"{n}\" $(x {C}) `y` <<E\n{C}\nE\n",
    b"a; b && c | d > {x} # '{C}'",
    words="{C} << <<- $( ${ $(( ' \" \\ ;; case esac do done",
    expected=(RepriseError, ValueError),
)
def try_shell(data: bytes, folder: Path) -> None:
    _read_command(plain_text(data))


def _read_command(command: str) -> None:
    from reprise.runner.shell.reader import read_places

    read_places(command)


@target("parameters", b"C=1", b"C", b"a=b=c", b"=1", b"a b=\n")
def try_parameter(data: bytes, folder: Path) -> None:
    from reprise.cli.words import name_values

    name_values("-P", (text(data),))


@target("backend config", b'{"grace_period": 3}', b"x.json")
def try_backend_config(data: bytes, folder: Path) -> None:
    from reprise.backends import registry
    from reprise.runner.planning.request import make_request

    request = make_request(".", parameters={}, sources={}, backend_config=text(data).replace("/", ""))
    registry.read_config(registry.get("local"), request.backend_config)


@target(
    "sizes, dates and versions",
    b"10MiB",
    b"2024-01-01",
    b"2024-01-01T10:00:00Z",
    b"3.11",
    b">=3.9,<4",
    b"commit",
)
def try_words(data: bytes, folder: Path) -> None:
    from reprise.envs.conda.specs import split_channel
    from reprise.runner.planning import as_of
    from reprise.runner.planning.request import read_python
    from reprise.units import read_size

    for read in (lambda word: read_size("x", word), as_of.read_as_of, read_python, split_channel):
        try:
            read(plain_text(data))
        except (RepriseError, ValueError):
            continue


@target(
    "host and origin options",
    b"a.b:80,[::1]:*,*",
    b"https://a.b:1,*",
    b"/prefix",
    b"*.example.org",
    words="* , : [ ]",
)
def try_hosts(data: bytes, folder: Path) -> None:
    from reprise.server.http.foreign import read_origins
    from reprise.server.http.hosts import read_hosts, split_host
    from reprise.server.http.prefix import read_prefix

    word = plain_text(data)
    split_host(word)
    for read in (
        lambda given: read_hosts([given], "0.0.0.0"),
        lambda given: read_origins([given]),
        read_prefix,
    ):
        try:
            read(word)
        except RepriseError:
            continue


# --- archives and bundles ---------------------------------------------------------------------------------


def zipped(files: Mapping[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return out.getvalue()


def tarred(files: Mapping[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
        for kind in (
            tarfile.SYMTYPE,
            tarfile.LNKTYPE,
            tarfile.CHRTYPE,
            tarfile.FIFOTYPE,
            tarfile.GNUTYPE_SPARSE,
        ):
            member = tarfile.TarInfo(f"m{kind!r}")
            member.type, member.linkname = kind, "../../x"
            archive.addfile(member)
    return out.getvalue()


FILES = {"MLproject": MLPROJECT, "a/b.txt": b"x" * 300}


@target(
    "archives",
    zipped(FILES),
    gzip.compress(tarred(FILES)),
    tarred(FILES),
    words="../ /etc/x PK\x01\x02 PK\x05\x06 ustar",
)
def try_archive(data: bytes, folder: Path) -> None:
    """Nothing is written beside the folder that it is unpacked to."""
    from reprise.runner.sources.archives import unpack_archive

    place = folder / "place"
    place.mkdir()
    (folder / "archive").write_bytes(data if data[:2] in (b"PK", b"\x1f\x8b") else gzip.compress(data))
    try:
        unpack_archive(folder / "archive", place / "to")
    finally:
        assert {path.name for path in folder.iterdir()} <= {"archive", "place"}
        assert {path.name for path in place.iterdir()} <= {"to"}
        for path in place.rglob("*"):
            assert path.resolve().is_relative_to(place.resolve()), path


@target(
    "bundle manifest",
    b'{"run_id": "a", "reprise": "1", "inputs": {"a": "inputs/0/a"}, "files": [{"path": "a", "sha256": "b",'
    b' "size": 1}], "version": 1}',
    words='null "version" 2 []',
)
def try_manifest(data: bytes, folder: Path) -> None:
    from reprise.runner.bundle.layout import from_json

    from_json(data)


@target(
    "bundle provenance",
    b'{"_type": "https://in-toto.io/Statement/v1", "subject": [], "predicate": {}}',
    b'{"payload": "e30=", "payloadType": "application/vnd.in-toto+json", "signatures": [{"keyid": "a", "sig": "YQ=="}]}',
)
def try_provenance(data: bytes, folder: Path) -> None:
    from reprise.runner.bundle import signing

    signing.check_signatures(signing.open_statement(data), "a")


@target("bundle tracking", b'{"experiment": {}, "run": {"run_id": "a"}, "models": [], "points": []}')
def try_tracked(data: bytes, folder: Path) -> None:
    from reprise.runner.bundle.tracked import from_json

    from_json(data)


@target(
    "bundle",
    zipped({"manifest.json": b'{"run_id": "a", "reprise": "1", "files": []}', "tracking.json": b"{}"}),
)
def try_bundle(data: bytes, folder: Path) -> None:
    from reprise.runner.bundle.open_bundle import check_provenance, open_bundle

    (folder / "b.zip").write_bytes(data)
    with open_bundle(folder / "b.zip") as bundle:
        check_provenance(bundle, None)


# --- records and notes --------------------------------------------------------------------------------------

RECORD: dict[str, Any] = {
    "run_id": "a", "run_name": "b", "experiment": "c", "reprise": "1", "version": 2,
    "source": {"uri": "x", "kind": "git", "files": [{"path": "a", "content": {"digest": "sha256:a", "size": 1}}]},
    "project": {"name": None, "file": "MLproject", "entry_point": "main", "command": "x"},
    "parameters": [{"name": "C", "value": "1", "source": "-P"}], "seeds": {"A": "1"},
    "machine": {"os": "a", "kernel": "b", "architecture": "c", "host": "d", "cpu": "e", "cores": 1, "memory": None},
    "observed": None, "usage": {"wall_seconds": 1},
}  # fmt: skip


@target(
    "run.json",
    json.dumps(RECORD).encode(),
    json.dumps({**RECORD, "version": 1}).encode(),
    words='null [] {} "version" 3',
)
def try_record(data: bytes, folder: Path) -> None:
    from reprise.schemas.record.run_record import from_json

    from_json(data)


@target(
    "notes of the observer",
    b"read\t1.5\t/a/b\nprogram\t2\t/bin/x\t1\nenv\t3\tA\nhost\t4\th\t80\n",
    b"write\t1\t/a\nmissing\t2\t/b\nend\t3\n",
    words="\t \\n \\\\ nan inf read write program env host",
)
def try_observation(data: bytes, folder: Path) -> None:
    from reprise.runner.capture.observed import BEGAN, FOLDER, read_observation
    from reprise.runner.capture.process_tree import read_tree

    (folder / FOLDER).mkdir()
    (folder / FOLDER / BEGAN).write_text("{}")
    (folder / FOLDER / "12.34").write_bytes(data)
    read_observation(folder)
    read_tree(folder)


@target(
    "users file",
    b'{"ana": {"role": "read", "token": "%s"}}' % (b"a" * 64),
    words='"role" "password" : null',
)
def try_users(data: bytes, folder: Path) -> None:
    from reprise.server.http.users import read

    (folder / "users").write_bytes(data)
    read(folder / "users")


# --- what a server is asked -------------------------------------------------------------------------------------


@target(
    "search",
    b"metrics.a > 1 AND params.`b c` LIKE '%x%' AND tags.k IN ('a','b')",
    b"attributes.start_time DESC",
    b"metrics.`a` ASC",
    b"run_id IN ('a')",
    b"name ILIKE 'a%'",
    words="AND OR NOT LIKE ILIKE RLIKE IN IS NULL metrics. params. tags. ` ' ( ) , != >= DESC",
)
def try_search(data: bytes, folder: Path) -> None:
    from reprise.tracking.search.language import parse_filter, parse_order

    for parse in (parse_filter, parse_order):
        try:
            parse(plain_text(data))
        except RepriseError as error:
            assert len(error.message) < 100_000


@target("page tokens", b"W10=", b"WzEsMiwzXQ==", words="W10= ====")
def try_token(data: bytes, folder: Path) -> None:
    import base64

    from reprise.tracking.search.paging import decode

    decode(plain_text(data), "scope", 2)
    decode(base64.urlsafe_b64encode(data).decode(), "scope", 2)


@target(
    "bodies and queries",
    b'{"run_id": "a", "key": "b", "value": 1, "metrics": [{"key": "a", "value": "NaN", "timestamp": "1"}]}',
    b'{"experiment_ids": ["0"], "filter": "", "max_results": "10"}',
    b"run_id=a&key=b&run_id=%00",
    words='"run_id": null "value": "NaN" 1e999 9223372036854775808 & = % ;',
)
def try_bodies(data: bytes, folder: Path) -> None:
    from urllib.parse import parse_qsl

    from reprise.server.api.wire import read_body, read_query
    from reprise.server.routes import VERBS

    try:
        query = parse_qsl(plain_text(data), keep_blank_values=True, max_num_fields=1000)
    except ValueError:
        query = []
    for verb in VERBS[sum(data) % 7 :: 7]:
        for step in (
            partial(read_body, data, verb.request, {"trace_id": "a"}),
            partial(read_query, query, verb.request),
        ):
            try:
                step()
            except RepriseError:
                continue


@target(
    "traces",
    b"\x0a\x10\x12\x0e\x12\x0c\x0a\x02ab\x12\x02cd\x2a\x02ef",
    b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": '
    b'"00", "spanId": "00", "name": "a", "startTimeUnixNano": "1", "attributes": [{"key": "a", "value": {"intValue": "1"}}]}]}]}]}',
    words="\x0a \x12 \xff\x7f",
    expected=(ValueError,),
)
def try_traces(data: bytes, folder: Path) -> None:
    from reprise.schemas.traces.otlp import read_json_spans, read_protobuf_spans
    from reprise.schemas.traces.spans import read_value

    for read in (read_protobuf_spans, read_json_spans):
        try:
            read(data)
        except ValueError:
            continue
    read_value(plain_text(data))


@target(
    "credentials and cookies",
    b"Basic YTpi",
    b"Bearer x.y",
    b"basic ====",
    words="Basic Bearer = ; reprise-session",
)
def try_credentials(data: bytes, folder: Path) -> None:
    from starlette.datastructures import Headers

    from reprise.server.http.access import Everyone, credentials
    from reprise.ui.login import local
    from reprise.ui.sessions import Sessions

    credentials(data.decode("latin-1"))
    headers = Headers(raw=[(b"host", data), (b"cookie", data)])
    sessions = Sessions(Everyone())
    assert sessions.cookie_name(headers).startswith("reprise-session")
    assert sessions.authorization(headers) == ""
    local(plain_text(data))


@target(
    "ranges",
    b"bytes=0-3",
    b"bytes=-5",
    b"bytes=2-",
    b"bytes=0-1,3-4",
    words="bytes= - , 999999999999999999 1000000000000000000 items=",
)
def try_range(data: bytes, folder: Path) -> None:
    """The answer has the bytes that its headers say, or none."""
    import asyncio

    from starlette.requests import Request

    from reprise.server.http.ranges import ranged
    from reprise.tracking.artifacts.files import ArtifactFolder

    (folder / "file").write_bytes(b"0123456789")
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/",
        "headers": [(b"range", data)],
        "query_string": b"",
    }
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        await asyncio.Event().wait()

    async def answer() -> None:
        response = await ranged(Request(scope), ArtifactFolder(folder), "file", "text/plain", {})
        await response(scope, receive, send)

    asyncio.run(answer())
    status, headers = sent[0]["status"], dict(sent[0]["headers"])
    body = b"".join(message.get("body", b"") for message in sent[1:])
    assert (status, body) == (200, b"0123456789") or status in (206, 416)
    if status == 206:
        first, _, last = (
            headers[b"content-range"].removeprefix(b"bytes ").partition(b"/")[0].partition(b"-")
        )
        assert body == b"0123456789"[int(first) : int(last) + 1] != b""
        assert int(headers[b"content-length"]) == len(body)


@target(
    "uploads in parts",
    b'{"path": "a/b", "num_parts": 3}',
    b'{"path": "a", "upload_id": "0", "parts": [{"part_number": 1, "etag": "x"}]}',
    words='"path": "upload_id": "parts": ../ %2e%2e 10001 0',
)
def try_parts(data: bytes, folder: Path) -> None:
    """No file appears but in the folder of the artifacts and that of partial uploads."""
    from reprise.server.api.artifact_parts import Abort, Begin, Complete
    from reprise.server.api.wire import read_body
    from reprise.tracking.artifacts.names import normalize_path
    from reprise.tracking.artifacts.parts import UploadPart
    from reprise.tracking.sqlite.store import EmbeddedStore

    with EmbeddedStore(folder / "s") as store:
        for kind in (Begin, Complete, Abort):
            try:
                asked: Any = read_body(data, kind, {})
                if isinstance(asked, Begin):
                    store.partial_uploads.begin(normalize_path(asked.path))
                elif isinstance(asked, Complete):
                    parts = [UploadPart(part.part_number, part.etag) for part in asked.parts]
                    path = normalize_path(asked.path)
                    store.partial_uploads.complete(asked.upload_id, path, parts, store.artifacts)
                else:
                    store.partial_uploads.abort(asked.upload_id)
            except RepriseError:
                continue
    assert {path.name for path in folder.iterdir()} <= {"s"}


@target(
    "URLs of webhooks",
    b"https://hooks.example.org/x?y=1",
    b"https://[2001:db8::1]:8443/",
    b"https://u:p@h.example/",
    words="127.0.0.1 0x7f.1 [::1] [::ffff:10.0.0.1] localhost. @ : 2130706433 http file \xe3\x80\x82",
)
def try_webhook(data: bytes, folder: Path) -> None:
    """What is taken names a host by https or http, and no address of this machine."""
    from ipaddress import ip_address
    from urllib.parse import urlsplit

    from reprise.server.delivery.network import check_url

    url = plain_text(data)
    check_url(url)
    host = urlsplit(url).hostname or ""
    assert urlsplit(url).scheme in ("http", "https") and host
    assert not host.rstrip(".").endswith("localhost")
    try:
        assert ip_address(host).is_global
    except ValueError:
        return


@target(
    "requirements of wheels",
    b"numpy (>=1.7,<2.0.*); extra == 'x'",
    b"a>=1.*",
    b"b; python_version>='3'",
    words=".* >= ~= === ; extra == ( ) , @ file:",
)
def try_wheel(data: bytes, folder: Path) -> None:
    """What comes out is a requirement or nothing."""
    from packaging.requirements import Requirement

    from reprise.envs.virtualenv.mending import _make_readable

    for line in plain_text(data).splitlines():
        if read := _make_readable(line):
            Requirement(read)


@target("durations", b"1.5s", b"3s", b"-1s", expected=(RepriseError, ValueError))
def try_duration(data: bytes, folder: Path) -> None:
    from reprise.server.api.protobuf_time import read_duration

    read_duration(plain_text(data))


# --- what is shown ------------------------------------------------------------------------------------------------


@target(
    "output",
    b"a\x1b[31mb\x1b[0m\r\x1b[Kc\x1b]0;t\x07d\x1b]8;;http://x\x1b\\e\n",
    b"10%|##  |\r20%|### |",
    b"\xe2\x80\xae\xc2\x9b6n",
    words="\x1b[ \x1b] \x1bP \x1b\\ \x07 ;5; m K 999C",
)
def try_output(data: bytes, folder: Path) -> None:
    """Nothing passes that a terminal obeys but colours and moves in the line."""
    from reprise.legible import OutputFilter, make_legible
    from reprise.ui.log.ansi import shown

    output = OutputFilter()
    middle = len(data) // 2
    passed = output.feed(data[:middle]) + output.feed(data[middle:]) + output.finish()
    for part in passed.split("\x1b")[1:]:
        assert part[0] == "[" and part[1:].lstrip("0123456789;:")[:1] in ("m", "C", "D", "G", "K")
    assert not {char for char in passed if ord(char) < 32 or 127 <= ord(char) < 160} - set("\x1b\n\t\r\b")
    legible = make_legible(plain_text(data)).translate(dict.fromkeys(map(ord, "\n\t\u3000\ufe0f\u200d")))
    assert legible.isprintable()
    for line in plain_text(data).split("\n"):
        shown(line)


@target(
    "secrets in texts",
    b"https://u:p@h/x?token=a&b=c Authorization: Bearer x",
    words="://@ %3A%2F%2F %40 token= &",
)
def try_redact(data: bytes, folder: Path) -> None:
    from reprise.redact import redact

    redact(plain_text(data))


@target(
    "notes of runs",
    b"# a\n[x](javascript:alert(1)) <script>y</script> ![i](http://h/x)\n| a |\n|---|\n",
    words="[ ]( ) ``` <script> javascript:",
)
def try_note(data: bytes, folder: Path) -> None:
    from reprise.ui.notes import html_of

    html = str(html_of(plain_text(data))).lower()
    assert "<script" not in html and 'href="javascript:' not in html


@target(
    "previews",
    b'{"a": [1, {"b": null}]}',
    b"a: &x [1]\nb: *x\n",
    b"flavors: {python_function: {loader_module: os}}\n",
    expected=(RepriseError, ValueError),
)
def try_preview(data: bytes, folder: Path) -> None:
    import yaml

    from reprise.ui.files.preview_trees import parsed

    try:
        parsed(plain_text(data))
    except yaml.YAMLError:
        return


# --- stores of MLflow -------------------------------------------------------------------------------------------------


@target(
    "meta.yaml",
    b"artifact_uri: file:///x/a/artifacts\nend_time: 2\nexperiment_id: '1'\nlifecycle_stage: active\n"
    b"run_id: %s\nrun_name: r\nstart_time: 1\nstatus: 3\nuser_id: u\n" % (b"a" * 32),
    words="!!python/object: &a *a",
)
def try_meta(data: bytes, folder: Path) -> None:
    """As the meta.yaml of an experiment and of a run, and as what lies in its metrics, params and tags."""
    from reprise.schemas.entities import Experiment, Run
    from reprise.tracking.copy.filestore.store import FileStore

    run = folder / "mlruns" / "1" / ("a" * 32)
    for part in ("metrics", "params", "tags", "artifacts"):
        (run / part).mkdir(parents=True)
        (run / part / "a").write_bytes(data)
    (folder / "mlruns" / "1" / "meta.yaml").write_bytes(
        b"name: x\nexperiment_id: '1'\n" if len(data) % 2 else data
    )
    (run / "meta.yaml").write_bytes(data)
    store = FileStore(folder / "mlruns")
    for experiment in store.read_experiments():
        if isinstance(experiment, Experiment):
            for found in store.read_runs(experiment):
                if isinstance(found, Run):
                    list(store.read_points(found))


# --- files of two runs --------------------------------------------------------------------------------------------------


def _npy() -> bytes:
    out = io.BytesIO()
    np.save(out, np.arange(6.0).reshape(2, 3))
    return out.getvalue()


def _safetensors() -> bytes:
    head = json.dumps({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}).encode()
    return struct.pack("<Q", len(head)) + head + b"\0" * 8


_FILES = {
    "a.npy": _npy(),
    "a.npz": zipped({"x.npy": _npy()}),
    "a.pkl": pickle.dumps({"a": [1, (2.5, "b"), {3}], "b": b"x"}, protocol=4),
    "a.joblib": pickle.dumps([1, 2], protocol=2),
    "a.safetensors": _safetensors(),
    "a.pt": zipped({"archive/data.pkl": pickle.dumps({"a": 1}), "archive/version": b"3"}),
    "a.onnx": b"\x08\x08\x12\x01a\x3a\x04\x0a\x02\x0a\x00",
    "a.skops": zipped(
        {
            "schema.json": b'{"__class__": "dict", "__module__": "builtins", "__loader__": "DictNode", "content": {}}'
        }
    ),
    "a.xlsx": zipped(
        {
            "xl/workbook.xml": b"<workbook/>",
            "xl/worksheets/sheet1.xml": b"<worksheet><sheetData/></worksheet>",
        }
    ),
    "a.pdf": b"%PDF-1.4\n1 0 obj\n<< /Type /Catalog >>\nstream\nx\nendstream\nendobj\ntrailer << /Root 1 0 R >>\n",
    "a.html": b"<html><body id=a><p>x</p><script>1</script></body></html>",
    "a.svg": b"<svg xmlns='x'><g id='a'/></svg>",
    "a.csv": b"a,b\n1,2.5\n'x',\"y\n\"\n",
    "a.json": b'{"a": [1, 2.5, null], "b": {"c": "x"}}',
    "a.yaml": b"a: &x [1, 2]\nb: *x\n",
    "MLmodel": b"flavors: {python_function: {loader_module: a, code: ../x}}\nrun_id: a\nutc_time_created: '2020'\n",
    "a.png": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\1\0\0\0\1\x08\0\0\0\0:~\x9bU\0\0\0\nIDATx\x9cc`\0\0\0\2\0\1H\xaf\xa4q",
    "a.db": b"SQLite format 3\0" + b"\x10\0\1\1\0@  " + b"\0" * 80,
    "a.tar": tarred(FILES),
    "a.zip": zipped(FILES),
    "a.gz": gzip.compress(b"hello"),
    "a.log": b"2020-01-01 10:00:00 loss 1.5 in 3 s /tmp/x 0x7f00\n",
    "a.h5": b"\x89HDF\r\n\x1a\n" + b"\0" * 60,
    "a.parquet": b"PAR1" + b"\0" * 20 + b"\4\0\0\0PAR1",
}


def _comparison(name: str, seed: bytes) -> Callable[[bytes, Path], object]:
    def try_files(data: bytes, folder: Path) -> None:
        from reprise.runner.verdict.comparison_rules import Looking
        from reprise.runner.verdict.files.compare_files import compare_files

        compare_files(name, seed, data, Looking())
        compare_files(name, data, data[:-1], Looking())

    return try_files


for _name, _seed in _FILES.items():
    target(f"comparison of {_name}", _seed, expected=())(_comparison(_name, _seed))
