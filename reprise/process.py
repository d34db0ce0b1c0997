"""The one door for subprocesses: finds the program, logs the command redacted, raises one error.

The training job itself does not pass here (``backends/local.py`` supervises it); everything that
we run to prepare it does: git, uv, docker.
"""

from __future__ import annotations

import logging
import os
import selectors
import shlex
import shutil
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NamedTuple

from reprise.errors import RepriseError
from reprise.redact import redact

log = logging.getLogger(__name__)

_TAIL = 20
_PIECE = 1 << 16  # bytes


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
    seen: Callable[[str], None] | None = None,
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
        stdin: what the program reads, or the file that it reads from; None is nothing. With a log, a file.
        merged: both streams are one, ``stdout``, in the order in which they come.

    Raises:
        ProgramMissing: ``argv[0]`` is not on PATH.
        ProcessFailed: the program failed, or ran longer than ``timeout`` (exit code -9).
    """
    env = patched(os.environ, environ or {})
    program = shutil.which(argv[0], path=env.get("PATH"))
    if program is None:
        raise ProgramMissing(f'"{argv[0]}" was not found on PATH')
    log.debug("$ %s", redact(shlex.join(argv)))
    given = stdin if isinstance(stdin, bytes) else None
    with subprocess.Popen(
        [program, *argv[1:]],
        cwd=cwd,
        env=env,
        stdin=subprocess.PIPE if isinstance(stdin, bytes) else stdin or subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT if merged else subprocess.PIPE,
        close_fds=False,  # a lock marked inheritable is held until the program ends as well
    ) as process:
        try:
            if log_file is None:
                out, err = process.communicate(given, timeout)
            else:
                with _appended(log_file, redact(f"$ {shlex.join(argv)}")) as tell:
                    out, err = _streamed(process, timeout, tell, seen)
            result = Completed(process.returncode, _text(out), _text(err))
        except subprocess.TimeoutExpired as error:
            process.kill()
            note = f"{_text(error.stderr)}\nno answer within {timeout:g} s"
            result = Completed(-9, _text(error.stdout), note)
        except BaseException:
            process.kill()
            raise
    if check and result.exit_code != 0:
        raise ProcessFailed(argv, result)
    return result


def beginning(
    argv: Sequence[str],
    most: int,
    *,
    cwd: Path | None = None,
    environ: Mapping[str, str | None] | None = None,
) -> Completed:
    """The first ``most`` bytes that ``argv`` prints, -1 for all; who prints more is ended: no failure."""
    log.debug("$ %s", redact(shlex.join(argv)))
    with subprocess.Popen(
        argv,
        cwd=cwd,
        env=patched(os.environ, environ or {}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        assert process.stdout is not None
        data = process.stdout.read(most)
        is_cut = 0 <= most == len(data)
        if is_cut:
            process.kill()
    return Completed(0 if is_cut else process.returncode, _text(data), "")


class _Stream:
    """What a program prints on one of its streams: kept whole, and told line by line."""

    def __init__(self, tells: list[Callable[[str], None]]) -> None:
        self.kept = bytearray()
        self.tells = tells
        self._told = 0

    def take(self, data: bytes) -> None:
        """Take what came; nothing is the end."""
        self.kept += data
        end = self.kept.rfind(b"\n") + 1 if data else len(self.kept)
        for line in _text(self.kept[self._told : end]).splitlines():
            for tell in self.tells:
                tell(redact(line))
        self._told = max(self._told, end)


def _streamed(
    process: subprocess.Popen[bytes],
    timeout: float | None,
    tell: Callable[[str], None],
    seen: Callable[[str], None] | None,
) -> tuple[bytes, bytes]:
    """What the program prints on its two streams, each line told as it comes.

    Raises:
        TimeoutExpired: it went on for longer; with what it printed until then.
    """
    streams = {stream: _Stream([tell]) for stream in (process.stdout, process.stderr) if stream}
    if seen is not None:  # programs say on their last stream what they are doing
        [*streams.values()][-1].tells.append(seen)
    deadline = None if timeout is None else time.monotonic() + timeout
    with selectors.DefaultSelector() as waiting:
        for stream, taken in streams.items():
            waiting.register(stream, selectors.EVENT_READ, taken)
        while waiting.get_map():
            rest = None if deadline is None else max(0.0, deadline - time.monotonic())
            ready = waiting.select(rest)
            if not ready and rest is not None:
                tell(f"no answer within {timeout:g} s")
                raise subprocess.TimeoutExpired(process.args, timeout or 0, *_kept(streams.values()))
            for key, _ in ready:
                data = os.read(key.fd, _PIECE)
                key.data.take(data)
                if not data:
                    waiting.unregister(key.fileobj)
    process.wait()
    return _kept(streams.values())


def _kept(streams: Iterable[_Stream]) -> tuple[bytes, bytes]:
    out, err = (*(bytes(stream.kept) for stream in streams), b"")[:2]
    return out, err


@contextmanager
def _appended(log_file: Path, command: str) -> Iterator[Callable[[str], None]]:
    """The function that appends a line to ``log_file``, where it is at once."""
    log_file.parent.mkdir(parents=True, exist_ok=True)
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
