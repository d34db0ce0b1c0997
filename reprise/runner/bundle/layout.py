"""The layout of a bundle, and its manifest with the digest of every other file.

manifest.json               run, inputs, what was left out, and the SHA-256 and size of every file except
                            this one and the provenance, which has the digest of this one
provenance.intoto.jsonl     how the run made its artifacts; signed if a key was given
ro-crate-metadata.json      the same for tools that know RO-Crate
tracking.json               experiment, run with params and tags, every metric point, logged models
source/                     the project as the run had it, to look at
objects/                    the same as git packs, patch and files, by digest: what is restored from
artifacts/                  of the run, with those of reprise/: the record, the lock, the log
models/<id>/                the files of logged models
inputs/<number>/<name>      files and folders that parameters name
packages/                   the packages of the environment, if requested
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from reprise.errors import SourceError
from reprise.named_tuple import NamedTuple
from reprise.runner.record import digests
from reprise.schemas.record.run_record import LeftOut, to_plain, value_of

VERSION = 1

MANIFEST = "manifest.json"
PROVENANCE = "provenance.intoto.jsonl"
CRATE = "ro-crate-metadata.json"
TRACKING = "tracking.json"
SOURCE = "source"
OBJECTS = "objects"
ARTIFACTS = "artifacts"
MODELS = "models"
INPUTS = "inputs"
PACKAGES = "packages"


class FileEntry(NamedTuple):
    """``sha256`` in hex, ``size`` in bytes; ``path`` is seen from the root of the bundle."""

    path: str
    sha256: str
    size: int


class BundleManifest(NamedTuple):
    """The manifest; ``inputs`` maps a parameter to its file or folder; ``left_out`` are inputs by name.

    ``signed_by`` is the id of the key that signed the provenance, None if it is not signed.
    """

    run_id: str
    reprise: str
    inputs: Mapping[str, str] = {}
    left_out: tuple[LeftOut, ...] = ()
    files: tuple[FileEntry, ...] = ()
    signed_by: str | None = None
    version: int = VERSION


class Bundle(NamedTuple):
    """A bundle that is unpacked in ``folder``, and whose files are those of its manifest."""

    folder: Path
    manifest: BundleManifest

    @property
    def packages(self) -> Path | None:
        """The folder that the environment is made from; None: it is made as everywhere."""
        folder = self.folder / PACKAGES
        return folder if folder.is_dir() else None

    def find_input(self, name: str) -> Path | None:
        """The file or folder that the parameter ``name`` means, where it is in the bundle."""
        inside = self.manifest.inputs.get(name)
        return None if inside is None else self.folder / inside


def list_files(folder: Path) -> Iterator[Path]:
    """Return every file below ``folder``, by path; links count as files."""
    return (path for path in sorted(folder.rglob("*")) if path.is_symlink() or not path.is_dir())


def make_entries(folder: Path) -> tuple[FileEntry, ...]:
    """Return the files of the bundle in ``folder`` for its manifest."""
    names = ((path.relative_to(folder).as_posix(), path) for path in list_files(folder))
    return tuple(
        FileEntry(name, *digests.of_bytes(path))
        for name, path in names
        if name not in (MANIFEST, PROVENANCE)
    )


def to_json(manifest: BundleManifest) -> str:
    return json.dumps(to_plain(manifest), indent=1, ensure_ascii=False) + "\n"


def from_json(text: bytes) -> BundleManifest:
    """Parse a manifest; raise SourceError if it is invalid, or of a newer version."""
    try:
        data = json.loads(text)
        if isinstance(data["version"], int) and data["version"] > VERSION:
            raise SourceError(
                f"the bundle is of version {data['version']}, and this reprise reads up to {VERSION}",
                hint="use a newer version of reprise",
            )
        found = value_of(BundleManifest, data)
        assert isinstance(found, BundleManifest)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise SourceError(f"cannot read the manifest of the bundle: {error}") from error
    return found
