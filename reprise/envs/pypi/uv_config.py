"""The relevant configuration files of uv: the project's, the user's and the system's.

uv searches all parent folders. A pyproject.toml that happens to be above a project must not count, with its
indexes, ``exclude-newer`` or ``required-version``.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from reprise.errors import ProjectError
from reprise.file_lock import scratch

# uv takes these in a pyproject.toml only.
_OF_PROJECTS = {
    "build-backend",
    "conflicts",
    "default-groups",
    "dependency-groups",
    "dev-dependencies",
    "managed",
    "package",
    "sources",
    "workspace",
}
_PLACES = {"cache-dir", "extra-index-url", "find-links", "index-url", "url"}


@contextmanager
def in_force(
    folder: Path | None, environ: Mapping[str, str], settings: Mapping[str, Any] | None = None
) -> Iterator[dict[str, str | None]]:
    """The variables with which uv, started in ``folder``, reads no configuration of its parents.

    Args:
        folder: None for what is about no project.
        settings: what counts before all files.

    What the user says in ``UV_CONFIG_FILE`` or ``UV_NO_CONFIG`` stays.
    """
    said = environ.get("UV_CONFIG_FILE") or environ.get("UV_NO_CONFIG")
    own = _own_files(folder) if folder is not None else []
    if not settings and (said or own):
        yield {}  # uv finds the project's own first, and looks no further
        return
    named = Path(environ.get("UV_CONFIG_FILE") or os.devnull)
    files = [named] if said else [*own, *user_files(environ)]
    if not settings and len(files) < 2:
        yield {"UV_CONFIG_FILE": str(files[0])} if files else {"UV_NO_CONFIG": "1"}
        return
    with scratch() as temporary:
        path = temporary / "uv.toml"
        path.write_text(
            _as_toml(_combine_contents([settings or {}, *map(_read_content, files)])), encoding="utf-8"
        )
        yield {"UV_CONFIG_FILE": str(path), "UV_NO_CONFIG": None}


def user_files(environ: Mapping[str, str]) -> list[Path]:
    """The configuration files of the user and of the system that are there, the user's first."""
    home = Path(environ.get("HOME") or Path.home())
    user = Path(environ.get("XDG_CONFIG_HOME") or home / ".config") / "uv" / "uv.toml"
    folders = (environ.get("XDG_CONFIG_DIRS") or "/etc/xdg").split(os.pathsep)
    system = [*(Path(folder) / "uv" / "uv.toml" for folder in folders if folder), Path("/etc/uv/uv.toml")]
    return [*filter(Path.is_file, [user]), *list(filter(Path.is_file, system))[:1]]


def config_texts(environ: Mapping[str, str]) -> list[str]:
    """What the files of the user and of the system say."""
    return [_read_text(file) for file in user_files(environ)]


def _own_files(folder: Path) -> list[Path]:
    """The file that uv, started in ``folder``, takes a project's settings from; ``uv.toml`` comes first."""
    root = _workspace_of(folder) or folder
    for file in (root / "uv.toml", root / "pyproject.toml"):
        if file.is_file() and (file.name == "uv.toml" or "[tool.uv" in _read_text(file)):
            return [file]
    return []


def _workspace_of(folder: Path) -> Path | None:
    """The root of the workspace that ``folder`` is a member of, or None."""
    if not (folder / "pyproject.toml").is_file():
        return None
    for above in folder.absolute().parents:
        file = above / "pyproject.toml"
        if file.is_file() and "[tool.uv.workspace]" in _read_text(file):
            return above if _is_member(folder, above, _read_content(file).get("workspace", {})) else None
    return None


def _is_member(folder: Path, root: Path, workspace: Mapping[str, Any]) -> bool:
    relative = folder.absolute().relative_to(root).as_posix()

    def is_named(key: str) -> bool:
        patterns = workspace.get(key, ())
        return any(fnmatch(relative, str(pattern).removeprefix("./").rstrip("/")) for pattern in patterns)

    return is_named("members") and not is_named("exclude")


def _read_text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _read_content(file: Path) -> dict[str, Any]:
    """The settings of ``file``, with its relative paths made absolute.

    Raises:
        ProjectError: it is not TOML.
    """
    import tomllib

    try:
        content = tomllib.loads(_read_text(file))
    except tomllib.TOMLDecodeError as error:
        raise ProjectError(f"{file}: {error}") from error
    if file.name == "pyproject.toml":
        content = content.get("tool", {}).get("uv", {})
    return {key: _anchor_value(key, value, file.parent) for key, value in content.items()}


def _anchor_value(key: str, value: Any, folder: Path) -> Any:
    match value:
        case dict():
            return {inner: _anchor_value(inner, item, folder) for inner, item in value.items()}
        case list():
            return [_anchor_value(key, item, folder) for item in value]
        case str() if key in _PLACES and "://" not in value and not value.startswith(("/", "~")):
            return str(folder / value)
    return value


def _combine_contents(contents: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """One configuration of several, the first counts most: lists are joined, as uv does it."""
    combined: dict[str, Any] = {}
    for content in contents:
        for key, value in content.items():
            held = combined.get(key)
            if isinstance(held, list) and isinstance(value, list):
                combined[key] = [*held, *value]
            elif isinstance(held, dict) and isinstance(value, dict):
                combined[key] = _combine_contents([held, value])
            elif key not in combined and key not in _OF_PROJECTS:
                combined[key] = value
    return combined


def _as_toml(content: Mapping[str, Any]) -> str:
    return "".join(f"{json.dumps(key)} = {_format_toml(value)}\n" for key, value in content.items())


def _format_toml(value: Any) -> str:
    """``value`` on one line of TOML, whose strings are those of JSON."""
    match value:
        case dict():
            pairs = (f"{json.dumps(key)} = {_format_toml(item)}" for key, item in value.items())
            return f"{{{', '.join(pairs)}}}"
        case list() | tuple():
            return f"[{', '.join(map(_format_toml, value))}]"
        case datetime() | date():
            return value.isoformat()
    return json.dumps(value)
