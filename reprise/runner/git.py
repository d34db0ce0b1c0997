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
from urllib.parse import unquote, urlsplit

from reprise import process
from reprise.errors import SourceError
from reprise.redact import redact
from reprise.runner import git_faults

HEAD = "HEAD"
_SHA256_DIGITS = 64
_SSH_SAID_WHY = "Could not read from remote repository"

NETWORK_PROTOCOLS = "git:http:https:ssh"
PROTOCOLS = f"file:{NETWORK_PROTOCOLS}"

# What a hook or an alias that started us may have set: it leads git elsewhere, or changes what it answers.
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
    "GIT_ATTR_SOURCE",
    "GIT_DEFAULT_HASH",
    "GIT_DEFAULT_REF_FORMAT",
    "GIT_DIFF_OPTS",
    "GIT_EXTERNAL_DIFF",
    "GIT_GLOB_PATHSPECS",
    "GIT_ICASE_PATHSPECS",
    "GIT_LITERAL_PATHSPECS",
    "GIT_NOGLOB_PATHSPECS",
)
_CONFIG = (
    ("core.hooksPath", os.devnull),
    ("core.fsmonitor", "false"),
    ("core.untrackedCache", "false"),
    ("log.showSignature", "false"),
    ("gc.auto", "0"),
    ("maintenance.auto", "false"),
    ("advice.detachedHead", "false"),
    ("diff.orderFile", os.devnull),
    ("init.defaultObjectFormat", "sha1"),
    ("init.defaultRefFormat", "files"),
    ("submodule.recurse", "false"),
    ("http.lowSpeedLimit", "1"),
    ("http.lowSpeedTime", "60"),
)
NO_REPOSITORY = {"GIT_DIR": os.devnull}
"""For git in no folder of ours: the current one may be a repository whose configuration names programs."""
_CREDENTIAL_HELPER = (
    '!answer() { test "$1" = get && printf "username=%s\\npassword=%s\\n" '
    '"$REPRISE_GIT_USER" "$REPRISE_GIT_PASSWORD"; }; answer'
)


class Ambiguous(SourceError):
    """A short commit id that more than one commit begins with."""


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
    command = ["git", *_naming(cwd), *arguments]
    try:
        return process.run(command, cwd=cwd, environ=environ, check=False, stdin=stdin)
    except process.ProgramMissing as error:
        raise SourceError(
            "git was not found on PATH", hint="install git, or give a local folder or an archive"
        ) from error


def attempt(remote: Remote, *arguments: str, cwd: Path | None = None) -> process.Completed:
    """``git arguments``, with the credentials of ``remote`` at hand, whatever its exit code."""
    result = process.Completed(-1, "", "")
    for environ in _accesses(remote):
        result = run(*arguments, cwd=cwd, environ=environ)
        if result.exit_code == 0 or git_faults.is_unreachable(result.stderr):
            break
    return result


def over_network(remote: Remote, *arguments: str, cwd: Path | None = None) -> process.Completed:
    """As :func:`attempt`, but what lies with the remote is raised.

    Raises:
        SourceError: git failed for a reason that lies with the remote.
    """
    result = attempt(remote, *arguments, cwd=cwd)
    if result.exit_code != 0 and (fault := _fault(remote, result.stderr)):
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
        **_without_traces(),
    }
    inherited = os.environ.get("GIT_CONFIG_COUNT", "")
    start = int(inherited) if inherited.isdigit() else 0
    for number, (key, value) in enumerate((*_CONFIG, *config), start):
        patch |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    patch["GIT_CONFIG_COUNT"] = str(start + len(_CONFIG) + len(config))
    return patch


def object_format(commit: str) -> str:
    """The hash, in git's word, by which a repository with this full id names its objects."""
    return "sha256" if len(commit) == _SHA256_DIGITS else "sha1"


def list_refs(remote: Remote, *names: str) -> dict[str, str]:
    """The refs of ``remote`` that end in one of ``names`` (all without any), each with its object.

    ``HEAD`` comes with a second entry ``HEAD ->``: the branch that it stands for.
    """
    listing = over_network(remote, "ls-remote", "--symref", "--", remote.url, *names)
    if listing.exit_code != 0:
        kind = SourceError if remote.local else git_faults.Unreachable
        raise kind(f"git cannot read {remote.url}: {reason(listing.stderr)}")
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
    if len(run("rev-parse", f"--disambiguate={name}", cwd=repository).stdout.splitlines()) > 1:
        raise Ambiguous(
            f'"{name}" is the beginning of more than one id in {repository}', hint="give more of it"
        )
    # Of a name that stands for nothing git says nothing; of others, that it is no commit or cannot be read.
    if found.stderr and not run("cat-file", "-t", name, cwd=repository).stdout:
        raise SourceError(f"git cannot read {repository}: {reason(found.stderr)}")
    return None


def reason(stderr: str) -> str:
    """Why git failed, in its own words: the first thing that it calls fatal, or what ssh said."""
    lines = [line for line in redact(stderr).splitlines() if line.strip()]
    told = [line for line in lines if line.startswith(("fatal:", "error:")) and _SSH_SAID_WHY not in line]
    first = (told or lines or ["no reason given"])[0]
    return first.removeprefix("fatal: ").removeprefix("error: ")


def refusal(text: str) -> str | None:
    """Why ``text`` must not be given to git as a URL or a ref, or None."""
    if any(ord(character) < 32 or ord(character) == 127 for character in text):
        return "it holds a control character"
    if text.startswith("-"):
        return "it starts with a dash"
    if re.match(r"[A-Za-z0-9+.\-]*::", text):
        return "it names a transport helper"
    return None


def _naming(folder: Path | None) -> tuple[str, ...]:
    """The option that names ``folder`` to git where it is a bare repository, or what is left of one.

    git finds one by itself only where ``safe.bareRepository`` allows it, and else another one further up.
    """
    if folder is None or folder.name == ".git" or (folder / ".git").exists():
        return ()
    is_bare = folder.suffix == ".git" or ((folder / HEAD).is_file() and (folder / "objects").is_dir())
    return (f"--git-dir={folder}",) if is_bare else ()


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


def _fault(remote: Remote, stderr: str) -> SourceError | None:
    """What lies with the remote, when git failed."""
    if remote.local:
        root = Path(unquote(urlsplit(remote.url).path))
        inner = root / ".git"
        if fault := git_faults.of_owner(root, [root, inner] if inner.exists() else [root]):
            return fault
    return git_faults.of_remote(remote.url, stderr, reason(stderr))


def _without_traces() -> dict[str, str | None]:
    """Traces that git would write among what we read, and not into a file."""
    return {
        name: None
        for name, value in os.environ.items()
        if name == "GIT_CURL_VERBOSE" or (name.startswith("GIT_TRACE") and not value.startswith("/"))
    }


def _quiet_ssh() -> dict[str, str | None]:
    """Without a terminal nobody can answer ssh; the user's own choice of ssh command is kept."""
    if (sys.stdin and sys.stdin.isatty()) or {"GIT_SSH", "GIT_SSH_COMMAND"} & os.environ.keys():
        return {}
    chosen = run("config", "--get", "core.sshCommand").stdout.strip()
    return {"GIT_SSH_COMMAND": f"{chosen or 'ssh'} -oBatchMode=yes"}
