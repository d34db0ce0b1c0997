"""What of this machine a sandboxed run sees: its project, its environment, its inputs, the system."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

from reprise import paths
from reprise.envs import registry as envs
from reprise.errors import UsageError
from reprise.named_tuple import NamedTuple
from reprise.runner.capture.observed import FOLDER
from reprise.runner.capture.observing import OBSERVER
from reprise.runner.planning.plan import Plan
from reprise.runner.sources import working_copy
from reprise.schemas.environment import Environment

_SYSTEM = ("usr", "bin", "sbin", "lib", "lib32", "lib64", "libx32", "etc", "opt", "nix", "gnu", "sys")
_SECRET = re.compile(
    r"(?i)token|secret|passw|credential|(api|access|private|auth|service)_?key|_auth$|^(aws|azure|ssh|gpg)_"
    r"|^kubeconfig$|^docker_|^dbus_|^xauthority$|^display$|^wayland_|^xdg_"
)


class SandboxPlaces(NamedTuple):
    """Paths of this machine that keep their names inside.

    ``empty`` are writable folders that look empty inside. ``read`` and ``write`` are mounted on top.
    """

    system: tuple[Path, ...]
    empty: tuple[Path, ...]
    read: tuple[Path, ...]
    write: tuple[Path, ...]


def find_places(plan: Plan, environment: Environment, job: Path) -> SandboxPlaces:
    """The places of the run of ``plan`` in ``environment``, whose job has the folder ``job``.

    Raises:
        UsageError: the project's folder holds the home folder, so that nothing could be kept from it.
    """
    home = Path.home()
    folder = plan.checkout.temporary or plan.project.root
    if home.is_relative_to(folder.resolve()):
        raise UsageError(
            f"--sandbox: {folder} contains the home folder {home}",
            hint="move the project into its own folder",
        )
    cache = paths.cache_dir()
    hidden = [cache / name for name in ("git-v1", working_copy.work_root().name) if (cache / name).is_dir()]
    read = [cache, OBSERVER, _own_python(), *envs.MANAGERS[environment.manager].folders(environment)]
    read += [Path(item.rendered) for item in plan.invocation.parameters if item.rendered.startswith("/")]
    read += _find_repository(plan)
    read += [linked for prefix in read for linked in _find_linked(prefix)]
    return SandboxPlaces(
        tuple(path for name in _SYSTEM if (path := Path("/", name)).exists()),
        (Path("/tmp"), Path("/var/tmp"), Path("/run"), home, *hidden),
        tuple(_existing_places(read)),
        tuple(_existing_places([folder, job / FOLDER])),
    )


def hidden_variables(environ: Mapping[str, str], given: Iterable[str]) -> tuple[str, ...]:
    """The names of ``environ`` that are not for a sandboxed run; those ``given`` on purpose are."""
    return tuple(name for name in environ if _SECRET.search(name) and name not in set(given))


def list_protected(folder: Path) -> Iterator[Path]:
    """Yield read-only paths in a writable ``folder``: git outside would run programs written there."""
    if (folder / ".git").exists():
        yield folder / ".git"


def _find_repository(plan: Plan) -> list[Path]:
    """That in which the project is a folder: its other folders may be imported."""
    return [plan.checkout.repository.root] if plan.checkout.repository else []


def _own_python() -> Path:
    return Path(sys.base_prefix)


def _find_linked(prefix: Path) -> Iterator[Path]:
    """Folders from which packages below ``prefix`` are imported in place (``pip install -e``)."""
    for site in prefix.glob("lib/python3.*/site-packages"):
        for link in site.glob("*.pth"):
            lines = link.read_text("utf-8", "replace").splitlines()
            yield from (Path(line) for line in lines if line.startswith("/"))
        for note in site.glob("*.dist-info/direct_url.json"):
            try:
                origin = json.loads(note.read_bytes())
                if origin["dir_info"].get("editable") is True:
                    yield Path(unquote(urlsplit(origin["url"]).path))
            except (OSError, ValueError, KeyError, TypeError, AttributeError):
                continue


def _existing_places(wanted: Iterable[Path]) -> Iterator[Path]:
    """Those that exist and that the system does not hold already; of a link also what it leads to."""
    for path in dict.fromkeys(wanted):
        for place in dict.fromkeys((Path(os.path.abspath(path)), path.resolve())):  # noqa: PTH100 -- no link is followed
            if place.exists() and len(place.parts) > 1 and place.parts[1] not in _SYSTEM:
                yield place
