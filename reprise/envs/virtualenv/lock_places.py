"""The path of the lock file of a project of Python packages, whether it exists or not.

Used on every launch, so it is separate from the modules that read and write such files.
"""

from __future__ import annotations

from pathlib import Path

from reprise.schemas.environment import PythonEnv

REQUIREMENTS = "requirements.lock"
UV = "uv.lock"

# An environment file of one of these names has its lock under the usual name, any other under its own.
_USUAL = {"python_env", "conda", "environment", "pixi", "pyproject", "requirements"}


def lock_file_of(spec: PythonEnv) -> Path:
    """The lock file of ``spec``: a ``uv.lock`` where a ``pyproject.toml`` alone says the environment."""
    if spec.pyproject is not None and not (spec.build_dependencies or spec.dependencies):
        return _of_uv(spec.pyproject)
    stem = spec.file.stem if spec.file else "requirements"
    return spec.root / (REQUIREMENTS if stem in _USUAL else f"{stem}.lock")


def _of_uv(pyproject: Path) -> Path:
    """Where uv keeps the lock of a project: beside its file, or at the root of its workspace."""
    own = pyproject.with_name(UV)
    if own.is_file():
        return own
    for folder in pyproject.parent.parents:
        above = folder / "pyproject.toml"
        if above.is_file() and "[tool.uv.workspace]" in above.read_text(encoding="utf-8", errors="replace"):
            return folder / UV
        if (folder / ".git").exists():
            break
    return own
