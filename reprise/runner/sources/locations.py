"""What a project URI means: a folder, an archive or a git repository, read without any network."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

from reprise.errors import SourceError
from reprise.named_tuple import NamedTuple
from reprise.redact import redact
from reprise.runner.vcs import git

if TYPE_CHECKING:
    from reprise.runner.vcs.remotes import Remote

ARCHIVE_SUFFIXES = (".zip", ".tar.gz", ".tgz")

_FORMS = "a folder, an archive (.zip, .tar.gz), https://host/team/project.git or git@host:team/project.git"
# Patterns stay text, which costs nothing at start-up: most runs are of a local folder.
_SCHEME = r"(?P<scheme>[A-Za-z][A-Za-z0-9+.\-]*):"
_SCP = r"(?P<user>[^\s@/:]+@)?(?P<host>\[[^\]]+\]|[^\s@/:\[\]]+):(?P<path>(?!//)[^:].*)"
# A page of GitHub, GitLab or Bitbucket (also self-hosted) that shows a folder at a ref.
_WEB_PAGE = r"(?P<repository>/.+?)/-/tree/(?P<tail>.+)|(?P<short>/[^/]+/[^/]+)/(?:tree|src)/(?P<rest>.+)"


class FolderLocation(NamedTuple):
    """A folder on this machine, used in place unless a version is requested."""

    path: Path
    subdirectory: str


class Archive(NamedTuple):
    """An archive: a file on this machine, or a URL (which may hold secrets)."""

    source: Path | str
    subdirectory: str


class GitRepository(NamedTuple):
    """A repository to mirror; ``tail`` is the ``REF/folder`` of a web page, not yet split."""

    remote: Remote
    subdirectory: str
    tail: str = ""


Location = FolderLocation | Archive | GitRepository


def locate_project(uri: str, base: Path) -> Location:
    """Read ``uri``; relative paths are seen from ``base``.

    Raises:
        SourceError: the form is unknown or a trick, or there is nothing at a local path.
    """
    text = uri.strip().strip("'\"").strip()
    if text != uri and git.find_refusal(uri) is None and _is_folder(uri, base):
        return FolderLocation(_local_path(uri, base), "")  # blanks are a part of the name
    if not text:
        raise SourceError("the project URI is empty", hint=f"use {_FORMS}")
    _refuse_text(text, git.find_refusal(text))
    if "#" in text and "://" not in text and _is_folder(text, base):
        return FolderLocation(_local_path(text, base), "")
    place, _, fragment = text.partition("#")
    subdirectory = _inner_path(fragment)
    forced_git = place.startswith("git+")
    place = place.removeprefix("git+")
    _refuse_text(text, git.find_refusal(place))
    if "://" in place:
        return _from_url(place, subdirectory, forced_git)
    path = _local_path(place, base)
    if path.exists():
        return _from_path(path, subdirectory)
    if scp := re.fullmatch(_SCP, place):
        return _from_scp(scp, subdirectory)
    raise _nothing_at(place, path)


def _from_url(url: str, subdirectory: str, forced_git: bool) -> Location:
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        _ = parts.port
    except ValueError as error:
        raise SourceError(f'"{redact(url)}" is not a URL: {error}') from error
    scheme = parts.scheme.lower()
    if scheme == "file":
        return _from_path(_file_path(parts), subdirectory)
    if scheme not in ("http", "https", "ssh", "git"):
        raise SourceError(f'"{scheme}:" is not a supported source of projects', hint=f"use {_FORMS}")
    if not host:
        raise SourceError(f'"{redact(url)}" has no host')
    if host.startswith("-") or (parts.username or "").startswith("-"):
        _refuse_text(url, "its host or user starts with a dash")
    if scheme == "ssh":
        return GitRepository(_ssh_remote(parts), subdirectory)
    if scheme != "git" and not forced_git and parts.path.lower().endswith(ARCHIVE_SUFFIXES):
        return Archive(url, subdirectory)
    return _web_repository(parts, subdirectory)


def _web_repository(parts: SplitResult, subdirectory: str) -> GitRepository:
    user, password = (unquote(part) if part else None for part in (parts.username, parts.password))
    for secret in (user, password):
        if secret and not secret.isprintable():
            _refuse_text(parts.geturl(), "its userinfo contains a control character")
    tail = ""
    if (page := re.fullmatch(_WEB_PAGE, parts.path.rstrip("/"))) and not parts.path.endswith(".git"):
        path = page["repository"] or page["short"]
        tail = unquote(page["tail"] or page["rest"])
        _refuse_text(parts.geturl(), git.find_refusal(tail))
        _inner_path(tail)
        parts = parts._replace(path=path, query="")
    netloc = parts.netloc.rpartition("@")[2]
    url = urlunsplit(parts._replace(netloc=netloc, path=parts.path.rstrip("/"), fragment=""))
    return GitRepository(_remote(url, user or None, password), subdirectory, tail)


def _ssh_remote(parts: SplitResult) -> Remote:
    if parts.password is not None:
        raise SourceError("ssh takes no password from a URL", hint="use an ssh key, or https")
    return _remote(urlunsplit(parts._replace(path=parts.path.rstrip("/"))))


def _from_scp(match: re.Match[str], subdirectory: str) -> GitRepository:
    """``git@host:path``, or ``host:path`` where nothing else can be meant."""
    text, host, path = match[0], match["host"], match["path"]
    if text.startswith("-") or host.startswith("-") or path.startswith("-"):
        _refuse_text(text, "its host or path starts with a dash")
    if not match["user"] and "." not in host and not path.endswith(".git"):
        raise SourceError(f'"{host}:" is not a supported source of projects', hint=f"use {_FORMS}")
    return GitRepository(_remote(text.rstrip("/")), subdirectory)


def _from_path(path: Path, subdirectory: str) -> Location:
    if path.is_dir():
        if _is_bare_repository(path):
            return GitRepository(_remote(path.as_uri(), local=True), subdirectory)
        return FolderLocation(path, subdirectory)
    if not path.exists():
        raise _nothing_at(str(path), path)
    if path.name.lower().endswith(ARCHIVE_SUFFIXES):
        return Archive(path, subdirectory)
    hint = f"use its folder, {path.parent}" if path.name.lower() == "mlproject" else f"use {_FORMS}"
    raise SourceError(f"{path} is a file, not a project", hint=hint)


def path_of(file_url: str) -> Path:
    """Return the path of a ``file:`` URL on this machine."""
    return _file_path(urlsplit(file_url))


def _file_path(parts: SplitResult) -> Path:
    if parts.netloc.lower() not in ("", "localhost"):
        raise SourceError(
            f'a file: URL names the host "{parts.netloc.rpartition("@")[2]}"', hint="write file:///folder"
        )
    decoded = unquote(parts.path)
    _refuse_text(decoded, git.find_refusal(decoded))
    return Path(decoded).resolve()


def _is_folder(text: str, base: Path) -> bool:
    """Return whether the path exists as written: ``a#..`` is not ``.`` unless a folder ``a#..`` exists."""
    try:
        return (base / Path(text).expanduser()).is_dir()
    except (OSError, RuntimeError, ValueError):  # too long a name, or a home that is not known
        return False


