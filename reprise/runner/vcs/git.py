"""Our few git verbs: started safely, read in one language, and failing with a sentence.

Nothing here writes into a repository of the user's, which ``repositories.py`` reads. The environment of
every call switches off what a hostile repository could make git do (hooks, file system monitors, remote
helpers) and never lets git wait for an answer that does not come. Secrets travel in the environment, so
that neither a list of processes nor a file shows them.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from reprise import process
from reprise.errors import SourceError
from reprise.redact import redact

HEAD = "HEAD"
_SHA256_DIGITS = 64
_SSH_SAID_WHY = "Could not read from remote repository"

Settings = Sequence[tuple[str, str]]
"""Keys of git's configuration, each with its value."""

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
    # A fetch that is cut short leaves no commit without its files: packs alone arrive whole.
    ("fetch.unpackLimit", "1"),
    ("transfer.unpackLimit", "1"),
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
_PLAIN = (
    ("core.attributesFile", os.devnull),
    ("core.autocrlf", "false"),
    ("core.eol", "lf"),
    ("core.fileMode", "true"),
    ("core.symlinks", "true"),
)
_NO_REPOSITORY = {"GIT_DIR": os.devnull}
"""Folder for git without a repository: the current folder may be one whose configuration runs programs."""


class Ambiguous(SourceError):
    """A short commit id that more than one commit begins with."""


def run_git(
    *arguments: str,
    cwd: Path | None = None,
    environ: Mapping[str, str | None] | None = None,
    stdin: bytes | IO[bytes] | None = None,
) -> process.Completed:
    """Run ``git arguments`` and return its result, whatever its exit code; without ``cwd`` outside any
    repository.

    ``cwd`` must be our own folder. Folders of users are read by ``repositories``.

    Raises:
        SourceError: there is no git on this machine.
    """
    environ = environ or make_environment()
    if cwd is None:
        environ = {**environ, **_NO_REPOSITORY}
    command = ["git", *name_bare(cwd), *arguments]
    try:
        return process.run(command, cwd=cwd, environ=environ, check=False, stdin=stdin)
    except process.ProgramMissing as error:
        raise SourceError(
            "git was not found on PATH", hint="install git, or give a local folder or an archive"
        ) from error


def plain_checkout(but: str | None = None) -> Settings:
    """The settings of a checkout that is the same for every user, whatever the own configuration says.

    The attributes of the commit decide, and no filter runs except the one ``but``.
    """
    names = run_git("config", "--null", "--name-only", "--get-regexp", r"^filter\.").stdout.split("\0")
    drivers = dict.fromkeys(name.removeprefix("filter.").rpartition(".")[0] for name in names if name)
    off = (("process", ""), ("clean", ""), ("smudge", ""), ("required", "false"))
    filters = [
        (f"filter.{driver}.{key}", value) for driver in drivers if driver != but for key, value in off
    ]
    return [*_PLAIN, *filters]


def make_environment(config: Settings = (), protocols: str = PROTOCOLS) -> dict[str, str | None]:
    """The patch of the environment in which git runs, with ``config`` on top of the user's own."""
    patch: dict[str, str | None] = dict.fromkeys(_LOCAL_VARIABLES)
    patch |= {
        "LC_ALL": "C",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_ALLOW_PROTOCOL": protocols,
        "GIT_NO_LAZY_FETCH": "1",
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


def find_commit(repository: Path, name: str) -> str | None:
    """Return the full id of the commit ``name`` in ``repository``, or None.

    Raises:
        Ambiguous: a short id of several commits.
        SourceError: git cannot read the repository.
    """
    found = run_git(
        "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}", cwd=repository
    )
    if found.exit_code == 0:
        return found.stdout.strip()
    if len(run_git("rev-parse", f"--disambiguate={name}", cwd=repository).stdout.splitlines()) > 1:
        raise Ambiguous(
            f'"{name}" is the beginning of more than one id in {repository}', hint="give more of it"
        )
    # Git prints nothing for an unknown name; for others, that it is not a commit or cannot be read.
    if found.stderr and not run_git("cat-file", "-t", name, cwd=repository).stdout:
        raise SourceError(f"git cannot read {repository}: {find_reason(found.stderr)}")
    return None


def has_failed(result: process.Completed) -> bool:
    """Whether git did not do all it was to do: when it cannot read a file, it says so and ends with 0."""
    return result.exit_code != 0 or bool(re.search(r"^(error|fatal): ", result.stderr, re.MULTILINE))


def find_reason(stderr: str) -> str:
    """Why git failed, in its own words: the first thing that it calls fatal, or what ssh said."""
    lines = [line for line in redact(stderr).splitlines() if line.strip()]
    told = [line for line in lines if line.startswith(("fatal:", "error:")) and _SSH_SAID_WHY not in line]
    first = (told or lines or ["no reason given"])[0]
    if first.endswith(":") and first != lines[-1]:  # git gives the reason below
        first = f"{first} {lines[lines.index(first) + 1].strip()}"
    return first.removeprefix("fatal: ").removeprefix("error: ")


def find_refusal(text: str) -> str | None:
    """Why ``text`` must not be given to git as a URL or a ref, or None."""
    if any(ord(character) < 32 or ord(character) == 127 for character in text):
        return "it holds a control character"
    if text.startswith("-"):
        return "it starts with a dash"
    if re.match(r"[A-Za-z0-9+.\-]*::", text):
        return "it names a transport helper"
    return None


def name_bare(folder: Path | None) -> tuple[str, ...]:
    """The option that names ``folder`` to git where it is a bare repository, or what is left of one.

    git finds one by itself only where ``safe.bareRepository`` allows it, and else another one further up.
    """
    if folder is None or folder.name == ".git" or (folder / ".git").exists():
        return ()
    is_bare = folder.suffix == ".git" or ((folder / HEAD).is_file() and (folder / "objects").is_dir())
    return (f"--git-dir={folder}",) if is_bare else ()


def _without_traces() -> dict[str, str | None]:
    """Traces that git would write among what we read, and not into a file."""
    return {
        name: None
        for name in os.environ
        if name == "GIT_CURL_VERBOSE"
        or (name.startswith("GIT_TRACE") and not os.environ[name].startswith("/"))
    }
