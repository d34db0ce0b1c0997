"""Our few git verbs: started safely, read in one language, and failing with a sentence.

Nothing here writes into a repository of the user's. The environment of every call switches off what
a hostile repository could make git do (hooks, file system monitors, remote helpers) and never lets
git wait for an answer that nobody gives.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from reprise import process
from reprise.errors import SourceError

NETWORK_PROTOCOLS = "git:http:https:ssh"
PROTOCOLS = f"file:{NETWORK_PROTOCOLS}"

# What a hook or an alias that started us may have set, and what would lead git to another repository.
_LOCAL_VARIABLES = (
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_COMMON_DIR",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_NAMESPACE",
    "GIT_PREFIX",
    "GIT_SHALLOW_FILE",
    "GIT_GRAFT_FILE",
    "GIT_QUARANTINE_PATH",
)
_CONFIG = (
    ("core.hooksPath", os.devnull),
    ("core.fsmonitor", "false"),
    ("gc.auto", "0"),
    ("maintenance.auto", "false"),
    ("advice.detachedHead", "false"),
    ("http.lowSpeedLimit", "1"),
    ("http.lowSpeedTime", "60"),
)


class Unreachable(SourceError):
    """The host does not answer; a mirror may still know what is wanted."""


class Unauthorized(SourceError):
    """The host answers, and wants other credentials."""


@dataclass(frozen=True, slots=True)
class Remote:
    """A repository to fetch from: ``url`` holds no secret and may be shown, logged and stored.

    ``password`` is empty for a URL with a user name (often a token) alone, None without userinfo.
    ``local`` means a repository on this machine.
    """

    url: str
    user: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)
    local: bool = False


def run(
    *arguments: str, cwd: Path | None = None, environ: Mapping[str, str | None] | None = None
) -> process.Completed:
    """``git arguments`` to its end, whatever its exit code.

    Raises:
        SourceError: there is no git on this machine.
    """
    try:
        return process.run(["git", *arguments], cwd=cwd, environ=environ or environment(), check=False)
    except process.ProgramMissing as error:
        raise SourceError(
            "git was not found on PATH", hint="install git, or give a local folder or an archive"
        ) from error


def environment(
    config: Sequence[tuple[str, str]] = (), protocols: str = PROTOCOLS
) -> dict[str, str | None]:
    """The patch of the environment in which git runs, with ``config`` on top of the user's own."""
    patch: dict[str, str | None] = dict.fromkeys(_LOCAL_VARIABLES)
    patch |= {
        "LC_ALL": "C",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_ALLOW_PROTOCOL": protocols,
    }
    inherited = os.environ.get("GIT_CONFIG_COUNT", "")
    start = int(inherited) if inherited.isdigit() else 0
    for number, (key, value) in enumerate((*_CONFIG, *config), start):
        patch |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    patch["GIT_CONFIG_COUNT"] = str(start + len(_CONFIG) + len(config))
    return patch


def has_unsafe_text(text: str) -> str | None:
    """Why ``text`` must not be given to git as a URL or a ref, or None."""
    if any(ord(character) < 32 or ord(character) == 127 for character in text):
        return "it holds a control character"
    if text.startswith("-"):
        return "it starts with a dash"
    if re.match(r"[A-Za-z0-9+.\-]*::", text):
        return "it names a transport helper"
    return None
