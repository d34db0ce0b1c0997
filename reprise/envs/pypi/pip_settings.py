"""pip's settings for uv, which does not read them: indexes, find-links, constraints, proxy, the CA bundle.

The user's settings of uv (``UV_*``), and existing variables, take precedence.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

# pip reads these of all files first, then lets those of the command win, and variables over both.
_SECTIONS = ("global", "install")
_KEYS = (
    "index-url",
    "extra-index-url",
    "find-links",
    "no-index",
    "trusted-host",
    "cert",
    "client-cert",
    "proxy",
    "timeout",
    "constraint",
    "pre",
    "only-binary",
    "no-binary",
)
_UV_INDEXES = (
    "UV_DEFAULT_INDEX",
    "UV_INDEX",
    "UV_INDEX_URL",
    "UV_EXTRA_INDEX_URL",
    "UV_FIND_LINKS",
    "UV_CONFIG_FILE",
)
_OTHERS = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "https_proxy", "http_proxy")
_CONSTRAINTS = ("PIP_CONSTRAINT", "UV_CONSTRAINT")
_LINKS = re.compile(r"^find[-_]links[ \t]*[=:]((?:.*)(?:\n[ \t]+.*)*)", re.MULTILINE)
_FORMS = {"only-binary": "UV_NO_BUILD", "no-binary": "UV_NO_BINARY"}
_YES = {"1", "true", "yes", "y", "on", "t"}


def for_uv(environ: Mapping[str, str]) -> dict[str, str]:
    """The variables to add to ``environ`` so that uv looks where pip would look."""
    settings = _read_settings(environ)
    patch: dict[str, str] = {}
    if not any(environ.get(name) for name in _UV_INDEXES):
        patch |= _index_settings(settings)
    patch |= _connection_settings(settings, environ) | _choice_settings(settings)
    return {name: value for name, value in patch.items() if not environ.get(name)}


def no_index(environ: Mapping[str, str]) -> bool:
    """Whether pip uses its find-links only; uv takes that as an option, and from no variable."""
    if any(environ.get(name) for name in _UV_INDEXES):
        return False
    return _read_settings(environ).get("no-index", "").lower() in _YES


def decisive_settings(environ: Mapping[str, str]) -> list[object]:
    """All of pip's settings that decide which packages are taken, with the texts of constraint files.

    Asked on every launch: the files are not parsed unless a path in them depends on where we are.
    """
    written = [
        path.read_text(encoding="utf-8", errors="replace")
        for path in _list_files(environ)
        if path.is_file()
    ]
    variables = {
        name: value for name, value in environ.items() if name.startswith("PIP_") or name in _OTHERS
    }
    if not _names_files(written, environ):
        return [written, sorted(variables.items())]
    patch = for_uv(environ)
    files = [
        Path(name) for name in (patch.get("UV_CONSTRAINT") or environ.get("UV_CONSTRAINT", "")).split()
    ]
    texts = [file.read_text(encoding="utf-8", errors="replace") for file in files if file.is_file()]
    return [patch, no_index(environ), texts]


def _names_files(written: Iterable[str], environ: Mapping[str, str]) -> bool:
    """Whether there is a constraint file, or a relative path, which is seen from the current folder."""
    links = [
        environ.get("PIP_FIND_LINKS", ""),
        *(found[1] for text in written for found in _LINKS.finditer(text)),
    ]
    if any(
        name.partition("://")[1] == "" and name[0] not in "/~" for line in links for name in line.split()
    ):
        return True
    return any("constraint" in text for text in written) or any(map(environ.get, _CONSTRAINTS))


def _index_settings(settings: Mapping[str, str]) -> dict[str, str]:
    patch: dict[str, str] = {}
    if url := settings.get("index-url"):
        patch["UV_DEFAULT_INDEX"] = url
    if links := settings.get("find-links"):
        patch["UV_FIND_LINKS"] = ",".join(map(_make_absolute, links.split()))
    if extra := settings.get("extra-index-url"):
        patch["UV_INDEX"] = " ".join(extra.split())
        # pip takes the best version of all indexes, uv those of the first index that has the name.
        patch["UV_INDEX_STRATEGY"] = "unsafe-best-match"
    return patch


def _connection_settings(settings: Mapping[str, str], environ: Mapping[str, str]) -> dict[str, str]:
    patch: dict[str, str] = {}
    if hosts := settings.get("trusted-host"):
        patch["UV_INSECURE_HOST"] = " ".join(hosts.split())
    if cert := settings.get("cert") or environ.get("REQUESTS_CA_BUNDLE") or environ.get("CURL_CA_BUNDLE"):
        patch["SSL_CERT_FILE"] = cert
    if cert := settings.get("client-cert"):
        patch["SSL_CLIENT_CERT"] = cert
    if (proxy := settings.get("proxy")) and not (environ.get("https_proxy") or environ.get("http_proxy")):
        patch |= {"HTTPS_PROXY": proxy, "HTTP_PROXY": proxy}
    if timeout := settings.get("timeout"):
        patch["UV_HTTP_TIMEOUT"] = timeout
    return patch


def _choice_settings(settings: Mapping[str, str]) -> dict[str, str]:
    """Which of the files of an index may be taken."""
    patch: dict[str, str] = {}
    if files := settings.get("constraint"):
        patch["UV_CONSTRAINT"] = " ".join(map(_make_absolute, files.split()))
    if settings.get("pre", "").lower() in _YES:
        patch["UV_PRERELEASE"] = "allow"
    for key, variable in _FORMS.items():
        names = re.split(r"[\s,]+", settings.get(key, "").strip())
        if ":all:" in names:
            patch[variable] = "1"
        elif names != [""] and ":none:" not in names:
            patch[f"{variable}_PACKAGE"] = " ".join(names)
    return patch


def _make_absolute(name: str) -> str:
    """A path as pip sees it, from the current folder; uv runs in the project's."""
    return name if "://" in name or name.startswith("~") else str(Path(name).absolute())


