"""pip's settings for uv, which does not read them: indexes, find-links, the CA bundle.

What the user has told uv itself (``UV_*``) wins.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

_SECTIONS = ("global", "download", "wheel", "install")
_KEYS = ("index-url", "extra-index-url", "find-links", "no-index", "trusted-host", "cert")
_UV_INDEXES = (
    "UV_DEFAULT_INDEX",
    "UV_INDEX",
    "UV_INDEX_URL",
    "UV_EXTRA_INDEX_URL",
    "UV_FIND_LINKS",
    "UV_CONFIG_FILE",
)
_YES = {"1", "true", "yes", "y", "on", "t"}


def for_uv(environ: Mapping[str, str]) -> dict[str, str]:
    """The variables to add to ``environ`` so that uv looks where pip would look."""
    settings = _settings(environ)
    patch: dict[str, str] = {}
    if not any(environ.get(name) for name in _UV_INDEXES):
        patch |= _indexes(settings)
    if hosts := settings.get("trusted-host"):
        patch["UV_INSECURE_HOST"] = " ".join(hosts.split())
    if cert := settings.get("cert"):
        patch["SSL_CERT_FILE"] = cert
    elif bundle := environ.get("REQUESTS_CA_BUNDLE") or environ.get("CURL_CA_BUNDLE"):
        patch["SSL_CERT_FILE"] = bundle
    return {name: value for name, value in patch.items() if not environ.get(name)}


def no_index(environ: Mapping[str, str]) -> bool:
    """Whether pip uses its find-links only; uv takes that as an option, and from no variable."""
    if any(environ.get(name) for name in _UV_INDEXES):
        return False
    return _settings(environ).get("no-index", "").lower() in _YES


def _indexes(settings: Mapping[str, str]) -> dict[str, str]:
    patch: dict[str, str] = {}
    if url := settings.get("index-url"):
        patch["UV_DEFAULT_INDEX"] = url
    if links := settings.get("find-links"):
        patch["UV_FIND_LINKS"] = ",".join(links.split())
    if extra := settings.get("extra-index-url"):
        patch["UV_INDEX"] = " ".join(extra.split())
        # pip takes the best version of all indexes, uv those of the first index that has the name.
        patch["UV_INDEX_STRATEGY"] = "unsafe-best-match"
    return patch


def _settings(environ: Mapping[str, str]) -> dict[str, str]:
    """pip's settings that matter here; a later file wins, and a ``PIP_*`` variable over all files."""
    found: dict[str, str] = {}
    for path in _files(environ):
        if path.is_file():
            found |= _read(path)
    for key in _KEYS:
        if value := environ.get("PIP_" + key.upper().replace("-", "_")):
            found[key] = value
    return found


def _read(path: Path) -> dict[str, str]:
    """The keys of one pip.conf; a file that pip could not read either gives nothing."""
    import configparser

    parser = configparser.RawConfigParser()
    try:
        parser.read(path, encoding="utf-8")
    except (configparser.Error, OSError, UnicodeError):
        return {}
    found: dict[str, str] = {}
    for section in _SECTIONS:
        if parser.has_section(section):
            found |= {key.replace("_", "-"): value for key, value in parser.items(section)}
    return {key: value for key, value in found.items() if key in _KEYS}


def _files(environ: Mapping[str, str]) -> Iterator[Path]:
    """pip's configuration files: of the machine, the user, this Python, and ``PIP_CONFIG_FILE``."""
    named = environ.get("PIP_CONFIG_FILE")
    if named == os.devnull:
        return
    home = Path(environ.get("HOME") or Path.home())
    config = Path(environ.get("XDG_CONFIG_HOME") or home / ".config")
    for folder in (environ.get("XDG_CONFIG_DIRS") or "/etc/xdg").split(os.pathsep):
        yield Path(folder) / "pip" / "pip.conf"
    yield Path("/etc/pip.conf")
    yield home / ".pip" / "pip.conf"
    yield home / "Library" / "Application Support" / "pip" / "pip.conf"
    yield config / "pip" / "pip.conf"
    yield Path(sys.prefix) / "pip.conf"
    if named:
        yield Path(named)
