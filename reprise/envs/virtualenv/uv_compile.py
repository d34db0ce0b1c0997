"""A resolution by uv, with the metadata put right that old packages got wrong."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from reprise.envs.pypi import uv
from reprise.envs.pythons.candidates import Candidate
from reprise.envs.virtualenv import mending
from reprise.named_tuple import NamedTuple
from reprise.process import Completed


class Compiled(NamedTuple):
    """uv's answer, and a sentence for each package whose metadata had to be put right for it."""

    result: Completed
    notes: tuple[str, ...] = ()


def compile_requirements(
    arguments: Sequence[str],
    python: Candidate,
    *,
    cwd: Path,
    log: Path,
    offline: bool = False,
    as_of: str | None = None,
) -> Compiled:
    """The answer of ``uv pip compile ARGUMENTS``, started in ``cwd``, for ``python``.

    Args:
        as_of: an RFC 3339 time; what was uploaded later does not exist.
    """
    dated = ["--exclude-newer", as_of] if as_of else []
    call = ["pip", "compile", "--no-header", *uv.no_index(), *python.options, *dated, *arguments]
    return call_and_mend(call, python, cwd=cwd, log=log, offline=offline)


def call_and_mend(
    arguments: Sequence[str], python: Candidate, *, cwd: Path, log: Path, offline: bool = False
) -> Compiled:
    """The answer of ``uv ARGUMENTS``, asked again with the metadata that it could not read put right."""
    mended: tuple[mending.Metadata, ...] = ()
    while True:
        settings = {"dependency-metadata": [item.entry for item in mended]} if mended else None
        result = uv.call_uv(arguments, log=log, cwd=cwd, offline=offline, settings=settings)
        more = (
            mending.mend_metadata(result, python, mended, log, offline=offline) if result.exit_code else ()
        )
        if not more:
            return Compiled(result, tuple(item.note for item in mended))
        mended = (*mended, *more)