def _read_settings(environ: Mapping[str, str]) -> dict[str, str]:
    """pip's settings that matter here, in the order of its own rules."""
    sections: dict[str, dict[str, str]] = {name: {} for name in _SECTIONS}
    for path in _list_files(environ):
        if path.is_file():
            for section, found in _read_file(path).items():
                sections[section] |= found
    settings = {key: value for name in _SECTIONS for key, value in sections[name].items()}
    for key in _KEYS:
        if value := environ.get("PIP_" + key.upper().replace("-", "_")):
            settings[key] = value
    return settings


def _read_file(path: Path) -> dict[str, dict[str, str]]:
    """Return the keys of a pip.conf by section; empty for a file that pip cannot read either."""
    import configparser

    parser = configparser.RawConfigParser()
    try:
        parser.read(path, encoding="utf-8")
    except (configparser.Error, OSError, UnicodeError):
        return {}
    return {
        section: {
            name: value
            for key, value in parser.items(section)
            if (name := key.replace("_", "-")) in _KEYS and value
        }
        for section in _SECTIONS
        if parser.has_section(section)
    }


def _list_files(environ: Mapping[str, str]) -> Iterator[Path]:
    """pip's configuration files: of the machine, the user, this Python, and ``PIP_CONFIG_FILE``.

    The user's are left out when ``PIP_CONFIG_FILE`` names a file, and all are when it names none.
    """
    named = environ.get("PIP_CONFIG_FILE")
    if named == os.devnull:
        return
    home = Path(environ.get("HOME") or Path.home())
    config = Path(environ.get("XDG_CONFIG_HOME") or home / ".config")
    for folder in (environ.get("XDG_CONFIG_DIRS") or "/etc/xdg").split(os.pathsep):
        yield Path(folder) / "pip" / "pip.conf"
    yield Path("/etc/pip.conf")
    if not (named and Path(named).exists()):
        yield home / ".pip" / "pip.conf"
        yield home / "Library" / "Application Support" / "pip" / "pip.conf"
        yield config / "pip" / "pip.conf"
    yield Path(sys.prefix) / "pip.conf"
    if named:
        yield Path(named)
