"""Where the artifacts of an MLflow store lie that is read without its server, and how they are read.

The store is somebody's files: a root is taken only where MLflow would have made it
(``.../<id>/artifacts``), and symbolic links are not followed.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from reprise.errors import TrackingError
from reprise.redact import redact
from reprise.schemas.entities import Artifact, LoggedModel, Run

_PROXY = "mlflow-artifacts"
_PLACE = re.compile(r"(?:^|/)(m-[\w\-]+|[a-zA-Z0-9][\w\-]*)/artifacts(?:/(.*))?$")


class ImportArtifacts:
    """``given`` is the folder that the user named, ``beside`` those where MLflow keeps them by default."""

    def __init__(self, given: Path | None, beside: Sequence[Path]) -> None:
        self._given = given
        self._beside = beside

    def files(self, owner: Run | LoggedModel) -> Iterator[Artifact]:
        """Every file below the owner's root; none where it has no folder."""
        uri = owner.artifact_uri
        if _is_cloud(uri):
            with _told_plainly(uri):
                found = list(_cloud_files(uri))
            yield from found
            return
        root = self._root(owner)
        if root is None:
            return
        for folder, _, names in os.walk(root):
            for path in (Path(folder, name) for name in sorted(names)):
                if path.is_file() and not path.is_symlink():
                    yield Artifact(path.relative_to(root).as_posix(), False, path.stat().st_size)

    @contextmanager
    def file(self, owner: Run | LoggedModel, path: str) -> Iterator[Path]:
        uri = owner.artifact_uri
        if not _is_cloud(uri):
            root = self._root(owner)
            assert root is not None, "it was listed"
            yield root / path
            return
        with tempfile.TemporaryDirectory(prefix="reprise-") as folder:
            file = Path(folder) / "artifact"
            with _told_plainly(uri):
                opened, inside = _cloud(uri)
                opened.get_file(f"{inside}/{path}", str(file))
            yield file

    def _root(self, owner: Run | LoggedModel) -> Path | None:
        """The folder of the owner's artifacts, None where it has none."""
        name = owner.run_id if isinstance(owner, Run) else owner.model_id
        uri = owner.artifact_uri
        written, below = _local(uri), _below(uri, name)
        if below is None:
            raise TrackingError(
                f"its artifacts are said to be at {uri!r}, where MLflow would not keep them"
            )
        candidates = [base / below for base in ([self._given] if self._given else ())]
        candidates += [written] if written else []
        candidates += [base / below for base in self._beside]
        for candidate in candidates:
            if candidate.is_symlink() or candidate.parent.is_symlink():
                raise TrackingError(f"{candidate} is, or lies in, a symbolic link, which is not followed")
            if candidate.is_dir():
                return candidate
        if self._given is None and not any(folder.is_dir() for folder in (*_above(written), *self._beside)):
            raise TrackingError(
                f"its artifacts were kept at {uri}, which is not here",
                hint="--artifacts DIR names the folder they are in; --no-artifacts goes without",
            )
        return None


def place_of(uri: str) -> tuple[str, str] | None:
    """The run or logged model whose files ``uri`` means, and the path below its root."""
    found = _PLACE.search(unquote(urlsplit(uri).path) if ":" in uri else uri)
    return (found[1], (found[2] or "").strip("/")) if found else None


def _below(uri: str, name: str) -> PurePosixPath | None:
    """The path of an owner's root below the folder that holds all artifacts."""
    parts = PurePosixPath(unquote(urlsplit(uri).path) if ":" in uri else uri).parts
    if parts[-2:] != (name, "artifacts") or ".." in parts:
        return None
    if urlsplit(uri).scheme == _PROXY:
        return PurePosixPath(*parts[1:])
    return PurePosixPath(*parts[-4 if parts[-3:-2] == ("models",) else -3 :])


def _local(uri: str) -> Path | None:
    if uri.startswith("file:"):
        return Path(unquote(urlsplit(uri).path))
    return Path(uri) if uri.startswith("/") else None


def _above(root: Path | None) -> Sequence[Path]:
    """The project in whose folder ``mlruns`` a root lies; MLflow makes that one with the first file."""
    return [] if root is None else [root.parents[4 if root.parent.parent.name == "models" else 3]]


def _is_cloud(uri: str) -> bool:
    return urlsplit(uri).scheme not in {"", "file", _PROXY}


def _cloud_files(uri: str) -> Iterator[Artifact]:
    opened, inside = _cloud(uri)
    for name, about in opened.find(inside, detail=True).items():
        yield Artifact(name.removeprefix(inside).strip("/"), False, about.get("size"))


def _cloud(uri: str) -> tuple[Any, str]:
    import fsspec  # type: ignore[import-untyped,import-not-found,unused-ignore]

    opened, inside = fsspec.core.url_to_fs(uri)
    return opened, str(inside).rstrip("/")


@contextmanager
def _told_plainly(uri: str) -> Iterator[None]:
    """Each kind of store has errors of its own."""
    try:
        yield
    except Exception as error:
        raise TrackingError(
            f"its artifacts are kept at {redact(uri)}, which cannot be read here: {redact(str(error))}",
            hint=f'install what fsspec needs for "{urlsplit(uri).scheme}:"; --no-artifacts goes without',
        ) from error
