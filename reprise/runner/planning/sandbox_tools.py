"""Whether this machine can make a sandbox."""

from __future__ import annotations

import shutil

from reprise import process
from reprise.errors import EnvError, UsageError
from reprise.schemas.job import Sandbox

PROGRAM = "bwrap"


def check_sandbox(sandbox: Sandbox, manager: str, *, is_isolated: bool) -> None:
    """Raise when a run by this environment manager cannot be sandboxed on this machine.

    Args:
        is_isolated: what the manager says of itself.

    Raises:
        UsageError: the manager keeps the run apart already.
        EnvError: bubblewrap is missing, or does not work.
    """
    if is_isolated:
        raise UsageError(
            f"--sandbox does not work with {manager}: its containers are isolated already",
            hint="use -A network=none to disable the network of a container"
            if sandbox.network
            else "use -A network=none instead of --no-network; the run then cannot log to the store",
        )
    if shutil.which(PROGRAM) is None:
        raise EnvError(
            f"--sandbox needs bubblewrap, and there is no {PROGRAM} on PATH",
            hint="apt install bubblewrap; other Linux systems have it under the same name, "
            "macOS does not have it",
        )
    words = ("--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev", *list_namespaces(sandbox), "true")
    done = process.run((PROGRAM, *words), check=False)
    if done.exit_code:
        said = (done.stderr.strip().splitlines() or [f"exit code {done.exit_code}"])[-1]
        raise EnvError(
            f"--sandbox: bubblewrap cannot make a sandbox here: {said}",
            hint="it needs user namespaces, which this machine or container forbids "
            "(sysctl kernel.unprivileged_userns_clone, kernel.apparmor_restrict_unprivileged_userns)",
        )


def list_namespaces(sandbox: Sandbox) -> tuple[str, ...]:
    """Return the options for what is isolated inside."""
    network = () if sandbox.network else ("--unshare-net",)
    return ("--die-with-parent", "--unshare-pid", "--unshare-ipc", *network)
