"""Channels as the user's conda settings name them: ``.condarc`` files, ``CONDA_*``, aliases, mirrors.

No conda is needed; its settings count all the same, for that is where a site says where packages come from.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from reprise.envs.conda.credentials import collect_channels, hide_secrets
from reprise.errors import EnvError
from reprise.named_tuple import NamedTuple
from reprise.redact import redact
from reprise.schemas.environment import Credentials

_FALLBACK = "conda-forge"
"""The default channel if neither the project nor the user sets one."""

_VARIABLES = ("CONDA_CHANNELS", "CONDA_CHANNEL_ALIAS", "CONDA_CHANNEL_PRIORITY", "CONDA_SSL_VERIFY")
_PLACES = (
    "/etc/conda",
    "/var/lib/conda",
    "$CONDA_ROOT",
    "$XDG_CONFIG_HOME/conda",
    "~/.config/conda",
    "~/.conda",
    "$CONDA_PREFIX",
)
_LISTS = {"channels", "default_channels", "allowlist_channels", "denylist_channels"}
_MAPPINGS = {"custom_channels", "custom_multichannels", "mirrored_channels", "proxy_servers"}
_OLD_NAMES = {"whitelist_channels": "allowlist_channels"}
# conda's own default.
BUILT_IN: Mapping[str, Any] = {
    "channel_alias": "https://conda.anaconda.org",
    "channel_priority": "flexible",
    "ssl_verify": True,
    "add_pip_as_python_dependency": True,
    "default_channels": ("https://repo.anaconda.com/pkgs/main", "https://repo.anaconda.com/pkgs/r"),
    "custom_channels": {"pkgs": "https://repo.anaconda.com"},
    "custom_multichannels": {},
    "mirrored_channels": {},
    "proxy_servers": {},
    "channels": (),
    "allowlist_channels": (),
    "denylist_channels": (),
}
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*://")
_VARIABLE = re.compile(r"\$(?:(\w+)|\{(\w+)\})")
_TOKEN = re.compile(r"(?<=/)t/[^/\s]+/")


class Channel(NamedTuple):
    """``urls`` is one, or those of a multichannel such as ``defaults``; they may hold credentials."""

    name: str
    urls: tuple[str, ...]


Settings = Mapping[str, Any]
"""What the ``.condarc`` files and variables say, in conda's own words; later files win."""


def settings_texts(environ: Mapping[str, str]) -> list[tuple[str, str]]:
    """(name, text) of every file and variable that has a say: what decides, without being parsed."""
    files = [(str(path), path.read_text("utf-8", "replace")) for path in _list_files(environ)]
    named = {found[1] or found[2] for _, text in files for found in _VARIABLE.finditer(text)}
    return files + [(name, environ[name]) for name in sorted({*_VARIABLES, *named}) if environ.get(name)]


def read_settings(environ: Mapping[str, str]) -> Settings:
    """The user's conda settings.

    Raises:
        EnvError: a file is not the YAML mapping that it should be.
    """
    found: dict[str, Any] = {}
    for path in _list_files(environ):
        _merge_settings(found, _parse_file(path, environ))
    for name in _VARIABLES:
        if value := environ.get(name):
            key = name.removeprefix("CONDA_").lower()
            _merge_settings(found, {key: re.split(r"[,&\s]+", value) if key in _LISTS else value})
    custom = {**BUILT_IN["custom_channels"], **found.get("custom_channels", {})}
    return {**BUILT_IN, **found, "custom_channels": custom}


def for_project(named: Sequence[str], asked: Settings, root: Path) -> tuple[Channel, ...]:
    """The channels of a conda.yaml, best first: its own, then the user's unless it says ``nodefaults``.

    Raises:
        EnvError: the user's settings forbid one of them.
    """
    names = [name for name in named if name != "nodefaults"]
    if "nodefaults" not in named:
        names += asked["channels"]
    return tuple(find_channel(name, asked, root) for name in dict.fromkeys(names or [_FALLBACK]))


def find_channel(name: str, asked: Settings, root: Path) -> Channel:
    """The channel called ``name``: a URL, a folder (relative to ``root``), or a name of the settings."""
    multiple: Mapping[str, Any] = {
        "defaults": asked["default_channels"],
        **asked["custom_multichannels"],
    }
    if name in multiple:
        members = multiple[name] or ()
        urls = tuple(url for member in members for url in _resolve_single(str(member), asked, root))
    else:
        urls = _resolve_single(name, asked, root)
    _refuse_forbidden(name, urls, asked, root)
    return Channel(name, urls)


def with_settings(credentials: Credentials, asked: Settings, root: Path) -> Credentials:
    """``credentials``, and those in every address of the user's settings, which win."""
    members = [asked["default_channels"], *asked["custom_multichannels"].values()]
    named = (*asked["channels"], *(name for names in members for name in names))
    urls = [url for name in named for url in _resolve_single(str(name), asked, root)]
    urls += [str(asked["channel_alias"]), *map(str, asked["custom_channels"].values())]
    of_settings = collect_channels(urls)
    return credentials._replace(channels=tuple(dict((*credentials.channels, *of_settings)).items()))


