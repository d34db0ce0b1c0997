"""What differs between two runs, of what they were made of and what came out: facts, and no verdict."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from difflib import unified_diff
from typing import Any

from reprise.errors import RepriseError, TrackingError
from reprise.named_tuple import NamedTuple
from reprise.runner.record.contents import open_content
from reprise.runner.runs.lifecycle import LOG_ARTIFACT
from reprise.runner.verdict.engine import describe_end
from reprise.runner.verdict.environment import Unknown, find_package_changes
from reprise.runner.verdict.recorded import Recorded
from reprise.runner.verdict.source import compare_sources, record_differences
from reprise.runner.verdict.trees import NOT_AT_HAND, open_trees
from reprise.runner.verdict.values import Agreement, Part
from reprise.schemas import tags
from reprise.schemas.environment import Package
from reprise.schemas.record.run_record import Content, MachineRecord

_LONGEST = 1_000_000  # bytes of a file whose lines are compared here; git does not mind longer ones


class Change(NamedTuple):
    """``a`` and ``b`` are the values as text; None where a run has none. ``is_same``: they are equal."""

    name: str
    a: str | None
    b: str | None
    note: str = ""

    @property
    def is_same(self) -> bool:
        return self.a == self.b and not self.note


class SourceDifference(NamedTuple):
    """``diff`` is a unified diff, empty without a difference; ``note`` says what it cannot show."""

    a: str
    b: str
    diff: str
    note: str


class RunDifferences(NamedTuple):
    """What differs between the runs with the ids ``a`` and ``b``, and where asked for what is the same.

    ``environment_note`` says why the packages are not known, or is empty. ``outcome`` is how the runs ended
    and what they printed.
    """

    a: str
    b: str
    source: SourceDifference
    environment: tuple[Change, ...]
    environment_note: str
    parameters: tuple[Change, ...]
    inputs: tuple[Change, ...]
    metrics: tuple[Change, ...]
    artifacts: tuple[Change, ...]
    machine: tuple[Change, ...]
    outcome: tuple[Change, ...]


def find_changes(a: Recorded, b: Recorded, parts: Sequence[Part], most: int = -1) -> RunDifferences:
    """Everything that can be compared; what is equal is in it too, but for packages.

    ``parts`` are those of the verdict on the two runs: it has looked at the results already. Of the diff
    there are about ``most`` bytes, -1 for all.
    """
    packages, reason = _compare_environments(a, b)
    return RunDifferences(
        a.run.run_id,
        b.run.run_id,
        _compare_sources(a, b, most),
        packages,
        reason,
        tuple(_pair_changes(_parameters_of(a), _parameters_of(b))),
        tuple(_pair_changes(_inputs_of(a), _inputs_of(b))),
        tuple(_compare_metrics(a, b, parts)),
        tuple(_compare_artifacts(a, b, parts)),
        tuple(_pair_changes(_describe_machine(a), _describe_machine(b))),
        tuple(_compare_outcomes(a, b, parts)),
    )


def _compare_sources(a: Recorded, b: Recorded, most: int) -> SourceDifference:
    shown = [_describe_source(run) for run in (a, b)]
    found = compare_sources(a, b)
    if a.record is None or b.record is None or found.agreement is Agreement.IDENTICAL:
        note = found.note if found.agreement is not Agreement.IDENTICAL else ""
        return SourceDifference(shown[0], shown[1], "", note)
    doubt = found.note if found.agreement is Agreement.NOT_COMPARABLE else ""
    if not [*record_differences(a.record.source, b.record.source)]:
        return SourceDifference(shown[0], shown[1], "", found.note)
    try:
        with open_trees(a, b) as made:
            return SourceDifference(
                shown[0], shown[1], made.diff_trees(made.make_tree(a), made.make_tree(b), most=most), doubt
            )
    except NOT_AT_HAND as error:
        reason = error.message if isinstance(error, RepriseError) else str(error)
        return SourceDifference(
            shown[0], shown[1], _kept_diff(a, b, most), f"{reason}: what the runs kept is compared"
        )


def _describe_source(run: Recorded) -> str:
    commit = run.run.tags.get(tags.GIT_COMMIT)
    if run.record is None:
        return f"commit {commit[:12]}" if commit else "not recorded"
    source = run.record.source
    where = (
        f"commit {source.commit[:12]}" if source.commit else f"{len(source.files)} files of {source.uri}"
    )
    if source.patch or (source.commit and source.files):
        where += " with uncommitted changes"
    return where


def _kept_diff(a: Recorded, b: Recorded, most: int) -> str:
    """A diff of what was kept beside the commits: the patches, and the files that git did not track."""
    one, other = _kept_contents(a), _kept_contents(b)
    found = ""
    for path in sorted({*one, *other}):
        if 0 <= most <= len(found):
            break
        if one.get(path) != other.get(path):
            found += "".join(
                _file_diff(path, _read_content(a, one.get(path)), _read_content(b, other.get(path)))
            )
    return found


def _kept_contents(run: Recorded) -> dict[str, Content]:
    assert run.record is not None
    source = run.record.source
    found = {file.path: file.content for file in source.files}
    return {**found, "uncommitted changes": source.patch} if source.patch else found


def _read_content(run: Recorded, kept: Content | None) -> bytes:
    """As much as shows that it is too long."""
    if kept is None:
        return b""
    try:
        with open_content(run.tracking, run.run_id, kept.digest) as stream:
            return stream.read(_LONGEST + 1)
    except NOT_AT_HAND:
        return f"(not kept any more: {kept.digest})\n".encode()


def _file_diff(path: str, one: bytes, other: bytes) -> Iterator[str]:
    is_binary = b"\0" in one + other
    if is_binary or max(len(one), len(other)) > _LONGEST:
        yield f"{'Binary' if is_binary else 'Large'} files a/{path} and b/{path} differ\n"
        return
    left, right = (data.decode("utf-8", "replace").splitlines(keepends=True) for data in (one, other))
    for line in unified_diff(left, right, f"a/{path}", f"b/{path}"):
        yield line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"


def _compare_environments(a: Recorded, b: Recorded) -> tuple[tuple[Change, ...], str]:
    try:
        found = find_package_changes(a, b)
    except Unknown as reason:
        return (), str(reason)
    return tuple(
        Change(item.name, _version_of(item.a), _version_of(item.b), item.note) for item in found
    ), ""


def _version_of(package: Package | None) -> str | None:
    return package.version if package else None


def _parameters_of(run: Recorded) -> dict[str, str]:
    recorded = run.record.parameters if run.record else ()
    texts = {item.name: item.value if item.value is not None else "(secret)" for item in recorded}
    return {**run.run.params, **texts, **(run.record.seeds if run.record else {})}


def _inputs_of(run: Recorded) -> dict[str, str]:
    from reprise.runner.verdict.parameters_inputs import inputs_by_name

    return {
        name: " ".join(filter(None, (item.kind, item.uri, item.digest or "(no digest)")))
        for name, item in (inputs_by_name(run) if run.record else {}).items()
    }


def _compare_metrics(a: Recorded, b: Recorded, parts: Sequence[Part]) -> Iterator[Change]:
    """The last values, and where the series part."""
    for item in parts:
        if item.kind == "metric":
            one, other = (_last_value(run, item.name) for run in (a, b))
            yield Change(item.name, one, other, _describe_part(item))


def _last_value(run: Recorded, name: str) -> str | None:
    metric = run.run.metrics.get(name)
    return repr(metric.value) if metric else None


def _compare_artifacts(a: Recorded, b: Recorded, parts: Sequence[Part]) -> Iterator[Change]:
    sizes = {**_artifact_sizes(a)}, {**_artifact_sizes(b)}
    for item in parts:
        if item.kind in ("artifact", "model"):
            a_size, b_size = (of.get(item.name) for of in sizes)
            yield Change(item.name, a_size, b_size, _describe_part(item))


def _compare_outcomes(a: Recorded, b: Recorded, parts: Sequence[Part]) -> Iterator[Change]:
    """How the runs ended, and what they printed."""
    yield Change("exit code", describe_end(a), describe_end(b))
    for item in parts:
        if item.kind == "output log":
            yield Change(item.kind, _digest_output(a), _digest_output(b), _describe_part(item))


def _digest_output(run: Recorded) -> str | None:
    try:
        return f"{len(run.read_output(LOG_ARTIFACT)):,} bytes"
    except (TrackingError, OSError):
        return None  # the note of the verdict says why


def _artifact_sizes(run: Recorded) -> Mapping[str, str]:
    return {path: f"{size or 0:,} bytes" for path, size in run.file_sizes().items()}


def _describe_part(item: Part) -> str:
    if item.agreement is Agreement.IDENTICAL:
        return ""
    return ": ".join(filter(None, (item.agreement, item.where, item.note)))


def _describe_machine(run: Recorded) -> dict[str, str]:
    found: MachineRecord | None = run.record.machine if run.record else None
    if found is None:
        return {}
    facts: dict[str, Any] = found._asdict()
    gpus = ", ".join(f"{gpu.name} {gpu.driver or ''}".strip() for gpu in found.gpus)
    plain = {
        name: str(value) for name, value in facts.items() if value and name not in ("gpus", "variables")
    }
    return {**plain, **({"gpus": gpus} if gpus else {}), **found.variables}


def _pair_changes(a: Mapping[str, str], b: Mapping[str, str]) -> Iterator[Change]:
    for name in [*a, *(name for name in b if name not in a)]:
        yield Change(name, a.get(name), b.get(name))


def only_differences(found: RunDifferences) -> RunDifferences:
    """``found`` without what is equal."""
    kept: dict[str, tuple[Change, ...]] = {
        name: tuple(item for item in value if not item.is_same)
        for name, value in found._asdict().items()
        if isinstance(value, tuple) and name not in ("source", "environment")
    }
    return found._replace(**kept)  # type: ignore[arg-type]
