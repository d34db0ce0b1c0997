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


def read_pixi(path: Path, root: Path, findings: Findings) -> CondaEnv:
    """What ``path`` says; what cannot be done is a fault, what is not done a warning."""
    content = read_toml(path, findings) or {}
    workspace = _read_table(content.get("workspace") or content.get("project"), ("workspace",), findings)
    for key in _OTHERS:
        if content.get(key):
            findings.add_warning(START, (key,), "is ignored: the default environment is made")
    _check_platforms(workspace, findings)
    conda: dict[str, str] = {}
    pypi: dict[str, str] = {}
    for where, table in _iterate_tables(content, findings):
        for key in _CONDA:
            for name, wanted in _read_table(table.get(key), (*where, key), findings).items():
                conda[name] = _match_spec(name, wanted, (*where, key, name), findings)
        for name, wanted in _read_table(table.get(_PYPI), (*where, _PYPI), findings).items():
            pypi[name] = _format_requirement(name, wanted, (*where, _PYPI, name), findings)
    options = _read_table(content.get("pypi-options"), ("pypi-options",), findings)
    return CondaEnv(
        root=root,
        file=path,
        name=str(workspace["name"]) if "name" in workspace else None,
        channels=tuple(
            _read_channel(channel)
            for channel in _read_list(workspace.get("channels"), ("workspace", "channels"), findings)
        ),
        dependencies=tuple(conda.values()),
        pip=(*_index_options(options, findings), *pypi.values()),
    )


def _iterate_tables(
    content: Mapping[str, Any], findings: Findings
) -> Iterator[tuple[tuple[str, ...], Mapping[str, Any]]]:
    """The tables that hold dependencies for this machine, the widest first, each with its path of keys."""
    yield (), content
    targets = _read_table(content.get("target"), ("target",), findings)
    for word in platforms.platform_selectors():
        yield ("target", word), _read_table(targets.get(word), ("target", word), findings)


def _read_table(value: Any, where: tuple[str, ...], findings: Findings) -> Mapping[str, Any]:
    if value is None or isinstance(value, dict):
        return value or {}
    findings.add_fault(START, where, "is not a table")
    return {}


def _read_list(value: Any, where: tuple[str, ...], findings: Findings) -> Sequence[Any]:
    if value is None or isinstance(value, list):
        return value or ()
    findings.add_fault(START, where, "is not a list")
    return ()


def _check_platforms(workspace: Mapping[str, Any], findings: Findings) -> None:
    named = _read_list(workspace.get("platforms"), ("workspace", "platforms"), findings)
    if named and platforms.current_platform() not in named:
        sentence = f"does not name {platforms.current_platform()}: the project may not work on this machine"
        findings.add_warning(START, ("workspace", "platforms"), sentence)


def _read_channel(channel: Any) -> str:
    return str(channel.get("channel", "")) if isinstance(channel, dict) else str(channel)


def _match_spec(name: str, wanted: Any, where: tuple[str, ...], findings: Findings) -> str:
    """``numpy = "1.2.*"``, or a table with ``version``, ``build`` and ``channel``."""
    if isinstance(wanted, str):
        return _join_requirement(name, wanted)
    if not isinstance(wanted, dict) or wanted.keys() - _CONDA_KEYS:
        unknown = ", ".join(sorted(wanted.keys() - _CONDA_KEYS)) if isinstance(wanted, dict) else "this"
        findings.add_fault(START, where, f"{unknown} cannot be done; version, build and channel can")
        return name
    channel = f"{wanted['channel']}::" if "channel" in wanted else ""
    build = f" {wanted['build']}" if "build" in wanted else ""
    version = str(wanted.get("version", "*"))
    return f"{channel}{name} {version}{build}" if build else _join_requirement(f"{channel}{name}", version)


def _join_requirement(name: str, version: str) -> str:
    return name if version.strip() in ("", "*") else f"{name} {version.strip()}"


def _format_requirement(name: str, wanted: Any, where: tuple[str, ...], findings: Findings) -> str:
    """A requirement line of a ``[pypi-dependencies]`` entry."""
    if isinstance(wanted, str):
        wanted = {"version": wanted}
    if not isinstance(wanted, dict):
        findings.add_fault(START, where, "is neither a version nor a table")
        return name
    if "index" in wanted:
        findings.add_warning(
            START, (*where, "index"), "is ignored: packages come from the configured indexes"
        )
    if "path" in wanted:
        path = str(wanted["path"])
        path = path if path.startswith((".", "/")) else f"./{path}"
        return f"-e {path}" if wanted.get("editable") else path
    extras = f"[{','.join(map(str, wanted['extras']))}]" if wanted.get("extras") else ""
    if url := wanted.get("url") or _format_repository(wanted):
        return f"{name}{extras} @ {url}"
    version = str(wanted.get("version", "*")).strip()
    if version[:1].isdigit():
        version = f"=={version}"
    return f"{name}{extras}{'' if version == '*' else version}"


def _format_repository(wanted: Mapping[str, Any]) -> str | None:
    if "git" not in wanted:
        return None
    revision = next((f"@{wanted[key]}" for key in ("rev", "tag", "branch") if key in wanted), "")
    inside = f"#subdirectory={wanted['subdirectory']}" if "subdirectory" in wanted else ""
    return f"git+{str(wanted['git']).removeprefix('git+')}{revision}{inside}"


def _index_options(options: Mapping[str, Any], findings: Findings) -> Iterator[str]:
    if url := options.get("index-url"):
        yield f"--index-url {url}"
    for url in _read_list(options.get("extra-index-urls"), ("pypi-options", "extra-index-urls"), findings):
        yield f"--extra-index-url {url}"
    for place in _read_list(options.get("find-links"), ("pypi-options", "find-links"), findings):
        where = place.get("path") or place.get("url") if isinstance(place, dict) else place
        yield f"--find-links {where}"
