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
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from reprise.children import Child
from reprise.errors import RepriseError
from reprise.named_tuple import NamedTuple
from reprise.paths import make_folders
from reprise.pipes import Tell, read_output
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


class EndUnknown(RepriseError):
    """A program has ended, and nothing says whether it succeeded."""

    def __init__(self, program: str) -> None:
        super().__init__(
            f"it is not known how {Path(program).name} ended: other code here took its exit code",
            hint="code that waits for any child (os.wait, os.waitpid(-1, ...)) takes those of others too",
        )


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
    seen: Tell | None = None,
    stdin: bytes | IO[bytes] | None = None,
    merged: bool = False,
) -> Completed:
    """Run ``argv`` to its end, without a shell.

    Args:
        environ: patch of the environment; ``None`` unsets a variable.
        check: raise :class:`ProcessFailed` on a non-zero exit code.
        timeout: seconds; the program is killed after them.
        log_file: the command, and both streams line by line as they come, are appended here as well.
        seen: is given each line of stderr as it comes, redacted; only with ``log_file``.
        stdin: what the program reads, or the file that it reads from; None is nothing.
        merged: both streams are one, ``stdout``, in the order in which they come.

    Raises:
        ProgramMissing: ``argv[0]`` is not on PATH.
        ProcessFailed: the program failed, or ran longer than ``timeout`` (exit code -9).
        EndUnknown: nothing says how it ended.
    """
    given = stdin if isinstance(stdin, bytes) else b""
    source = subprocess.PIPE if isinstance(stdin, bytes) else stdin
    stderr = subprocess.STDOUT if merged else subprocess.PIPE
    with start(argv, cwd=cwd, environ=environ, stdin=source, stderr=stderr) as child:
        try:
            if log_file is None:
                out, err = read_output(child, given, timeout)
            else:
                with _appended(log_file, redact(f"$ {shlex.join(argv)}")) as tell:
                    out, err = read_output(child, given, timeout, tell, seen)
            if timeout is not None and child.wait_at_most(timeout) is None:
                raise subprocess.TimeoutExpired("", timeout, out, err)
            result = Completed(exit_code(child, argv[0]), _text(out), _text(err))
        except subprocess.TimeoutExpired as error:
            child.kill()
            note = f"{_text(error.stderr)}\nno answer within {timeout:g} s"
            result = Completed(-9, _text(error.stdout), note)
        except BaseException:
            child.kill()
            raise
    if check and result.exit_code != 0:
        raise ProcessFailed(argv, result)
    return result


def start(
    argv: Sequence[str],
    *,
    cwd: Path | None = None,
    environ: Mapping[str, str | None] | None = None,
    stdin: int | IO[bytes] | None = None,
    stderr: int = subprocess.PIPE,
) -> Child:
    """Start ``argv`` with its output in pipes, to be read to the end by :func:`finish`.

    Raises:
        ProgramMissing: ``argv[0]`` is not on PATH.
    """
    env = patched(os.environ, environ or {})
    program = shutil.which(argv[0], path=env.get("PATH"))
    if program is None:
        raise ProgramMissing(f'"{argv[0]}" was not found on PATH')
    log.debug("$ %s", redact(shlex.join(argv)))
    return Child(
        [program, *argv[1:]],
        cwd=cwd,
        env=env,
        stdin=subprocess.DEVNULL if stdin is None else stdin,
        stdout=subprocess.PIPE,
        stderr=stderr,
        close_fds=False,  # a lock marked inheritable is held until the program ends as well
    )


def finish(child: Child, program: str) -> tuple[int, bytes, bytes]:
    """The exit code of ``child``, and what it printed on its two streams.

    Raises:
        EndUnknown: nothing says how it ended.
    """
    with child:
        out, err = read_output(child)
        return exit_code(child, program), out, err


def exit_code(child: Child, program: str) -> int:
    """Wait for the end of ``child``; negative for a signal.

    Raises:
        EndUnknown: nothing says how it ended.
    """
    code = child.wait().exit_code
    if code is None:
        raise EndUnknown(program)
    return code


def beginning(
    argv: Sequence[str],
    most: int,
    *,
    cwd: Path | None = None,
    environ: Mapping[str, str | None] | None = None,
) -> Completed:
    """The first ``most`` bytes that ``argv`` prints, -1 for all; who prints more is ended: no failure.

    Raises:
        EndUnknown: nothing says how it ended.
    """
    with start(argv, cwd=cwd, environ=environ, stderr=subprocess.DEVNULL) as child:
        assert child.stdout is not None
        data = child.stdout.read(most)
        is_cut = 0 <= most == len(data)
        if is_cut:
            child.kill()
        return Completed(0 if is_cut else exit_code(child, argv[0]), _text(data), "")


@contextmanager
def _appended(log_file: Path, command: str) -> Iterator[Tell]:
    """The function that appends a line to ``log_file``, where it is at once."""
    make_folders(log_file.parent)
    with log_file.open("a", encoding="utf-8", buffering=1) as log_stream:
        _written(log_stream, command)
        yield lambda line: _written(log_stream, line)


def _written(log_stream: IO[str], line: str) -> None:
    log_stream.write(f"{line}\n")


def patched(base: Mapping[str, str], patch: Mapping[str, str | None]) -> dict[str, str]:
    """``base`` with ``patch`` applied: a value sets, ``None`` unsets."""
    merged: dict[str, str | None] = {**base, **patch}
    return {key: value for key, value in merged.items() if value is not None}


def _text(data: bytes | bytearray | None) -> str:
    return (data or b"").decode("utf-8", "replace")
