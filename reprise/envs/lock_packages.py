"""The packages of a lock file, whatever tool wrote it."""

from __future__ import annotations

from pathlib import Path

from reprise.envs import registry
from reprise.errors import EnvError, UsageError
from reprise.schemas.environment import Lock, Package


def read_packages(path: Path) -> tuple[Package, ...]:
    """What ``path`` pins: a conda-lock.yml or pixi.lock (for this machine), a uv.lock, requirements, or
    the ``reprise/environment.lock`` of a run.

    Raises:
        UsageError: it is nothing of these.
    """
    try:
        if path.suffix in (".yml", ".yaml") or path.name == "pixi.lock":
            found = _of_conda(path)
        elif path.name == "uv.lock":
            found = _of_uv(path)
        else:
            found = _of_run(path) or _of_requirements(path)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(f"cannot read {path} as a lock file: {error}") from error
    if not found:
        kinds = "requirements.lock, uv.lock, conda-lock.yml, pixi.lock, reprise/environment.lock of a run"
        raise UsageError(f"{path} pins no package", hint=f"lock files are {kinds}")
    return found


def _of_conda(path: Path) -> tuple[Package, ...]:
    from reprise.envs.conda import lockfiles, records
    from reprise.envs.conda import manager as conda
    from reprise.envs.virtualenv import pins

    held = lockfiles.read_lock_file(path)
    here = records.current_platform()
    platform = here if here in held.platforms else held.platforms[0]
    pip = records.PipPart(requirements=tuple(pins.format_lines(held.pip.get(platform, ()))))
    content = records.CondaLock(platform, held.records[platform], pip)
    return conda.packages(records.lock_of(content))


def _of_uv(path: Path) -> tuple[Package, ...]:
    import tomllib

    packages = []
    for entry in tomllib.loads(path.read_text(encoding="utf-8")).get("package", ()):
        source = entry.get("source", {})
        files = (*([entry["sdist"]] if "sdist" in entry else ()), *entry.get("wheels", ()))
        packages.append(
            Package(
                entry["name"],
                entry.get("version", ""),
                "pypi",
                origin="" if "registry" in source else next(iter(source.values()), ""),
                hashes=tuple(file["hash"] for file in files if "hash" in file),
            )
        )
    return tuple(packages)


def _of_run(path: Path) -> tuple[Package, ...]:
    """Find the manager of a lock text: each manager refuses the text of others."""
    text = path.read_text(encoding="utf-8")
    for word, manager in registry.MANAGERS.items():
        try:
            return manager.packages(Lock(word, text))
        except (ValueError, KeyError, TypeError, AttributeError, EnvError):
            continue
    return ()


def _of_requirements(path: Path) -> tuple[Package, ...]:
    from reprise.envs.project_files.requirements import list_pinned

    lines = path.read_text(encoding="utf-8").splitlines()
    return tuple(package for package in list_pinned(lines) if package.version or package.origin)
