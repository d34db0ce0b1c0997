"""``pixi.toml`` as the conda environment of its default feature on this machine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from reprise.schemas import platforms
from reprise.schemas.environment import CondaEnv
from reprise.schemas.environment_files import read_toml
from reprise.schemas.faults import START, Findings

_CONDA = ("build-dependencies", "host-dependencies", "dependencies")
_PYPI = "pypi-dependencies"
_OTHERS = ("feature", "environments", "activation")
_CONDA_KEYS = {"version", "build", "channel"}


def read(path: Path, root: Path, findings: Findings) -> CondaEnv:
    """What ``path`` says; what cannot be done is a fault, what is not done a warning."""
    content = read_toml(path, findings) or {}
    workspace = _table(content.get("workspace") or content.get("project"), ("workspace",), findings)
    for key in _OTHERS:
        if content.get(key):
            findings.warn(START, (key,), "is ignored: the default environment is made")
    _check_platforms(workspace, findings)
    conda: dict[str, str] = {}
    pypi: dict[str, str] = {}
    for where, table in _tables(content, findings):
        for key in _CONDA:
            for name, wanted in _table(table.get(key), (*where, key), findings).items():
                conda[name] = _match_spec(name, wanted, (*where, key, name), findings)
        for name, wanted in _table(table.get(_PYPI), (*where, _PYPI), findings).items():
            pypi[name] = _requirement(name, wanted, (*where, _PYPI, name), findings)
    options = _table(content.get("pypi-options"), ("pypi-options",), findings)
    return CondaEnv(
        root=root,
        file=path,
        name=str(workspace["name"]) if "name" in workspace else None,
        channels=tuple(
            _channel(channel)
            for channel in _list(workspace.get("channels"), ("workspace", "channels"), findings)
        ),
        dependencies=tuple(conda.values()),
        pip=(*_index_options(options, findings), *pypi.values()),
    )


def _tables(
    content: Mapping[str, Any], findings: Findings
) -> Iterator[tuple[tuple[str, ...], Mapping[str, Any]]]:
    """The tables that hold dependencies for this machine, the widest first, each with its path of keys."""
    yield (), content
    targets = _table(content.get("target"), ("target",), findings)
    for word in platforms.selectors():
        yield ("target", word), _table(targets.get(word), ("target", word), findings)


def _table(value: Any, where: tuple[str, ...], findings: Findings) -> Mapping[str, Any]:
    if value is None or isinstance(value, dict):
        return value or {}
    findings.fault(START, where, "is not a table")
    return {}


def _list(value: Any, where: tuple[str, ...], findings: Findings) -> Sequence[Any]:
    if value is None or isinstance(value, list):
        return value or ()
    findings.fault(START, where, "is not a list")
    return ()


def _check_platforms(workspace: Mapping[str, Any], findings: Findings) -> None:
    named = _list(workspace.get("platforms"), ("workspace", "platforms"), findings)
    if named and platforms.here() not in named:
        sentence = f"does not name {platforms.here()}: the project may not work on this machine"
        findings.warn(START, ("workspace", "platforms"), sentence)


def _channel(channel: Any) -> str:
    return str(channel.get("channel", "")) if isinstance(channel, dict) else str(channel)


def _match_spec(name: str, wanted: Any, where: tuple[str, ...], findings: Findings) -> str:
    """``numpy = "1.2.*"``, or a table with ``version``, ``build`` and ``channel``."""
    if isinstance(wanted, str):
        return _joined(name, wanted)
    if not isinstance(wanted, dict) or wanted.keys() - _CONDA_KEYS:
        unknown = ", ".join(sorted(wanted.keys() - _CONDA_KEYS)) if isinstance(wanted, dict) else "this"
        findings.fault(START, where, f"{unknown} cannot be done; version, build and channel can")
        return name
    channel = f"{wanted['channel']}::" if "channel" in wanted else ""
    build = f" {wanted['build']}" if "build" in wanted else ""
    version = str(wanted.get("version", "*"))
    return f"{channel}{name} {version}{build}" if build else _joined(f"{channel}{name}", version)


def _joined(name: str, version: str) -> str:
    return name if version.strip() in ("", "*") else f"{name} {version.strip()}"


def _requirement(name: str, wanted: Any, where: tuple[str, ...], findings: Findings) -> str:
    """A requirement line of a ``[pypi-dependencies]`` entry."""
    if isinstance(wanted, str):
        wanted = {"version": wanted}
    if not isinstance(wanted, dict):
        findings.fault(START, where, "is neither a version nor a table")
        return name
    if "index" in wanted:
        findings.warn(START, (*where, "index"), "is ignored: packages come from the configured indexes")
    if "path" in wanted:
        path = str(wanted["path"])
        path = path if path.startswith((".", "/")) else f"./{path}"
        return f"-e {path}" if wanted.get("editable") else path
    extras = f"[{','.join(map(str, wanted['extras']))}]" if wanted.get("extras") else ""
    if url := wanted.get("url") or _repository(wanted):
        return f"{name}{extras} @ {url}"
    version = str(wanted.get("version", "*")).strip()
    if version[:1].isdigit():
        version = f"=={version}"
    return f"{name}{extras}{'' if version == '*' else version}"


def _repository(wanted: Mapping[str, Any]) -> str | None:
    if "git" not in wanted:
        return None
    revision = next((f"@{wanted[key]}" for key in ("rev", "tag", "branch") if key in wanted), "")
    inside = f"#subdirectory={wanted['subdirectory']}" if "subdirectory" in wanted else ""
    return f"git+{str(wanted['git']).removeprefix('git+')}{revision}{inside}"


def _index_options(options: Mapping[str, Any], findings: Findings) -> Iterator[str]:
    if url := options.get("index-url"):
        yield f"--index-url {url}"
    for url in _list(options.get("extra-index-urls"), ("pypi-options", "extra-index-urls"), findings):
        yield f"--extra-index-url {url}"
    for place in _list(options.get("find-links"), ("pypi-options", "find-links"), findings):
        where = place.get("path") or place.get("url") if isinstance(place, dict) else place
        yield f"--find-links {where}"
