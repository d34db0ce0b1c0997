"""Perform a project twice, and say what of it is not the same both times, and why that may be."""

from __future__ import annotations

import logging
from collections.abc import Iterator

from reprise.errors import RepriseError
from reprise.named_tuple import NamedTuple
from reprise.runner.capture.initial_record import HASH_SEED
from reprise.runner.capture.observed_causes import Cause, causes_from_outside, causes_of_state
from reprise.runner.jobs.signals import interruptible
from reprise.runner.lint import code
from reprise.runner.lint.suspects import Suspect, Suspects, find_suspects
from reprise.runner.planning.plan import Again, Plan, make_plan
from reprise.runner.record.records import read_record
from reprise.runner.runs import executor
from reprise.runner.verdict import compare_runs, store_verdict
from reprise.runner.verdict.values import Agreement, Part, Verdict
from reprise.schemas import tags
from reprise.schemas.job import Outcome, RunRequest, RunStatus
from reprise.schemas.record.run_record import RunRecord
from reprise.schemas.tolerance import Tolerance
from reprise.tracking.base import Tracking

log = logging.getLogger(__name__)

_NAMED = 3
_CAME_OUT = ("metric", "artifact", "model", "tag", "child run", "output log", "exit code")
_ORDER = "another order"  # in the words of the verdict on two texts
_TIMES = {"clock", "duration", "latency", "rate", "time"}
_PACKED = (b"PK\x03\x04", b"\x1f\x8b", b"\x89HDF", b"%PDF")
"""How files begin that usually hold the time at which they were written."""


class Twice(NamedTuple):
    """``second``, ``verdict`` and ``causes`` are nothing where the first run did not finish well."""

    first: Outcome
    second: Outcome | None = None
    verdict: Verdict | None = None
    causes: tuple[Cause, ...] = ()


def run_twice(request: RunRequest, tracking: Tracking, *, stdout_to_stderr: bool = False) -> Twice:
    """Run ``request`` twice, the second run tagged as a reproduction of the first, and compare them.

    Each run draws its own hash seed, unless the environment sets one.

    Raises:
        RepriseError: a run could not be started.
    """
    first = executor.run(request, tracking, stdout_to_stderr=stdout_to_stderr)
    if first.status != RunStatus.FINISHED:
        return Twice(first)
    with interruptible():
        plan = make_plan(request, tracking)
        held = _find_suspects(plan)
        since = tracking.get_run(first.run_id).start_time
        again = Again(plan.env_manager, since, tags={tags.REPRODUCES: first.run_id})
        second = executor.perform(plan._replace(again=again), tracking, stdout_to_stderr=stdout_to_stderr)
        verdict = compare_runs(tracking, first.run_id, second.run_id, Tolerance())
        store_verdict(tracking, first.run_id, second.run_id, verdict)
        found = _Evidence(tracking, verdict, held)
        return Twice(first, second, verdict, tuple(_find_causes(found)))


class _Evidence(NamedTuple):
    tracking: Tracking
    verdict: Verdict
    suspects: Suspects

    @property
    def differing(self) -> list[Part]:
        """What did not come out the same to the letter."""
        parts = (part for part in self.verdict.parts if part.kind in _CAME_OUT and part.decides)
        return [part for part in parts if part.agreement is not Agreement.IDENTICAL]

    @property
    def diverged(self) -> list[Part]:
        return [part for part in self.differing if part.agreement is not Agreement.WITHIN_TOLERANCE]

    @property
    def records(self) -> tuple[RunRecord | None, RunRecord | None]:
        """Those of the two runs."""
        tracking, verdict = self.tracking, self.verdict
        return read_record(tracking, verdict.original), read_record(tracking, verdict.again)

    @property
    def hash_seeds(self) -> tuple[str, str]:
        """Those of the two runs; empty where they are not known."""
        one, other = (record.seeds.get(HASH_SEED, "") if record else "" for record in self.records)
        return one, other

    def is_packed(self, part: Part) -> bool:
        """Return whether the artifact is of a kind that contains the time of writing."""
        from reprise.file_lock import scratch

        if part.kind != "artifact":
            return False
        with scratch() as folder:
            try:
                self.tracking.download_artifact(self.verdict.again, part.name, folder / "file")
                with (folder / "file").open("rb") as stream:
                    return stream.read(8).startswith(_PACKED)
            except (RepriseError, OSError):
                return False


def _find_suspects(plan: Plan) -> Suspects:
    root = plan.project.root
    with code.without_collecting():
        return find_suspects(code.run_by(plan.entry_point, root, code.parse_modules(root)))


