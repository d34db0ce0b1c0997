"""The files of a run in a container: the project under a writable layer, and a home.

They are in a volume of a second container, which is never started and removed with the first. If the engine
has access to this machine's files, the project is the read-only lower layer of an overlay; writes go to the
volume. Otherwise the project is copied there.
"""

from __future__ import annotations

import csv
import io
import tarfile
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from reprise.envs.docker import client
from reprise.named_tuple import NamedTuple

MOUNT = "/mlflow"
CODE = f"{MOUNT}/projects/code"
HOME = f"{MOUNT}/home"

_LAYER = ".layer"
_TRIES, _PAUSE = 5, 0.1  # seconds
_LEFT_OUT = ("mlruns", ".git")
"""At the top of a project that is packed: recorded runs and history are not part of its code."""


class Owner(NamedTuple):
    """Who the files belong to inside."""

    uid: int
    gid: int

    def __str__(self) -> str:
        return f"{self.uid}:{self.gid}"


ROOT = Owner(0, 0)


def make_container(
    name: str, image: str, labels: Sequence[str], owner: Owner, project: Path | None, *, overlay: bool
) -> list[str]:
    """Make the container ``name`` that keeps the files, and return the arguments by which another has them.

    Args:
        project: None where the code is in the image.
        overlay: the engine sees ``project``, and users are the same inside and out.

    Raises:
        EnvError: docker refused it; nothing is left behind.
    """
    try:
        made = client.call_docker("create", f"--name={name}", *labels, f"--volume={MOUNT}", image, "sh")
        if made.exit_code != 0:
            raise client.make_failure("cannot create the container of the run's files:", made)
        overlay = overlay and project is not None and not set(str(project)) & set(':,"\\\n')
        _fill_volume(name, owner, project, overlay=overlay)
        mount = [_overlay_argument(project, _place_of(name))] if overlay and project else []
    except BaseException as reason:
        _remove_container(name, interrupted=not isinstance(reason, Exception))
        raise
    return [f"--volumes-from={name}", *mount]


def mount_argument(*fields: str) -> str:
    """Return an argument ``--mount``, a line of CSV that supports any path."""
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(fields)
    return f"--mount={line.getvalue()}"


@contextmanager
def pack_archive(into: IO[bytes]) -> Iterator[tarfile.TarFile]:
    """An archive that is written to ``into``, which is then at its start."""
    with tarfile.open(fileobj=into, mode="w|", format=tarfile.PAX_FORMAT) as archive:
        yield archive
    into.flush()
    into.seek(0)


def pack_project(archive: tarfile.TarFile, project: Path, prefix: str, owner: Owner = ROOT) -> None:
    """Add the files of ``project`` under ``prefix``, as ``owner``'s."""

    def keep_member(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
        inside = member.name.removeprefix(prefix).lstrip("/")
        if inside in _LEFT_OUT or not (
            member.isfile() or member.isdir() or member.issym() or member.islnk()
        ):
            return None
        member.mtime = int(member.mtime)  # in the plain format, by which docker knows an archive
        return _own_member(member, owner)

    archive.add(project, prefix or ".", filter=keep_member)


def pack_text(archive: tarfile.TarFile, name: str, text: str) -> None:
    """Add a file."""
    member = tarfile.TarInfo(name)
    member.size = len(text.encode())
    archive.addfile(member, io.BytesIO(text.encode()))


def _remove_container(name: str, *, interrupted: bool) -> None:
    """Remove the container; one requested just before an interruption may appear a moment later."""
    for _ in range(_TRIES if interrupted else 1):
        if client.call_docker("rm", "--volumes", name).exit_code == 0:
            return
        time.sleep(_PAUSE)


def _fill_volume(name: str, owner: Owner, project: Path | None, *, overlay: bool) -> None:
    """Create the folders of the volume, owned by their users, and copy the project if needed."""
    code = CODE.removeprefix(f"{MOUNT}/")
    folders = {HOME.removeprefix(f"{MOUNT}/"): owner, "projects": ROOT, code: owner}
    if overlay:
        folders |= {_LAYER: ROOT, f"{_LAYER}/upper": owner, f"{_LAYER}/work": owner}
    with tempfile.TemporaryFile(prefix="reprise-") as packed:
        with pack_archive(packed) as archive:
            for folder, whose in folders.items():
                member = tarfile.TarInfo(folder)
                member.type = tarfile.DIRTYPE
                member.mode = 0o700 if folder == _LAYER else 0o755
                archive.addfile(_own_member(member, whose))
            if project is not None and not overlay:
                pack_project(archive, project, code, owner)
        done = client.call_docker("cp", "-", f"{name}:{MOUNT}", stdin=packed, timeout=None)
    if done.exit_code != 0:
        raise client.make_failure("cannot copy the project's files into the container:", done)


def _place_of(name: str) -> str:
    """Where the engine keeps the volume."""
    found = client.call_docker("inspect", "--format", "{{range .Mounts}}{{.Source}}{{end}}", name)
    if found.exit_code != 0 or not found.stdout.strip():
        raise client.make_failure("cannot find the volume of the run's files:", found)
    return found.stdout.strip()


def _overlay_argument(project: Path, volume: str) -> str:
    layers = f"lowerdir={project},upperdir={volume}/{_LAYER}/upper,workdir={volume}/{_LAYER}/work"
    options = ("type=overlay", "device=overlay", f"o={layers}")
    return mount_argument(
        "type=volume", f"dst={CODE}", "volume-driver=local", *(f"volume-opt={option}" for option in options)
    )


def _own_member(member: tarfile.TarInfo, owner: Owner) -> tarfile.TarInfo:
    member.uid, member.gid = owner
    member.uname = member.gname = ""
    return member
