"""Enter a conda environment without ``activate``.

Plain data (PATH, ``CONDA_PREFIX``, variables of ``conda env config vars`` and of packages) is added to the
command's environment here. Activation scripts may do anything: read current variables, prepend to PATH,
unset. So they run when the command runs, in the bash that then becomes it; a stored difference would be
outdated. Most environments have no scripts, so most commands have no overhead.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from reprise.envs import base
from reprise.schemas.environment import CondaEnv, Environment
from reprise.schemas.job import Command

# The paths and the command are arguments, never part of the script; names that no script uses by chance.
_ACTIVATE = """\
_reprise_scripts=("${@:2:$1}") _reprise_command=("${@:$1+2}")
for _reprise_script in "${_reprise_scripts[@]}"; do set --; . "$_reprise_script" 1>&2; done
exec "${_reprise_command[@]}"
"""
_UNSET = "***unset***"  # conda's word for a variable that an environment wants to be without


def enter_environment(environment: Environment, command: Command) -> Command:
    prefix = environment.prefix
    inside = base.with_folder_on_path(command, prefix / "bin")
    patch = dict(inside.environ) | _activation_data(environment)
    scripts = [str(path) for path in _list_scripts(prefix)]
    argv = command.argv
    if scripts:
        argv = ("bash", "-c", _ACTIVATE, "reprise-activate", str(len(scripts)), *scripts, *argv)
    return inside._replace(argv=argv, environ=tuple(patch.items()))


def _activation_data(environment: Environment) -> dict[str, str | None]:
    prefix, spec = environment.prefix, environment.spec
    name = spec.name if isinstance(spec, CondaEnv) else None
    outer = [key for key in os.environ if key.startswith("CONDA_PREFIX_")]
    return {
        **dict.fromkeys(outer),
        "CONDA_PREFIX": str(prefix),
        "CONDA_DEFAULT_ENV": name or str(prefix),
        "CONDA_SHLVL": "1",
        "VIRTUAL_ENV": None,
        "PYTHONHOME": None,
        # A virtual environment does not see the packages of the user's home, a conda Python would.
        "PYTHONNOUSERSITE": "1",
        **_read_variables(prefix),
        **dict(spec.variables if isinstance(spec, CondaEnv) else ()),
    }


def _read_variables(prefix: Path) -> dict[str, str | None]:
    """The variables that packages and ``conda env config vars`` keep in files."""
    found: dict[str, Any] = {}
    for path in _list_named(prefix / "etc" / "conda" / "env_vars.d", ".json"):
        found |= _read_json(path)
    found |= _read_json(prefix / "conda-meta" / "state").get("env_vars") or {}
    return {name: None if value == _UNSET else str(value) for name, value in found.items()}


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _list_scripts(prefix: Path) -> list[Path]:
    return _list_named(prefix / "etc" / "conda" / "activate.d", ".sh")


def _list_named(folder: Path, end: str) -> list[Path]:
    """Return the files of ``folder`` with a suffix, in conda's order."""
    try:
        with os.scandir(folder) as entries:
            return sorted(Path(entry.path) for entry in entries if entry.name.endswith(end))
    except OSError:
        return []
