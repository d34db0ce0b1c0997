"""The one door for subprocesses: finds the program, logs the command redacted, raises one error.

The training job itself does not pass here (``backends/local.py`` supervises it); everything that
we run to prepare it does: git, uv, docker.
"""

from __future__ import annotations

import logging
import os
import shlex
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, NamedTuple

from reprise.errors import RepriseError
from reprise.redact import redact

log = logging.getLogger(__name__)

_TAIL = 20


class ProcessFailed(RepriseError):
    """A program ended with a non-zero code; the message shows the command and its last lines."""

    def __init__(self, argv: Sequence[str], result: Completed) -> None:
        tail = "\n".join(f"  {line}" for line in (result.stderr or result.stdout).splitlines()[-_TAIL:])
        super().__init__(
            redact(f"{shlex.join(argv)} ended with exit code {result.exit_code}\n{tail}").rstrip()
        )
        self.result = result


class ProgramMissing(RepriseError):
    """The program is not on PATH."""


class Completed(NamedTuple):
    """How a subprocess ended; output is decoded as UTF-8 with replacement."""

    exit_code: int
    stdout: str
    stderr: str


def run(
    argv: Sequence[str],
    *,
    cwd: Path | None = None,
    environ: Mapping[str, str | None] | None = None,
    check: bool = True,
    timeout: float | None = None,
    log_file: Path | None = None,
    stdin: bytes | IO[bytes] | None = None,
) -> Completed:
    """Run ``argv`` to its end, without a shell.

    Args:
        environ: patch of the environment; ``None`` unsets a variable.
        check: raise :class:`ProcessFailed` on a non-zero exit code.
        timeout: seconds; the program is killed after them.
        log_file: the command and both streams are appended here as well.
        stdin: what the program reads, or the file that it reads from; None is nothing.

    Raises:
        ProgramMissing: ``argv[0]`` is not on PATH.
        ProcessFailed: the program failed, or ran longer than ``timeout`` (exit code -9).
    """
    env = patched(os.environ, environ or {})
    program = _found(argv, env)
    text = stdin if isinstance(stdin, bytes) else None
    try:
        done = subprocess.run(
            [program, *argv[1:]],
            cwd=cwd,
            env=env,
            input=text,
            stdin=None if isinstance(stdin, bytes) else stdin or subprocess.DEVNULL,
            close_fds=False,  # a lock marked inheritable is held until the program ends as well
            capture_output=True,
            timeout=timeout,
            check=False,
        )
        result = Completed(done.returncode, _text(done.stdout), _text(done.stderr))
    except subprocess.TimeoutExpired as error:
        note = f"{_text(error.stderr)}\nno answer within {timeout:g} s"
        result = Completed(-9, _text(error.stdout), note)
    if log_file is not None:
        _append(log_file, argv, result)
    if check and result.exit_code != 0:
        raise ProcessFailed(argv, result)
    return result


def follow(
    argv: Sequence[str],
    log_file: Path,
    *,
    environ: Mapping[str, str | None] | None = None,
    stdin: IO[bytes] | None = None,
) -> Completed:
    """Run what takes minutes: its streams, as one, are appended to ``log_file`` line by line as they come.

    Raises:
        ProgramMissing: ``argv[0]`` is not on PATH.
    """
    env = patched(os.environ, environ or {})
    program = _found(argv, env)
    log_file.parent.mkdir(parents=True, exist_ok=True)
    lines = []
    with (
        log_file.open("a", encoding="utf-8", buffering=1) as out,
        subprocess.Popen(
            [program, *argv[1:]],
            env=env,
            stdin=stdin or subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        ) as process,
    ):
        out.write(redact(f"$ {shlex.join(argv)}\n"))
        assert process.stdout is not None
        try:
            for line in process.stdout:
                lines.append(redact(_text(line)))
                out.write(lines[-1])
        except BaseException:
            process.kill()
            raise
    return Completed(process.returncode, "".join(lines), "")


def _found(argv: Sequence[str], env: Mapping[str, str]) -> str:
    program = shutil.which(argv[0], path=env.get("PATH"))
    if program is None:
        raise ProgramMissing(f'"{argv[0]}" was not found on PATH')
    log.debug("$ %s", redact(shlex.join(argv)))
    return program


def patched(base: Mapping[str, str], patch: Mapping[str, str | None]) -> dict[str, str]:
    """``base`` with ``patch`` applied: a value sets, ``None`` unsets."""
    merged: dict[str, str | None] = {**base, **patch}
    return {key: value for key, value in merged.items() if value is not None}


def _text(data: bytes | None) -> str:
    return (data or b"").decode("utf-8", "replace")


def _append(log_file: Path, argv: Sequence[str], result: Completed) -> None:
    log_file.parent.mkdir(parents=True, exist_ok=True)
    with log_file.open("a", encoding="utf-8") as out:
        out.write(redact(f"$ {shlex.join(argv)}\n{result.stdout}{result.stderr}"))
