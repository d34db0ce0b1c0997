"""A command in its sandbox: the words for bubblewrap."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from reprise.envs import base
from reprise.errors import UsageError
from reprise.runner.planning.plan import Plan
from reprise.runner.planning.sandbox_tools import PROGRAM, list_namespaces
from reprise.runner.sandbox import launcher
from reprise.runner.sandbox.bridge import SOCKET, open_bridge
from reprise.runner.sandbox.places import SandboxPlaces, find_places, hidden_variables, list_protected
from reprise.schemas.environment import Environment
from reprise.schemas.job import Command, Sandbox

_BRIDGE = "/run/reprise"
_DEVICES = ("dri", "kfd", "nvidia0", "nvidia1", "nvidia2", "nvidia3", "nvidia4", "nvidia5", "nvidia6",
            "nvidia7", "nvidiactl", "nvidia-uvm", "nvidia-uvm-tools", "nvidia-modeset")  # fmt: skip
# The names of hosts are found by it; it is in /run where a daemon keeps it.
_RESOLVER = "/run/systemd/resolve"
# Signals are for what runs inside, which ends; bubblewrap stays until it has, and says how.
_OUTLIVE = 'trap \'\' TERM INT HUP; exec "$0" "$@"'

Confine = Callable[[Command], Command]


@contextmanager
def open_sandbox(
    plan: Plan, sandbox: Sandbox, environment: Environment, job: Path, tracking_uri: str
) -> Iterator[Confine]:
    """Return the function that puts a command of the run into its sandbox, for the block.

    Args:
        job: the folder of the run's job.
        tracking_uri: the address to which the run logs.

    Raises:
        UsageError: the store is not reachable without a network, or the project's folder contains the home.
    """
    with ExitStack() as stack:
        bridge: tuple[str, ...] = ()
        bound: tuple[str, ...] = ()
        if not sandbox.network:
            port = _port_here(tracking_uri)
            bound = ("--ro-bind", str(stack.enter_context(open_bridge(port))), _BRIDGE)
            bridge = (str(port), f"{_BRIDGE}/{SOCKET}")

        def confine_command(command: Command) -> Command:
            walls = (*_list_words(find_places(plan, environment, job), sandbox), *bound)
            given = dict(command.environ)
            hidden = [(name, None) for name in hidden_variables(os.environ, given)]
            script = str(Path(launcher.__file__).resolve())
            inside = (str(base.current_interpreter()), "-I", "-S", script, *bridge, "--", *command.argv)
            words = (*walls, "--ro-bind", script, script, "--chdir", str(command.cwd), "--", *inside)
            return command._replace(
                argv=("sh", "-c", _OUTLIVE, PROGRAM, *words),
                environ=(*command.environ, *hidden, ("TMPDIR", "/tmp")),
            )

        yield confine_command


def _list_words(places: SandboxPlaces, sandbox: Sandbox) -> Iterator[str]:
    yield from list_namespaces(sandbox)
    for path in places.system:
        if path.is_symlink():
            yield from ("--symlink", str(path.readlink()), str(path))
        else:
            yield from ("--ro-bind", str(path), str(path))
    yield from ("--proc", "/proc", "--dev", "/dev")
    for name in _DEVICES:
        yield from ("--dev-bind-try", f"/dev/{name}", f"/dev/{name}")
    layers = [(path, "--tmpfs") for path in places.empty]
    layers += [(path, "--ro-bind") for path in places.read]
    layers += [(path, "--bind") for path in places.write]
    layers += [(path, "--ro-bind") for folder in places.write for path in list_protected(folder)]
    chosen = dict(layers)  # for two options with one path the later one counts
    for path, word in sorted(chosen.items(), key=lambda item: len(item[0].parts)):
        yield from (word, str(path)) if word == "--tmpfs" else (word, str(path), str(path))
    yield from ("--ro-bind-try", _RESOLVER, _RESOLVER)


def _port_here(tracking_uri: str) -> int:
    parts = urlsplit(tracking_uri)
    if parts.hostname != "127.0.0.1" or parts.port is None:
        raise UsageError(
            f"--no-network: the run logs to {tracking_uri}, which is reached by the network",
            hint="use a store of this machine, and reprise push or a bundle afterwards",
        )
    return parts.port
