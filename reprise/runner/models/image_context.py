"""The build context of a model's image: two trees and the lines that add them, always the same bytes.

Nothing runs during the build. The trees have the layout of the image, one for the packages and one for the
model, so that another version of the model shares the layer of the packages.
"""

from __future__ import annotations

import io
import json
import re
import tarfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from reprise.envs.docker.base_image import Base
from reprise.named_tuple import NamedTuple
from reprise.runner.models import image_serving

HOME = "/opt/reprise"
ENVIRONMENT = f"{HOME}/environment"
MODEL = f"{HOME}/model"
SERVING = f"{HOME}/serving.py"

_TIME = 315_532_800  # 1980-01-01: of every file
_USER = "10001:10001"
_PACKAGES, _REST = "packages", "rest"
# The first lines of a script that uv has written for a Python of this machine.
_SHEBANG = re.compile(rb"\A#!(?:/bin/sh\n'''exec' .*\n' '''|.*python.*)\n")
_CONDA = f"CONDA_PREFIX={ENVIRONMENT} CONDA_DEFAULT_ENV={ENVIRONMENT} CONDA_SHLVL=1 PYTHONNOUSERSITE=1"
_PING = "import sys, urllib.request; urllib.request.urlopen(sys.argv[1], timeout=4)"


class ImageTrees(NamedTuple):
    """``packages`` are for the site-packages; ``conda`` is all else of an environment of conda."""

    packages: Path
    conda: Path | None = None


def site_packages(base: Base) -> str:
    """Folder of the packages in the image."""
    return f"{ENVIRONMENT}/lib/python{base.series}/site-packages"


def write_dockerfile(base: Base, named: str, port: int, *, has_conda: bool = False) -> str:
    """The lines that make the image of the context; ``named`` is what the builder knows the base by."""
    kind = _CONDA if has_conda else f"VIRTUAL_ENV={ENVIRONMENT}"
    python = f"{ENVIRONMENT}/bin/python"
    check = json.dumps([python, "-c", _PING, f"http://127.0.0.1:{port}/ping"])
    lines = (
        f"FROM {named}",
        f"COPY {_PACKAGES}/ /",
        f"COPY {_REST}/ /",
        f"ENV PATH={ENVIRONMENT}/bin:$PATH {kind} HOME=/tmp PYTHONUNBUFFERED=1",
        f"USER {_USER}",
        "WORKDIR /tmp",
        f"EXPOSE {port}",
        f"HEALTHCHECK --interval=10s --timeout=5s --start-period=60s CMD {check}",
        f"ENTRYPOINT {json.dumps([python, SERVING, MODEL, str(port)])}",
        "CMD []",
    )
    return "".join(f"{line}\n" for line in lines)


def write_context(
    archive: tarfile.TarFile, trees: ImageTrees, model: Path, base: Base, recipe: str
) -> None:
    """Write the whole context: the packages as they were laid out, and the model's folder."""
    _add_text(archive, "Dockerfile", recipe)
    _add_parents(archive, _PACKAGES, ENVIRONMENT)
    if trees.conda is None:
        _add_venv(archive, base)
    else:
        _add_tree(archive, trees.conda, f"{_PACKAGES}{ENVIRONMENT}")
    site = site_packages(base)
    _add_parents(archive, _PACKAGES, site, above=ENVIRONMENT)
    _add_tree(archive, trees.packages, f"{_PACKAGES}{site}", leave_out="bin")
    _add_scripts(archive, trees.packages / "bin")
    _add_parents(archive, _REST, HOME)
    _add_text(archive, f"{_REST}{SERVING}", Path(image_serving.__file__).read_text(encoding="utf-8"))
    _add_tree(archive, model, f"{_REST}{MODEL}")


def _add_venv(archive: tarfile.TarFile, base: Base) -> None:
    """What makes a folder a virtual environment of the base's Python."""
    home = PurePosixPath(base.executable).parent
    text = f"home = {home}\ninclude-system-site-packages = false\nversion = {base.python}\n"
    _add_text(archive, f"{_PACKAGES}{ENVIRONMENT}/pyvenv.cfg", text)
    _add_parents(archive, _PACKAGES, f"{ENVIRONMENT}/bin", above=ENVIRONMENT)
    for name, target in (("python", base.executable), ("python3", "python")):
        member = _make_member(f"{_PACKAGES}{ENVIRONMENT}/bin/{name}")
        member.type, member.linkname, member.mode = tarfile.SYMTYPE, target, 0o777
        archive.addfile(member)


def _add_scripts(archive: tarfile.TarFile, folder: Path) -> None:
    """Yield the programs of the packages; they start the environment's Python from any folder."""
    first = f"#!{ENVIRONMENT}/bin/python\n".encode()
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if path.is_file() and not path.is_symlink() and path.name not in ("python", "python3"):
            data = _SHEBANG.sub(first, path.read_bytes(), count=1)
            _add_bytes(archive, f"{_PACKAGES}{ENVIRONMENT}/bin/{path.name}", data, 0o755)


def _add_tree(archive: tarfile.TarFile, root: Path, prefix: str, leave_out: str | None = None) -> None:
    """Yield everything below ``root``, in the order of the names; links stay links."""
    _add_folder(archive, prefix)
    for path in sorted(root.rglob("*")):
        inside = path.relative_to(root)
        if inside.parts[0] == leave_out:
            continue
        name = f"{prefix}/{inside.as_posix()}"
        if path.is_symlink():
            member = _make_member(name)
            member.type, member.linkname, member.mode = tarfile.SYMTYPE, str(path.readlink()), 0o777
            archive.addfile(member)
        elif path.is_dir():
            _add_folder(archive, name)
        elif path.is_file():
            member = _make_member(name)
            member.size = path.stat().st_size
            member.mode = 0o755 if path.stat().st_mode & 0o100 else 0o644
            with path.open("rb") as stream:
                archive.addfile(member, stream)


def _add_parents(archive: tarfile.TarFile, prefix: str, folder: str, above: str = "") -> None:
    """The folder and those that it is in, below ``above``: the builder dates those that it makes itself."""
    parts = PurePosixPath(folder.removeprefix(above).lstrip("/")).parts
    for number in range(len(parts)):
        _add_folder(archive, f"{prefix}{above}/{'/'.join(parts[: number + 1])}")


def _add_folder(archive: tarfile.TarFile, name: str) -> None:
    member = _make_member(name)
    member.type, member.mode = tarfile.DIRTYPE, 0o755
    archive.addfile(member)


def _add_text(archive: tarfile.TarFile, name: str, text: str) -> None:
    _add_bytes(archive, name, text.encode(), 0o644)


def _add_bytes(archive: tarfile.TarFile, name: str, data: bytes, mode: int) -> None:
    member = _make_member(name)
    member.size, member.mode = len(data), mode
    archive.addfile(member, io.BytesIO(data))


def _make_member(name: str) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.mtime = _TIME
    return member


def label_options(facts: Mapping[str, str | None]) -> list[str]:
    """Return labels as options of the builder, so that the Dockerfile contains no text from users."""
    return [f"--label=reprise.{name}={value}" for name, value in facts.items() if value]
