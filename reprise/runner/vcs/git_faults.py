"""Errors of git, with hints for the user.

git only gives the reason as text, which is not meant for programs. The text selects the message and the
hint; unknown texts are shown unchanged.
"""

from __future__ import annotations

import os
import pwd
import re
import shlex
from collections.abc import Iterable
from pathlib import Path

from reprise.errors import SourceError

# Patterns stay text: they are needed, and compiled, on failure only.
_UNAUTHORIZED = (
    r"Authentication failed|could not read (Username|Password)|terminal prompts disabled"
    r"|Permission denied \(|Host key verification failed|returned error: 40[13]"
)
_UNREACHABLE = (
    r"Could not resolve|Name or service not known|[Cc]onnection (refused|timed out|reset)"
    r"|(Failed to|unable to|Couldn't) connect|Operation (timed out|too slow)|No route to host"
    r"|returned error: 5\d\d|Empty reply|early EOF|hung up unexpectedly|Network is unreachable"
)
_NOT_FOUND = (
    r"(?i)repository .*not found|remote: not found|returned error: 404|not appear to be a git repository"
    r"|not exported|no such repository|repository '.*' does not exist"
)


class RemoteUnreachable(SourceError):
    """The repository does not answer; a mirror may still know what is wanted."""


class Unauthorized(SourceError):
    """The host answers, and wants other credentials."""


def is_unreachable(stderr: str) -> bool:
    return bool(re.search(_UNREACHABLE, stderr)) and not re.search(_UNAUTHORIZED, stderr)


def of_remote(url: str, stderr: str, reason: str) -> SourceError | None:
    """What ``stderr`` says about the remote ``url``, as a sentence; None when it says something else.

    ``reason`` is the part of it that is shown.
    """
    if re.search(_UNAUTHORIZED, stderr):
        return Unauthorized(
            f"{url} wants credentials that git does not have: {reason}",
            hint="check the URL, and give git a credential helper, GIT_ASKPASS or an ssh key; "
            f'try "git ls-remote {url}"',
        )
    if is_unreachable(stderr):
        return RemoteUnreachable(
            f"{url} cannot be reached: {reason}",
            hint="check the host name, the network and the proxy; a commit fetched before needs no network",
        )
    if re.search(_NOT_FOUND, stderr):
        return SourceError(
            f"there is no git repository at {url}: {reason}",
            hint="check the URL; a private repository looks like a missing one without credentials",
        )
    return None


def of_owner(root: Path, trusted: Iterable[Path]) -> SourceError | None:
    """Return why git does not read the repository ``root`` of another user; None if it belongs to this
    user.

    ``trusted`` are the folders to add to git's trusted folders.
    """
    strangers = {path.stat().st_uid for path in (root, root / ".git") if path.exists()} - {os.geteuid()}
    if not strangers:
        return None
    commands = [f"git config --global --add safe.directory {shlex.quote(str(path))}" for path in trusted]
    return SourceError(
        f"{root} belongs to {_name_user(min(strangers))}, and git reads no repository of another user",
        hint=f"{' && '.join(commands)} lets git trust it",
    )


def _name_user(number: int) -> str:
    try:
        return f"user {pwd.getpwuid(number).pw_name}"
    except KeyError:
        return f"user {number}"
