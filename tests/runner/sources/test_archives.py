from __future__ import annotations

import gzip
import http.server
import io
import stat
import struct
import tarfile
import threading
import zipfile
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest

from reprise.errors import SourceError, UsageError
from reprise.runner.sources import archives, downloads, working_copy

PROJECT = {"MLproject": "name: x\n", "sub/MLproject": "name: y\n", "run.sh": "echo hi\n"}


def zipped(path: Path, files: dict[str, str]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return path


def tarred(path: Path, *members: tarfile.TarInfo, files: dict[str, str] | None = None) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, text in (files or {}).items():
            info = tarfile.TarInfo(name)
            info.size = len(text)
            info.mode = 0o755 if name.endswith(".sh") else 0o644
            archive.addfile(info, io.BytesIO(text.encode()))
        for member in members:
            archive.addfile(member, io.BytesIO(b"\0" * member.size))
    return path


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type = kind
    info.linkname = link
    return info


def zip_link(path: Path, name: str, target: str) -> Path:
    info = zipfile.ZipInfo(name)
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(info, target)
    return path


@pytest.mark.parametrize("name", ["p.zip", "p.tar.gz", "p.tgz", "P.ZIP"])
def test_an_archive_is_unpacked_for_one_run(house: Path, tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    archive = zipped(path, PROJECT) if name.lower().endswith("zip") else tarred(path, files=PROJECT)
    checkout = working_copy.fetch_project(str(archive), None, tmp_path)
    assert (checkout.path / "MLproject").read_text() == "name: x\n"
    assert (checkout.name, checkout.version, checkout.repository) == (str(archive), None, None)
    assert checkout.temporary is not None and checkout.path.is_relative_to(checkout.temporary)
    working_copy.discard_checkout(checkout)
    assert not checkout.temporary.exists()
    assert archive.exists()


def test_subdirectory_file_url_and_executable_bit(house: Path, tmp_path: Path) -> None:
    archive = tarred(tmp_path / "a b.tgz", files=PROJECT)
    checkout = working_copy.fetch_project(f"{archive.as_uri()}#sub", None, tmp_path)
    assert (checkout.path / "MLproject").read_text() == "name: y\n"
    assert checkout.name == f"{archive}#sub"
    assert (checkout.path.parent / "run.sh").stat().st_mode & 0o111


@pytest.mark.parametrize("subdirectory", ["", "#sub"])
def test_the_single_folder_of_a_forges_archive_is_descended_into(
    house: Path, tmp_path: Path, subdirectory: str
) -> None:
    archive = zipped(tmp_path / "p.zip", {f"demo-main/{name}": text for name, text in PROJECT.items()})
    checkout = working_copy.fetch_project(f"{archive}{subdirectory}", None, tmp_path)
    assert (checkout.path / "MLproject").read_text() == ("name: y\n" if subdirectory else "name: x\n")


def test_a_link_inside_the_archive_works(house: Path, tmp_path: Path) -> None:
    archive = tarred(tmp_path / "p.tgz", member("a/link", tarfile.SYMTYPE, "../run.sh"), files=PROJECT)
    checkout = working_copy.fetch_project(str(archive), None, tmp_path)
    assert (checkout.path / "a" / "link").read_text() == "echo hi\n"
    hard = tarred(tmp_path / "h.tgz", member("copy", tarfile.LNKTYPE, "run.sh"), files=PROJECT)
    assert (working_copy.fetch_project(str(hard), None, tmp_path).path / "copy").read_text() == "echo hi\n"


def bomb(path: Path) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros", b"\0" * (8 << 20))
    return path


def huge_header(path: Path) -> Path:
    """A long-name header that asks for a gigabyte before any member is seen."""
    info = member("././@LongLink", tarfile.GNUTYPE_LONGNAME)
    info.size = 1 << 30
    with gzip.open(path, "wb") as out:
        out.write(info.tobuf(tarfile.GNU_FORMAT))
    return path


def encrypted(path: Path) -> Path:
    """A zip file whose flags say that its member is encrypted."""
    data = bytearray(zipped(path, {"a": "secret"}).read_bytes())
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        place = data.index(signature) + offset
        data[place : place + 2] = struct.pack("<H", 1)
    path.write_bytes(data)
    return path


def written(data: bytes) -> Callable[[Path], Path]:
    def write(path: Path) -> Path:
        path.write_bytes(data)
        return path

    return write


HOSTILE: dict[str, tuple[str, Callable[[Path], Path], str]] = {
    "zip traversal": ("x.zip", lambda path: zipped(path, {"../evil": "x"}), "outside the folder"),
    "zip deep traversal": ("x.zip", lambda path: zipped(path, {"a/../../evil": "x"}), "outside the folder"),
    "zip absolute": ("x.zip", lambda path: zipped(path, {"/tmp/evil": "x"}), "outside the folder"),
    "zip backslash": ("x.zip", lambda path: zipped(path, {"..\\evil": "x"}), "outside the folder"),
    "zip drive": ("x.zip", lambda path: zipped(path, {"C:/evil": "x"}), "outside the folder"),
    "zip link": ("x.zip", lambda path: zip_link(path, "a", "../../evil"), "outside the folder"),
    "zip absolute link": ("x.zip", lambda path: zip_link(path, "a", "/etc/passwd"), "outside the folder"),
    "zip bomb": ("x.zip", bomb, "unpacks to more than"),
    "zip encrypted": ("x.zip", encrypted, "encrypted"),
    "zip file as folder": (
        "x.zip",
        lambda path: zipped(path, {"a": "x", "a/b": "x"}),
        "is in it twice",
    ),
    "tar traversal": ("x.tgz", lambda path: tarred(path, member("../evil")), "outside the folder"),
    "tar absolute": ("x.tgz", lambda path: tarred(path, member("/tmp/evil")), "outside the folder"),
    "tar link": (
        "x.tgz",
        lambda path: tarred(path, member("a", tarfile.SYMTYPE, "../..")),
        "outside the folder",
    ),
    "tar write through link": (
        "x.tgz",
        lambda path: tarred(path, member("a", tarfile.SYMTYPE, ".."), member("a/evil")),
        "x.tgz",
    ),
    "tar link through link": (
        "x.tgz",
        lambda path: tarred(
            path,
            member("d", tarfile.DIRTYPE),
            member("d/up", tarfile.SYMTYPE, ".."),
            member("out", tarfile.SYMTYPE, "d/up/.."),
        ),
        "outside the folder",
    ),
    "tar folder through link": (
        "x.tgz",
        lambda path: tarred(
            path,
            member("a", tarfile.SYMTYPE, str(path.parent.parent)),
            member("a/evil/b", tarfile.SYMTYPE, "c"),
        ),
        "outside the folder",
    ),
    "zip long link": ("x.zip", lambda path: zip_link(path, "a", "b" * 5000), "a link to 5000 bytes"),
    "tar hard link": (
        "x.tgz",
        lambda path: tarred(path, member("a", tarfile.LNKTYPE, "../../x")),
        "outside the folder",
    ),
    "tar hard link to nothing": (
        "x.tgz",
        lambda path: tarred(path, member("a", tarfile.LNKTYPE, "nothing")),
        "cannot unpack",
    ),
    "tar device": ("x.tgz", lambda path: tarred(path, member("a", tarfile.CHRTYPE)), "neither a file"),
    "tar pipe": ("x.tgz", lambda path: tarred(path, member("a", tarfile.FIFOTYPE)), "neither a file"),
    "tar huge header": ("x.tgz", huge_header, "headers is huge"),
    "not an archive": ("x.zip", written(b"<html>sign in</html>"), "neither a zip file nor a .tar.gz file"),
    "zip cut off": ("x.zip", written(b"PK\x03\x04 and no more"), "a zip file without its end"),
    "empty": ("x.tar.gz", written(b""), "cannot unpack"),
    "cut off": ("x.tar.gz", written(gzip.compress(b"\0" * 5000)[:20]), "cannot unpack"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_archive_is_refused_and_leaves_nothing(
    house: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    monkeypatch.setattr(archives, "MIN_UNPACKED_LIMIT", 1 << 20)
    name, make, sentence = HOSTILE[case]
    folder = tmp_path / "given"
    folder.mkdir()
    archive = make(folder / name)
    with pytest.raises(SourceError) as caught:
        working_copy.fetch_project(str(archive), None, tmp_path)
    assert sentence in caught.value.message
    assert list(tmp_path.rglob("*evil*")) == []
    assert [path for path in (house / "cache").rglob("*") if path.is_file()] == []
    assert list((house / "cache" / "work-v1").iterdir()) == []


def test_an_archive_of_too_many_members_is_refused(
    house: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archives, "MAX_MEMBERS", 2)
    archive = zipped(tmp_path / "p.zip", PROJECT)
    with pytest.raises(SourceError, match="more than 2 members"):
        working_copy.fetch_project(str(archive), None, tmp_path)


def test_a_version_of_an_archive_is_a_usage_error(house: Path, tmp_path: Path) -> None:
    archive = zipped(tmp_path / "p.zip", PROJECT)
    with pytest.raises(UsageError, match="an archive has no versions"):
        working_copy.fetch_project(str(archive), "v1", tmp_path)


class _Files(http.server.BaseHTTPRequestHandler):
    """``/p.zip`` for ``me:s3cret`` only, ``/moved.zip`` leads to another host name."""

    seen: list[tuple[str, str | None]]
    content: bytes
    elsewhere: str

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""

    def do_GET(self) -> None:
        self.seen.append((self.path, self.headers.get("Authorization")))
        if self.path.startswith("/moved.zip"):
            self.send_response(302)
            self.send_header("Location", f"{self.elsewhere}/p.zip")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        found = self.path.startswith("/p.zip")
        self.send_response(200 if found else 404)
        self.send_header("Content-Length", str(len(self.content) if found else 0))
        self.end_headers()
        if found:
            self.wfile.write(self.content)


@pytest.fixture
def files(tmp_path: Path) -> Iterator[tuple[str, type[_Files]]]:
    class Files(_Files):
        content = zipped(tmp_path / "served.zip", PROJECT).read_bytes()

    Files.seen = []
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Files) as server:
        port = server.server_address[1]
        Files.elsewhere = f"http://localhost:{port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"127.0.0.1:{port}", Files
        server.shutdown()
        thread.join()


def test_a_download_follows_redirects_without_taking_the_password_along(
    house: Path, tmp_path: Path, files: tuple[str, type[_Files]], caplog: pytest.LogCaptureFixture
) -> None:
    place, handler = files
    with caplog.at_level("DEBUG", "reprise"):
        checkout = working_copy.fetch_project(
            f"http://me:s3cret@{place}/moved.zip?token=t0k#sub", None, tmp_path
        )
    assert (checkout.path / "MLproject").read_text() == "name: y\n"
    assert checkout.name == f"http://{place}/moved.zip?token=***#sub"
    assert [bool(authorization) for _, authorization in handler.seen] == [True, False]
    assert "s3cret" not in caplog.text and "t0k" not in caplog.text


def test_a_missing_or_too_large_download_is_a_sentence(
    house: Path, tmp_path: Path, files: tuple[str, type[_Files]], monkeypatch: pytest.MonkeyPatch
) -> None:
    place, _ = files
    with pytest.raises(SourceError, match="answered 404"):
        working_copy.fetch_project(f"http://{place}/none.zip", None, tmp_path)
    monkeypatch.setattr(downloads, "MOST", 10)
    with pytest.raises(SourceError, match="is larger than"):
        working_copy.fetch_project(f"http://{place}/p.zip", None, tmp_path)
    with pytest.raises(SourceError, match="cannot reach"):
        working_copy.fetch_project("http://127.0.0.1:1/p.zip", None, tmp_path)
    assert list((house / "cache" / "work-v1").iterdir()) == []


@pytest.mark.parametrize("again", ("a/b.txt", "a//b.txt", "./a/b.txt", "a\\b.txt"))
def test_a_zip_with_a_name_twice_is_refused(tmp_path: Path, again: str) -> None:
    """Readers take the first or the last: what was looked at may not be what runs."""
    archive = tmp_path / "a.zip"
    with zipfile.ZipFile(archive, "w") as opened, pytest.warns() if again == "a/b.txt" else nullcontext():
        opened.writestr("a/b.txt", "one")
        opened.writestr(again, "other")
    with pytest.raises(SourceError, match="is in it twice"):
        archives.unpack_archive(archive, tmp_path / "to")
    assert not (tmp_path / "to").exists()
