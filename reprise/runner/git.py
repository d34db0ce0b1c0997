"""Our few git verbs: started safely, read in one language, and failing with a sentence.

Nothing here writes into a repository of the user's, which ``repositories.py`` reads. The environment of
every call switches off what a hostile repository could make git do (hooks, file system monitors, remote
helpers) and never lets git wait for an answer that nobody gives. Secrets travel in the environment, so
that neither a list of processes nor a file shows them.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

from reprise import process
from reprise.errors import SourceError
from reprise.redact import redact

HEAD = "HEAD"

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
    ("core.untrackedCache", "false"),
    ("log.showSignature", "false"),
    ("gc.auto", "0"),
    ("maintenance.auto", "false"),
    ("advice.detachedHead", "false"),
    ("http.lowSpeedLimit", "1"),
    ("http.lowSpeedTime", "60"),
)
NO_REPOSITORY = {"GIT_DIR": os.devnull}
"""For git in no folder of ours: the current one may be a repository whose configuration names programs."""
_CREDENTIAL_HELPER = (
    '!answer() { test "$1" = get && printf "username=%s\\npassword=%s\\n" '
    '"$REPRISE_GIT_USER" "$REPRISE_GIT_PASSWORD"; }; answer'
)


class Unreachable(SourceError):
    """The host does not answer; a mirror may still know what is wanted."""


class Ambiguous(SourceError):
    """A short commit id that more than one commit begins with."""


class Unauthorized(SourceError):
    """The host answers, and wants other credentials."""


@dataclass(frozen=True, slots=True)
class Remote:
    """A repository to fetch from: ``url`` holds no secret and may be shown, logged and stored.

    ``password`` is None without one in the URL: a user name alone is often a token.
    ``local`` means a repository on this machine, named by its ``file:`` URL.
    """

    url: str
    user: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)
    local: bool = False


def run(
    *arguments: str,
    cwd: Path | None = None,
    environ: Mapping[str, str | None] | None = None,
    stdin: bytes | IO[bytes] | None = None,
) -> process.Completed:
    """``git arguments`` to its end, whatever its exit code; without ``cwd`` outside of any repository.

    ``cwd`` is a folder of ours. Those of the user are read by ``repositories.ask``.

    Raises:
        SourceError: there is no git on this machine.
    """
    environ = environ or environment()
    if cwd is None:
        environ = {**environ, **NO_REPOSITORY}
    try:
        return process.run(["git", *arguments], cwd=cwd, environ=environ, check=False, stdin=stdin)
    except process.ProgramMissing as error:
        raise SourceError(
            "git was not found on PATH", hint="install git, or give a local folder or an archive"
        ) from error


def attempt(remote: Remote, *arguments: str, cwd: Path | None = None) -> process.Completed:
    """``git arguments``, with the credentials of ``remote`` at hand, whatever its exit code."""
    result = process.Completed(-1, "", "")
    for environ in _accesses(remote):
        result = run(*arguments, cwd=cwd, environ=environ)
        if result.exit_code == 0 or not re.search(_UNAUTHORIZED, result.stderr):
            break
    return result


def over_network(remote: Remote, *arguments: str, cwd: Path | None = None) -> process.Completed:
    """As :func:`attempt`, but what lies with the remote is raised.

    Raises:
        Unreachable, Unauthorized, SourceError: git failed for a reason that lies with the remote.
    """
    result = attempt(remote, *arguments, cwd=cwd)
    if result.exit_code != 0 and (fault := _remote_fault(remote, result.stderr)):
        raise fault
    return result


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


def list_refs(remote: Remote, *names: str) -> dict[str, str]:
    """The refs of ``remote`` that end in one of ``names`` (all without any), each with its object.

    ``HEAD`` comes with a second entry ``HEAD ->``: the branch that it stands for.
    """
    listing = over_network(remote, "ls-remote", "--symref", "--", remote.url, *names)
    if listing.exit_code != 0:
        raise SourceError(f"git cannot read {remote.url}: {reason(listing.stderr)}")
    refs: dict[str, str] = {}
    for line in listing.stdout.splitlines():
        target, _, name = line.partition("\t")
        if target.startswith("ref: "):
            refs[f"{name} ->"] = target.removeprefix("ref: ")
        else:
            refs[name] = target
    return refs


def find_commit(repository: Path, name: str) -> str | None:
    """The full id of the commit that ``name`` stands for in ``repository``, or None.

    Raises:
        Ambiguous: a short id of several commits.
        SourceError: what lies there is no repository that git can read.
    """
    found = run(
        "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}", cwd=repository
    )
    if found.exit_code == 0:
        return found.stdout.strip()
    if "is ambiguous" in found.stderr:
        raise Ambiguous(
            f'"{name}" is the beginning of more than one id in {repository}', hint="give more of it"
        )
    # Of a name that stands for nothing git says nothing.
    if found.stderr and "expected commit type" not in found.stderr:
        raise SourceError(f"git cannot read {repository}: {reason(found.stderr)}")
    return None


def refusal(text: str) -> str | None:
    """Why ``text`` must not be given to git as a URL or a ref, or None."""
    if any(ord(character) < 32 or ord(character) == 127 for character in text):
        return "it holds a control character"
    if text.startswith("-"):
        return "it starts with a dash"
    if re.match(r"[A-Za-z0-9+.\-]*::", text):
        return "it names a transport helper"
    return None


def reason(stderr: str) -> str:
    """Why git failed, in its own words: the first thing that it calls fatal, or what ssh said."""
    lines = [line for line in redact(stderr).splitlines() if line.strip()]
    told = [line for line in lines if line.startswith(("fatal:", "error:")) and _SSH_SAID_WHY not in line]
    first = (told or lines or ["no reason given"])[0]
    return first.removeprefix("fatal: ").removeprefix("error: ")


def _accesses(remote: Remote) -> Iterator[dict[str, str | None]]:
    """The environments to try one after the other, until the remote does not ask for other credentials.

    A helper that knows the URL's userinfo replaces the user's own helpers, which would store it.
    """
    protocols = PROTOCOLS if remote.local else NETWORK_PROTOCOLS
    ssh = _quiet_ssh()
    if remote.user is None:
        yield environment((), protocols) | ssh
        return
    parts = urlsplit(remote.url)
    section = f"credential.{parts.scheme}://{parts.netloc}"
    if remote.password is None:
        yield environment([(f"{section}.username", remote.user)], protocols) | ssh
    helpers = [(f"{section}.helper", ""), (f"{section}.helper", _CREDENTIAL_HELPER)]
    yield {
        **environment(helpers, protocols),
        **ssh,
        "REPRISE_GIT_USER": remote.user,
        "REPRISE_GIT_PASSWORD": remote.password or "",
    }


def _quiet_ssh() -> dict[str, str | None]:
    """Without a terminal nobody can answer ssh; the user's own choice of ssh command is kept."""
    if (sys.stdin and sys.stdin.isatty()) or {"GIT_SSH", "GIT_SSH_COMMAND"} & os.environ.keys():
        return {}
    chosen = run("config", "--get", "core.sshCommand").stdout.strip()
    return {"GIT_SSH_COMMAND": f"{chosen or 'ssh'} -oBatchMode=yes"}


_SSH_SAID_WHY = "Could not read from remote repository"
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


def _remote_fault(remote: Remote, stderr: str) -> SourceError | None:
    """What ``stderr`` tells about the remote, as a sentence; None when it tells something else."""
    said = reason(stderr)
    if "dubious ownership" in stderr:
        return SourceError(
            f"{remote.url} belongs to another user, and git does not read it",
            hint="git config --global --add safe.directory FOLDER trusts it",
        )
    if re.search(_UNAUTHORIZED, stderr):
        return Unauthorized(
            f"{remote.url} wants credentials that git does not have: {said}",
            hint="check the URL, and give git a credential helper, GIT_ASKPASS or an ssh key; "
            f'try "git ls-remote {remote.url}"',
        )
    if re.search(_UNREACHABLE, stderr):
        return Unreachable(
            f"{remote.url} cannot be reached: {said}",
            hint="check the host name, the network and the proxy; a commit fetched before needs no network",
        )
    if re.search(_NOT_FOUND, stderr):
        return SourceError(
            f"there is no git repository at {remote.url}: {said}",
            hint="check the URL; a private repository looks like a missing one without credentials",
        )
    return None
