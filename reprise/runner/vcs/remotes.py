"""Git repositories to fetch from: how they are reached, with which credentials, and what they offer."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

from reprise import process
from reprise.errors import SourceError
from reprise.named_tuple import NamedTuple
from reprise.runner.vcs import git, git_faults

_CREDENTIAL_HELPER = (
    '!answer() { test "$1" = get && printf "username=%s\\npassword=%s\\n" '
    '"$REPRISE_GIT_USER" "$REPRISE_GIT_PASSWORD"; }; answer'
)


class Remote(NamedTuple):
    """A repository to fetch from: ``url`` holds no secret and may be shown, logged and stored.

    ``password`` is None without one in the URL: a user name alone is often a token.
    ``local`` means a repository on this machine, named by its ``file:`` URL.
    """

    url: str
    user: str | None = None
    password: str | None = None
    local: bool = False

    def __repr__(self) -> str:
        return f"Remote(url={self.url!r}, local={self.local})"


def run_with_credentials(
    remote: Remote, *arguments: str, cwd: Path | None = None, config: git.Settings = ()
) -> process.Completed:
    """Run ``git arguments`` with the credentials of ``remote``; return its result, whatever its exit
    code.
    """
    result = process.Completed(-1, "", "")
    for environ in _list_accesses(remote, config):
        result = git.run_git(*arguments, cwd=cwd, environ=environ)
        if result.exit_code == 0 or git_faults.is_unreachable(result.stderr):
            break
    return result


def run_over_network(
    remote: Remote, *arguments: str, cwd: Path | None = None, config: git.Settings = ()
) -> process.Completed:
    """Like :func:`run_with_credentials`, but raise errors of the remote.

    Raises:
        SourceError: git failed because of the remote.
    """
    result = run_with_credentials(remote, *arguments, cwd=cwd, config=config)
    if result.exit_code != 0 and (fault := _find_fault(remote, result.stderr)):
        raise fault
    return result


def list_refs(remote: Remote, *names: str) -> dict[str, str]:
    """The refs of ``remote`` that end in one of ``names`` (all without any), each with its object.

    ``HEAD`` has a second entry ``HEAD ->``: its branch.
    """
    listing = run_over_network(remote, "ls-remote", "--symref", "--", remote.url, *names)
    if listing.exit_code != 0:
        kind = SourceError if remote.local else git_faults.RemoteUnreachable
        raise kind(f"git cannot read {remote.url}: {git.find_reason(listing.stderr)}")
    refs: dict[str, str] = {}
    for line in listing.stdout.splitlines():
        target, _, name = line.partition("\t")
        if target.startswith("ref: "):
            refs[f"{name} ->"] = target.removeprefix("ref: ")
        else:
            refs[name] = target
    return refs


def _list_accesses(remote: Remote, config: git.Settings) -> Iterator[dict[str, str | None]]:
    """The environments to try one after the other, until the remote does not ask for other credentials.

    A helper that knows the URL's userinfo replaces the user's own helpers, which would store it.
    """
    protocols = git.PROTOCOLS if remote.local else git.NETWORK_PROTOCOLS
    ssh = _quiet_ssh()
    if remote.user is None:
        yield git.make_environment(config, protocols) | ssh
        return
    parts = urlsplit(remote.url)
    section = f"credential.{parts.scheme}://{parts.netloc}"
    if remote.password is None:
        yield git.make_environment([*config, (f"{section}.username", remote.user)], protocols) | ssh
    helpers = [(f"{section}.helper", ""), (f"{section}.helper", _CREDENTIAL_HELPER)]
    yield {
        **git.make_environment([*config, *helpers], protocols),
        **ssh,
        "REPRISE_GIT_USER": remote.user,
        "REPRISE_GIT_PASSWORD": remote.password or "",
    }


def _find_fault(remote: Remote, stderr: str) -> SourceError | None:
    """Return the error of the remote, when git failed."""
    if remote.local:
        root = Path(unquote(urlsplit(remote.url).path))
        inner = root / ".git"
        if fault := git_faults.of_owner(root, [root, inner] if inner.exists() else [root]):
            return fault
    return git_faults.of_remote(remote.url, stderr, git.find_reason(stderr))


def _quiet_ssh() -> dict[str, str | None]:
    """Without a terminal ssh gets no answer; the user's own choice of ssh command is kept."""
    if (sys.stdin and sys.stdin.isatty()) or {"GIT_SSH", "GIT_SSH_COMMAND"} & os.environ.keys():
        return {}
    chosen = git.run_git("config", "--get", "core.sshCommand").stdout.strip()
    return {"GIT_SSH_COMMAND": f"{chosen or 'ssh'} -oBatchMode=yes"}
