"""``reprise env exec`` and ``reprise env shell``: a command inside an environment, without a run."""

from __future__ import annotations

import os
import shlex
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from reprise.children import Child
from reprise.envs import registry as envs
from reprise.errors import SubmitError
from reprise.file_lock import scratch
from reprise.process import exit_code, patched, run
from reprise.schemas.environment import Environment
from reprise.schemas.job import Command

_PASSED_ON = (signal.SIGTERM, signal.SIGHUP)


def execute_command(environment: Environment, argv: Sequence[str], cwd: Path) -> int:
    """Run ``argv`` on our own streams; returns its exit code, 128 and the signal's number when killed.

    Raises:
        SubmitError: it cannot be started.
    """
    return _perform_command(_enter_command(environment, argv, cwd))


def open_shell(environment: Environment, cwd: Path) -> int:
    """Run the user's shell, or in a container a shell of its image; return its exit code."""
    if envs.find_manager(environment.manager).IS_ISOLATED:
        return execute_command(environment, ("sh",), cwd)
    program = os.environ.get("SHELL") or "/bin/sh"
    command = _enter_command(environment, (program,), cwd)
    with _after_its_settings(command, environment.prefix.name) as prepared:
        return _perform_command(prepared)


def _enter_command(environment: Environment, argv: Sequence[str], cwd: Path) -> Command:
    manager = envs.find_manager(environment.manager)
    return manager.enter_attached(environment, Command(tuple(argv), (), cwd))


def _perform_command(command: Command) -> int:
    try:
        code = _end_command(command)
    finally:
        if command.release:
            run(command.release, check=False)
    return code if code >= 0 else 128 - code


def _end_command(command: Command) -> int:
    try:
        process = Child(command.argv, cwd=command.cwd, env=patched(os.environ, dict(command.environ)))
    except OSError as error:
        raise SubmitError(f'cannot start "{command.argv[0]}" in {command.cwd}: {error.strerror}') from error

    def pass_on(number: int, _: object) -> None:
        process.send_signal(number)

    # Ctrl-C reaches everything on the terminal: the command decides what it means, and we wait for it.
    previous = {signal.SIGINT: signal.signal(signal.SIGINT, lambda *_: None)}
    previous |= {number: signal.signal(number, pass_on) for number in _PASSED_ON}
    try:
        return exit_code(process, command.argv[0])
    finally:
        for number, action in previous.items():
            signal.signal(number, action)


@contextmanager
def _after_its_settings(command: Command, name: str) -> Iterator[Command]:
    """``command``, a shell, with PATH as entered also after its settings have put other folders first."""
    environ = dict(command.environ)
    program = Path(command.argv[0]).name
    if program not in ("bash", "zsh") or environ.get("PATH") is None:
        yield command
        return
    last = f"export PATH={shlex.quote(str(environ['PATH']))}\nPS1={shlex.quote(f'({name}) ')}$PS1\n"
    with scratch() as folder:
        if program == "bash":
            (folder / "rc").write_text(f"[ -f ~/.bashrc ] && . ~/.bashrc\n{last}", encoding="utf-8")
            yield command._replace(argv=(*command.argv, "--rcfile", str(folder / "rc")))
            return
        own = shlex.quote(os.environ.get("ZDOTDIR") or os.environ.get("HOME", ""))
        for file in (".zshenv", ".zprofile", ".zshrc", ".zlogin"):
            end = last if file == ".zshrc" else ""
            text = f"ZDOTDIR={own}\n[ -f {own}/{file} ] && . {own}/{file}\nZDOTDIR={folder}\n{end}"
            (folder / file).write_text(text, encoding="utf-8")
        yield command._replace(environ=(*command.environ, ("ZDOTDIR", str(folder))))