def _local_path(text: str, base: Path) -> Path:
    try:
        path = (base / Path(text).expanduser()).resolve()
        path.exists()
        return path
    except (OSError, RuntimeError) as error:
        raise SourceError(f'"{text}" is not a path: {error}') from error


def _is_bare_repository(path: Path) -> bool:
    parts: tuple[tuple[str, Callable[[Path], bool]], ...] = (
        ("HEAD", Path.is_file),
        ("objects", Path.is_dir),
        ("refs", Path.is_dir),
    )
    return path.name != ".git" and all(test(path / name) for name, test in parts)


def _inner_path(text: str) -> str:
    """``text`` as a clean relative path; a leading slash means the project's own root."""
    parts = [part for part in text.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise SourceError(f'the subdirectory "{text}" is outside the project', hint='write it without ".."')
    return "/".join(parts)


def _refuse_text(text: str, reason: str | None) -> None:
    if reason is not None:
        raise SourceError(f"the project URI {redact(text)!r} is refused: {reason}", hint=f"use {_FORMS}")


def _nothing_at(text: str, path: Path) -> SourceError:
    if known := re.match(_SCHEME, text):
        return SourceError(
            f'"{known["scheme"]}:" is not a supported source of projects', hint=f"use {_FORMS}"
        )
    if re.match(r"[\w.\-]+\.[a-z]{2,}/.+/.+", text) and not text.startswith("."):
        return SourceError(f"there is no folder {path}", hint=f"a git repository is written https://{text}")
    import difflib

    try:
        names = [entry.name for entry in path.parent.iterdir()]
    except OSError:
        return SourceError(f"there is no folder {path}: its parent is missing too")
    near = difflib.get_close_matches(path.name, names, n=1)
    return SourceError(f"there is no folder {path}", hint=f'did you mean "{near[0]}"?' if near else None)


def _remote(
    url: str, user: str | None = None, password: str | None = None, *, local: bool = False
) -> Remote:
    from reprise.runner.vcs.remotes import Remote

    return Remote(url, user, password, local)
