"""From what the user typed to the project's files on this machine.

A local folder is used in place. A git repository, an archive, and a local repository at another
version become a copy under ``work-v1`` in the cache, which belongs to one run.
"""

from __future__ import annotations

import logging
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from reprise import file_lock, paths
from reprise.errors import SourceError, UsageError
from reprise.redact import redact
from reprise.runner.sources import locations, provenance, source_tags
from reprise.runner.sources.locations import Archive, FolderLocation, GitRepository
from reprise.runner.vcs import git
from reprise.schemas.job import Checkout, Repository
from reprise.schemas.work_tree import WorkTree

if TYPE_CHECKING:
    from reprise.runner.vcs.remotes import Remote

_ENTRUSTED = ".entrusted"
"""In a folder that was made for a run: a job that lives on without us needs it."""

log = logging.getLogger(__name__)

_owned: dict[Path, int] = {}
"""The copies of this process, each with the descriptor that :func:`find_owner` gives."""


def fetch_project(uri: str, version: str | None, base: Path, *, offline: bool = False) -> Checkout:
    """Return the project at ``uri``, ready to run; relative paths are relative to ``base``.

    ``version`` is a branch, a tag, or a full or short commit id of a git repository. ``offline``: do not
    use the network.

    Raises:
        SourceError: it cannot be found or fetched, or the URI tries to inject an option.
        UsageError: a version of something without versions.
    """
    if version is not None:
        _check_version(version)
    match locations.locate_project(uri, base):
        case FolderLocation(path, subdirectory):
            if version is None:
                checkout = _in_place(path, subdirectory)
            else:
                checkout = _local_at_version(path, subdirectory, version)
            name = source_tags.name_local_source(uri, base)
            return checkout if name == checkout.name else checkout._replace(source_name=name)
        case Archive(source, subdirectory):
            if version is not None:
                raise UsageError(f'-v "{version}": an archive has no versions', hint="remove -v")
            if offline and isinstance(source, str):
                raise SourceError(
                    f"{redact(source)} is not on this machine, and --offline does not allow fetching it",
                    hint="download the archive and use its path",
                )
            return _unpack_project(source, subdirectory)
        case GitRepository() as location:
            return _clone_project(location, version, offline)


def discard_checkout(checkout: Checkout) -> None:
    """Remove a copy that was made for one run; the user's own folder is kept."""
    if checkout.temporary is not None:
        _disown_folder(checkout.temporary)


def sweep_folder(temporary: Path) -> None:
    """Remove the copy of a run that could not do it itself; only ever a folder that we created."""
    if temporary.resolve().parent == work_root().resolve():
        shutil.rmtree(temporary, ignore_errors=True)


def entrust(checkout: Checkout) -> None:
    """Keep the folder for a job that lives on without us: it is removed with the lease of its run."""
    if checkout.temporary is not None:
        (checkout.temporary / _ENTRUSTED).touch()


def sweep_dead_copies() -> None:
    """Remove the folders of runs whose processes have died; those that schedulers' jobs need stay."""
    try:
        folders = [*work_root().iterdir()]
    except OSError:
        return
    for folder in folders:
        if not (folder / _ENTRUSTED).exists():
            file_lock.remove_dead(folder)


def find_owner(checkout: Checkout) -> int | None:
    """Return a lock descriptor that shows other processes that a run's copy is in use."""
    return _owned.get(checkout.temporary) if checkout.temporary else None


def let_go(checkout: Checkout) -> None:
    """Another process has our descriptor now."""
    if checkout.temporary is not None:
        os.close(_owned.pop(checkout.temporary))


def keep_checkout(checkout: Checkout, descriptor: int) -> None:
    """Take over, by its descriptor, what another process made for a run."""
    if checkout.temporary is not None:
        os.set_inheritable(descriptor, False)
        _owned[checkout.temporary] = descriptor


def work_root() -> Path:
    """Return the folder of the copies for runs."""
    return paths.cache_dir() / "work-v1"


def _disown_folder(folder: Path) -> None:
    if (descriptor := _owned.pop(folder, None)) is not None:
        file_lock.disown(folder, descriptor)


def _check_version(version: str) -> None:
    reason = git.find_refusal(version) or ("it is empty" if not version.strip() else None)
    if reason is None and re.search(r"[\s?*\[\\:]", version):
        reason = "no ref has this name"
    if reason is not None:
        raise SourceError(
            f"the version {version!r} is refused: {reason}", hint="use a branch, a tag or a commit"
        )


def _in_place(path: Path, subdirectory: str) -> Checkout:
    folder = project_folder(path, subdirectory, str(path))
    repository = provenance.read_repository(folder)
    if repository is None:
        return Checkout(folder, str(folder))
    url = source_tags.tag_of_repository(repository.first_url)
    return Checkout(
        folder, _folder_name(repository.root, folder), repository=repository, repository_url=url
    )


def _local_at_version(path: Path, subdirectory: str, version: str) -> Checkout:
    """Another version of the user's own repository, which is only read."""
    root = provenance.work_tree(path)
    if root is None:
        raise UsageError(
            f'-v "{version}": {path} is not in a git repository', hint="remove -v to run it as it is"
        )
    inside = "/".join(
        part for part in (path.relative_to(root).as_posix(), subdirectory) if part not in ("", ".")
    )
    origin = provenance.remote_url(root)
    from reprise.runner.vcs.remotes import Remote

    remote = Remote(root.as_uri(), local=True)
    checkout = _check_out(remote, (version,), version, {version: inside}, origin)
    url = source_tags.tag_of_repository(origin)
    return checkout._replace(repository_url=url or str(root))  # MLflow makes the folder its own remote