def _find_causes(found: _Evidence) -> Iterator[Cause]:
    """The likely causes, the likeliest first; none where everything is the same to the letter."""
    yield from _of_the_source(found)
    if not found.differing:
        return
    first, second = found.records
    state = [*causes_of_state(first, second)] if found.diverged else []
    told = [*state, *_of_the_code(found), *_of_the_results(found)]
    yield from told
    if found.diverged and not told:
        told = [*_of_shared_values(found), *causes_from_outside(second)]
        yield from told
    if found.diverged and not told:
        yield _of_threads(found) or Cause(
            "unknown",
            "the project's Python code shows no cause",
            "look at the differences; the cause may be changed data, the network, or a program "
            "that is called",
        )


def _of_the_source(found: _Evidence) -> Iterator[Cause]:
    """Return the cause if files left in the project's folder by the first run are part of the second's
    source.
    """
    for part in found.verdict.parts:
        if part.kind == "source" and part.agreement is Agreement.DIVERGED:
            note = ": ".join(filter(None, (part.where, part.note)))
            what = f"the project's folder changed during the first run: {note}"
            fix = "write results to a temporary folder and log them, or add them to .gitignore"
            yield Cause("source", what, fix)


def _of_the_code(found: _Evidence) -> Iterator[Cause]:
    """What the code does that explains runs that diverged."""
    held = found.suspects
    if not found.diverged:
        return
    if held.unseeded:
        what = f"{_name_suspects(held.unseeded)} draws unseeded random numbers"
        fix = "declare a parameter seed, and seed the generator with it; reprise check --strict shows how"
        yield _make_cause("no-seed", what, fix, held.unseeded)
    one, other = found.hash_seeds
    if held.hashed and one != other:
        what = f"{_name_suspects(held.hashed)} depends on {HASH_SEED}, which was {one} and {other}"
        fix = f"sort sets before their order affects results, or set {HASH_SEED}"
        yield _make_cause("hash-seed", what, fix, held.hashed)
    if held.ids:
        fix = "derive the value from the seed or the content, or keep it out of the results"
        yield _make_cause(
            "random-id", f"{_name_suspects(held.ids)} has a different value in each run", fix, held.ids
        )


def _of_the_results(found: _Evidence) -> Iterator[Cause]:
    """What the differences themselves look like."""
    held = found.suspects
    reordered = [part for part in found.differing if _ORDER in part.note]
    if reordered:
        names = ", ".join(_title_of(part) for part in reordered[:_NAMED])
        by = f", as {_name_suspects(held.unordered)} gives it" if held.unordered else ""
        fix = "sort it before it is written, and wait for parallel work in a fixed order"
        yield _make_cause("order", f"the order of {names} varies{by}", fix, held.unordered)
    times = [part for part in found.differing if _TIMES & set(part.note.replace(",", "").split())]
    packed = [part for part in found.diverged if found.is_packed(part)]
    written = held.clocks if found.diverged else ()
    if times or packed or written:
        names = ", ".join(_title_of(part) for part in [*times, *packed][:_NAMED])
        what = (
            f"{names} contains the time of its run"
            if names
            else f"{_name_suspects(written)} reads the time"
        )
        fix = "keep times out of files and metrics; for archives, set a fixed time (SOURCE_DATE_EPOCH)"
        yield _make_cause("time", what, fix, held.clocks)


def _of_shared_values(found: _Evidence) -> Iterator[Cause]:
    """Threads of the project's own, which may lose each other's changes."""
    held = found.suspects.own_threads
    if held:
        what = f"{_name_suspects(held)} runs code in parallel, and concurrent changes may get lost"
        fix = "hold a threading.Lock while changing shared values, or let each thread return its own result"
        yield _make_cause("shared-values", what, fix, held)


def _of_threads(found: _Evidence) -> Cause | None:
    """Return the cause for sums in several threads, rounded in varying order; only if there is no other
    cause.
    """
    record = read_record(found.tracking, found.verdict.again)
    machine = record.machine if record else None
    if not found.suspects.threaded or machine is None or machine.cores < 2:
        return None
    if machine.variables.get("OMP_NUM_THREADS") == "1":
        return None
    names = ", ".join(found.suspects.threaded)
    return Cause(
        "threads",
        f"{names} may compute in {machine.cores} threads, and then the rounding of sums varies",
        "set OMP_NUM_THREADS=1, or compare with reprise verify --tolerance",
    )


def _make_cause(name: str, what: str, fix: str, places: tuple[Suspect, ...]) -> Cause:
    return Cause(name, what, fix, tuple(f"{place.file}:{place.line}" for place in places))


def _name_suspects(found: tuple[Suspect, ...]) -> str:
    listed = [f"{item.what} ({item.file}:{item.line})" for item in found[:_NAMED]]
    more = len(found) - len(listed)
    return ", ".join(listed) + (f" and {more} more" if more else "")


def _title_of(part: Part) -> str:
    return f"{part.kind} {part.name}".strip()