def explain_plainly(error: Exception) -> str:
    """The last of the causes that rattler lists, which is the plainest, without secrets."""
    causes = [line.removeprefix("Caused by:").strip() for line in str(error).splitlines() if line.strip()]
    return redact(_TOKEN.sub("", causes[-1])) if causes else type(error).__name__


def _resolve_single(name: str, asked: Settings, root: Path) -> tuple[str, ...]:
    """The URL of one channel; of several mirrors the first."""
    if mirrors := asked["mirrored_channels"].get(name):
        return (str(mirrors[0]).rstrip("/"),)
    if _URL.match(name):
        return (name.rstrip("/"),)
    if name.startswith(("/", "./", "../", "~")) or name in (".", ".."):
        return ((root / Path(name).expanduser()).resolve().as_uri(),)
    words = name.strip("/").split("/")
    for end in range(len(words), 0, -1):
        if base := asked["custom_channels"].get("/".join(words[:end])):
            return (_join_below(str(base), name, root),)
    return (_join_below(str(asked["channel_alias"]), name, root),)


def _join_below(base: str, name: str, root: Path) -> str:
    if not _URL.match(base):
        base = (root / Path(base).expanduser()).resolve().as_uri()
    return f"{base.rstrip('/')}/{name.strip('/')}"


def _refuse_forbidden(name: str, urls: Iterable[str], asked: Settings, root: Path) -> None:
    for url in urls:
        same = {hide_secrets(url), name}
        denied = {
            hide_secrets(item)
            for word in asked["denylist_channels"]
            for item in _resolve_both(word, asked, root)
        }
        allowed = {
            hide_secrets(item)
            for word in asked["allowlist_channels"]
            for item in _resolve_both(word, asked, root)
        }
        if same & denied or (allowed and not same & allowed):
            raise EnvError(
                f'channel "{name}" is not allowed by the conda settings of this machine',
                hint="see denylist_channels and allowlist_channels in .condarc",
            )


def _resolve_both(word: str, asked: Settings, root: Path) -> tuple[str, ...]:
    return (word, *_resolve_single(word, asked, root))


def _merge_settings(found: dict[str, Any], more: Mapping[str, Any]) -> None:
    """Lists and mappings of later files come before those of earlier ones, other values replace them."""
    for name, value in more.items():
        key = _OLD_NAMES.get(name, name)
        if value is None:
            continue
        if key in _LISTS:
            value = [value] if isinstance(value, str) else list(value)
            found[key] = list(dict.fromkeys([*map(str, value), *found.get(key, ())]))
        elif key in _MAPPINGS:
            found[key] = {**found.get(key, {}), **value}
        else:
            found[key] = value


def _parse_file(path: Path, environ: Mapping[str, str]) -> dict[str, Any]:
    import yaml

    try:
        content = yaml.load(path.read_bytes(), getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (yaml.YAMLError, OSError, UnicodeError) as error:
        raise EnvError(f"cannot read {path}: {error}") from error
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise EnvError(f"{path} is not a mapping of conda settings")
    wrong = [
        key
        for key, value in content.items()
        if (key in _LISTS and not isinstance(value, list | str | None))
        or (key in _MAPPINGS and not isinstance(value, dict | None))
    ]
    if wrong:
        raise EnvError(f"{path}: {wrong[0]} is not what conda expects there: {content[wrong[0]]!r}")
    return {str(key): _expand_variables(value, environ) for key, value in content.items()}


def _expand_variables(value: Any, environ: Mapping[str, str]) -> Any:
    """``value`` with ``$NAME`` and ``${NAME}`` replaced where they are set, as conda does."""
    match value:
        case str():
            return _VARIABLE.sub(lambda found: environ.get(found[1] or found[2], found[0]), value)
        case list():
            return [_expand_variables(item, environ) for item in value]
        case dict():
            return {key: _expand_variables(item, environ) for key, item in value.items()}
        case _:
            return value


def _list_files(environ: Mapping[str, str]) -> Iterator[Path]:
    """The files of conda's search path that are there, the least important first."""
    home = environ.get("HOME", "")
    for place in _PLACES:
        variable, _, below = place.removeprefix("$").partition("/")
        if place.startswith("$"):
            base = environ.get(variable)
            if not base:
                continue
            yield from _of_folder(Path(base) / below)
        elif place.startswith("~"):
            yield from _of_folder(Path(home) / place[2:])
        else:
            yield from _of_folder(Path(place))
        if place == "~/.conda":
            yield from filter(Path.is_file, (Path(home) / ".condarc",))
    if named := environ.get("CONDARC"):
        path = Path(named).expanduser()
        if path.is_file():
            yield path
        elif path.is_dir():
            yield from sorted(path.glob("*.y*ml"))


def _of_folder(folder: Path) -> Iterator[Path]:
    for name in (".condarc", "condarc"):
        if (folder / name).is_file():
            yield folder / name
    if (folder / "condarc.d").is_dir():
        yield from sorted((folder / "condarc.d").glob("*.y*ml"))
