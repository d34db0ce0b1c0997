"""The ``docker`` program, called by argv: its contexts and credentials are the user's.

Its error messages are shown unchanged, with a hint.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import IO, Any

from reprise.errors import EnvError
from reprise.file_lock import scratch
from reprise.named_tuple import NamedTuple
from reprise.process import Completed, run
from reprise.redact import redact
from reprise.schemas.environment import RegistryLogin

PROGRAM = "docker"
CONFIG_VARIABLE = "DOCKER_CONFIG"

_CONFIG_FILE = "config.json"
_ANSWER_SECONDS = 60.0
_SHOWN_LINES = 20
_HINTS = (
    (
        r"permission denied while trying to connect",
        "your user may not talk to the docker engine; "
        "add it to the group docker (sudo usermod -aG docker NAME) and log in again",
    ),
    (
        r"Cannot connect to the Docker daemon|error during connect|no such host.*docker",
        "start the docker engine; see DOCKER_HOST and `docker context ls` for the selected engine",
    ),
    (
        r"no space left on device",
        "show the usage with docker system df, and free space with docker system prune",
    ),
    (
        r"unauthorized|authentication required|no basic auth|denied: ",
        "log in to the registry with docker login",
    ),
    (
        r"x509|certificate",
        "the engine does not trust the registry's certificate; install it for the engine",
    ),
    (r"toomanyrequests", "the registry limits anonymous pulls; docker login raises the limit"),
    (
        r"manifest unknown|not found|pull access denied|No such image|repository does not exist",
        "check the name and tag; docker login gives access to private images, and --build-image "
        "builds one from the project's Dockerfile",
    ),
    (
        r"dial tcp|i/o timeout|lookup .* on |connection refused|TLS handshake timeout",
        "the engine does not reach the registry",
    ),
)


class Engine(NamedTuple):
    """What runs the containers. ``shares_files``: it sees our files, and our users are its users."""

    shares_files: bool
    rootless: bool


def call_docker(
    *arguments: str, stdin: IO[bytes] | None = None, timeout: float | None = _ANSWER_SECONDS
) -> Completed:
    """``docker ARGUMENTS``; its exit code is for the caller to judge."""
    return run([PROGRAM, *arguments], check=False, timeout=timeout, stdin=stdin)


def run_docker(
    *arguments: str, log: Path, environ: Mapping[str, str] | None = None, stdin: IO[bytes] | None = None
) -> Completed:
    """``docker ARGUMENTS`` of what takes as long as it takes; its output goes to ``log`` as it comes."""
    return run([PROGRAM, *arguments], check=False, environ=environ, log_file=log, stdin=stdin, merged=True)


def make_failure(what: str, result: Completed, log: Path | None = None) -> EnvError:
    """The error for a call that failed: docker's last lines, and the log's path where there is one."""
    said = redact(result.stderr or result.stdout).strip().splitlines()[-_SHOWN_LINES:]
    where = f"\nlog: {log}" if log else ""
    text = "\n".join(f"  {line}" for line in said)
    hints = (hint for pattern, hint in _HINTS if re.search(pattern, text, re.IGNORECASE))
    return EnvError(f"{what}\n{text}{where}", hint=next(hints, None))


def unusable() -> str | None:
    """Why there is no engine to talk to, in a sentence."""
    if shutil.which(PROGRAM) is None:
        return "docker is needed, but there is no program docker on PATH"
    problem = _ask_engine()[1]
    if problem is None:
        return None
    _ask_engine.cache_clear()  # it may be started while we live
    error = make_failure("the docker engine does not answer:", problem)
    return f"{error.message}\n{error.hint}" if error.hint else error.message


def describe_engine() -> Engine:
    """Return the facts of the selected engine; :func:`unusable` has returned None before."""
    facts = _ask_engine()[0]
    security = " ".join(facts.get("SecurityOptions") or ())
    shifted = any(f"name={word}" in security for word in ("rootless", "userns", "selinux"))
    system = os.uname()
    here = (facts.get("Name"), facts.get("KernelVersion")) == (system.nodename, system.release)
    return Engine(shares_files=here and not shifted, rootless="name=rootless" in security)


@cache
def _ask_engine() -> tuple[dict[str, Any], Completed | None]:
    """What ``docker info`` says, or how it failed."""
    result = call_docker("info", "--format", "{{json .}}")
    try:
        facts = json.loads(result.stdout)
    except ValueError:
        return {}, result
    errors = facts.get("ServerErrors") or () if isinstance(facts, dict) else ("no answer",)
    if errors:
        return {}, result._replace(stderr=result.stderr or "\n".join(errors))
    return (facts, None) if result.exit_code == 0 else ({}, result)


@contextmanager
def log_in(login: RegistryLogin | None) -> Iterator[Mapping[str, str]]:
    """Return an environment in which docker uses ``login``, without changing the user's settings.

    Raises:
        EnvError: the registry refused it.
    """
    if login is None:
        yield {}
        return
    with scratch() as folder:
        _copy_settings(folder)
        environ = {CONFIG_VARIABLE: str(folder)}
        registry = [login.registry] if login.registry else []
        done = run(
            [PROGRAM, "login", "--username", login.username, "--password-stdin", *registry],
            environ=environ,
            check=False,
            timeout=_ANSWER_SECONDS,
            stdin=login.password.encode(),
        )
        if done.exit_code != 0:
            shown = done._replace(stderr=done.stderr.replace(login.password, "***"))
            raise make_failure(
                f"docker_auth: {login.registry or 'the default registry'} refused the login", shown
            )
        yield environ


def read_proxies() -> Mapping[str, str]:
    """The proxies that the user's docker settings give to every container, in docker's words."""
    told = _read_settings().get("proxies")
    default = told.get("default") if isinstance(told, dict) else None
    return default if isinstance(default, dict) else {}


def _copy_settings(folder: Path) -> None:
    """The user's settings without the stores of passwords, into which a login would be written."""
    kept = {
        name: value for name, value in _read_settings().items() if name not in ("credsStore", "credHelpers")
    }
    (folder / _CONFIG_FILE).write_text(json.dumps(kept), encoding="utf-8")
    for name in ("contexts", "cli-plugins"):
        if (_settings_folder() / name).is_dir():
            (folder / name).symlink_to((_settings_folder() / name).absolute())


def _read_settings() -> dict[str, Any]:
    try:
        settings = json.loads((_settings_folder() / _CONFIG_FILE).read_bytes())
    except (OSError, ValueError):
        return {}
    return settings if isinstance(settings, dict) else {}


def _settings_folder() -> Path:
    return Path(os.environ.get(CONFIG_VARIABLE) or os.path.expanduser("~/.docker"))  # noqa: PTH111 -- without a home: "~"