def _clone_project(location: GitRepository, version: str | None, offline: bool) -> Checkout:
    folders = _list_readings(location, version)
    return _check_out(location.remote, tuple(folders), version, folders, None, offline=offline)


def _list_readings(location: GitRepository, version: str | None) -> dict[str, str]:
    """Every version that the location can mean, the longest first, each with its project folder.

    The ``REF/folder`` of a web page does not say where the ref ends, for a ref may hold slashes.
    """
    inside = location.subdirectory
    if not location.tail:
        return {version or git.HEAD: inside}
    parts = location.tail.split("/")
    readings = {}
    for end in range(len(parts), 0, -1):
        folder = "/".join([*parts[end:], *([inside] if inside else [])])
        readings["/".join(parts[:end])] = folder
    if version is None:
        return readings
    if version not in readings:
        raise UsageError(
            f'-v "{version}" and the URL with "{location.tail}" are different versions',
            hint="remove one of them",
        )
    return {version: readings[version]}


def _check_out(
    remote: Remote,
    candidates: tuple[str, ...],
    version: str | None,
    folders: dict[str, str],
    origin: str | None,
    *,
    offline: bool = False,
) -> Checkout:
    from reprise.runner.sources import mirrors

    with work_folder() as temporary:
        root = temporary / short_name(remote.url)
        found = mirrors.obtain_files(remote, candidates, root, origin, offline=offline)
        inside = folders[found.version]
        tree = _large_files(root)
        shown = found.version if version is None and found.version != git.HEAD else version
        folder = project_folder(
            root, inside, f"{remote.url} at {shown or found.branch or found.commit[:12]}"
        )
    return Checkout(
        path=folder,
        name=redact(remote.url) + (f"#{inside}" if inside else ""),
        version=shown,
        repository=Repository(
            root, found.commit, found.branch, redact(origin or remote.url), dirty=False, tree=tree
        ),
        temporary=temporary,
    )


def _unpack_project(source: Path | str, subdirectory: str) -> Checkout:
    from reprise.runner.sources import archives

    shown = redact(str(source))
    with work_folder() as temporary:
        root = temporary / re.sub(r"(?i)\.(zip|tgz|tar\.gz)$", "", short_name(str(source)))
        archives.unpack_archive(source, root)
        folder = project_folder(archives.content_root(root, subdirectory), subdirectory, shown)
    name = shown + (f"#{subdirectory}" if subdirectory else "")
    return Checkout(folder, name, temporary=temporary)


def project_folder(root: Path, subdirectory: str, shown: str) -> Path:
    """Return ``root / subdirectory``, which must be a folder inside ``root``."""
    folder = root / subdirectory
    if not folder.resolve().is_relative_to(root.resolve()):
        raise SourceError(f'the subdirectory "{subdirectory}" of {shown} is a link to outside the project')
    if not folder.is_dir():
        projects = ", ".join(_find_subprojects(root))
        hint = f"it has projects in {projects}" if projects else "none of its folders has an MLproject file"
        raise SourceError(f'{shown} has no subdirectory "{subdirectory}"', hint=hint)
    return folder


def _find_subprojects(root: Path, depth: int = 4, limit: int = 12) -> list[str]:
    """The subdirectories with an MLproject, seen from ``root``."""
    found: list[str] = []
    for folder, names, files in os.walk(root):
        inside = Path(folder).relative_to(root)
        names[:] = (
            sorted(name for name in names if not name.startswith(".")) if len(inside.parts) < depth else []
        )
        if inside.parts and any(name.lower() == "mlproject" for name in files):
            found.append(inside.as_posix())
        if len(found) == limit:
            break
    return found


def _folder_name(root: Path, folder: Path) -> str:
    """``file://<root>[#<subdirectory>]``, as MLflow names a folder inside a work tree."""
    inside = folder.resolve().relative_to(root).as_posix()
    return root.as_uri() + (f"#{inside}" if inside != "." else "")


@contextmanager
def work_folder() -> Iterator[Path]:
    """Create a folder for one run, which is removed again if it cannot be filled."""
    folder = work_root() / os.urandom(8).hex()
    try:
        _owned[folder] = file_lock.own(folder)
        yield folder
    except BaseException as error:
        _disown_folder(folder)
        if isinstance(error, OSError):
            raise SourceError(
                f"cannot copy the project into the cache, {paths.cache_dir()}: {error}",
                hint="use REPRISE_CACHE_DIR to set another folder",
            ) from error
        raise


def short_name(url: str) -> str:
    """The last part of a URL or path, fit for a folder: scripts sometimes look at its name."""
    last = re.split(r"[/:]", urlsplit(url).path.rstrip("/"))[-1].removesuffix(".git")
    return re.sub(r"[^\w.\-]+", "-", last).strip(".-") or "project"


def _large_files(root: Path) -> WorkTree:
    """Return the Git LFS files of a new checkout: pointers, and downloaded contents."""
    attributes = root / ".gitattributes"
    if not attributes.is_file() or b"filter=lfs" not in attributes.read_bytes():
        return WorkTree()
    found = provenance.read_repository(root)
    return WorkTree(pointers=found.tree.pointers, large=found.tree.large) if found else WorkTree()
