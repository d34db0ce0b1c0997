"""Two environments: the digests of their locks, and where those differ package by package."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reprise.envs import registry as envs
from reprise.envs.difference import PackageChange, compare_packages
from reprise.errors import RepriseError
from reprise.runner.restore import environments
from reprise.runner.verdict.interpreters import packages_beside, ran_in_environment
from reprise.runner.verdict.recorded import Recorded
from reprise.runner.verdict.values import IDENTICAL, Agreement, Finding, make_diverged, make_unknown
from reprise.schemas import tags
from reprise.schemas.environment import Package
from reprise.schemas.record.run_record import Distribution

_SHOWN = 3
_OWN = "reprise-ml"  # ours, which no script of a run needs


class Unknown(Exception):
    """What an environment was is not recorded; the message is a sentence."""


def compare_environments(a: Recorded, b: Recorded) -> Finding:
    """By packages with version, build and hashes; ``local`` ones by versions and origins.

    Interpreters that ran beside that of the environment count too; and where that did not run at all, they
    alone. A package that came from a folder is not comparable: what was in it is not recorded.
    """
    made = IDENTICAL
    if ran_in_environment(a) or ran_in_environment(b):
        made = _compare_made(a, b)
    beside = compare_packages(packages_beside(a), packages_beside(b))
    decided = (
        make_diverged(note=list_changes(beside))
        if beside and made.agreement is not Agreement.DIVERGED
        else made
    )
    return _with_sandboxes(decided, a, b)


def _with_sandboxes(decided: Finding, a: Recorded, b: Recorded) -> Finding:
    """A sandbox decides nothing; where one run had another than the other, that is worth knowing."""
    was, now = ((run.record.sandbox if run.record else "") or "none" for run in (a, b))
    if was == now:
        return decided
    return decided._replace(note="; ".join(filter(None, (decided.note, f"sandbox: {now}, was {was}"))))


def _compare_made(a: Recorded, b: Recorded) -> Finding:
    managers = [_manager_of(run) for run in (a, b)]
    digests = [run.run.tags.get(tags.ENV_DIGEST) for run in (a, b)]
    if managers[0] == managers[1] and _is_pinned(managers[0]) and digests[0] == digests[1] is not None:
        return IDENTICAL
    try:
        changes = find_package_changes(a, b)
    except Unknown as reason:
        return make_unknown(str(reason))
    if managers[0] != managers[1]:
        return make_diverged(note=f"made by {managers[1] or 'an unknown manager'}, was {managers[0]}")
    if changes:
        return make_diverged(note=list_changes(changes))
    folders = [name for run in (a, b) for name in _from_folders(run)]
    if folders:
        return make_unknown(f"{folders[0]} is installed from a folder, whose files are not recorded")
    return IDENTICAL._replace(note="the same packages")


def find_package_changes(a: Recorded, b: Recorded) -> tuple[PackageChange, ...]:
    """What is to be done to the one environment so that it becomes the other.

    Raises:
        Unknown: one of them is not recorded.
    """
    return compare_packages(_packages_of(a), _packages_of(b))


def list_changes(changes: Sequence[PackageChange]) -> str:
    """``numpy 2.0, was 1.26; scipy is new; and 4 more``"""
    shown = [*map(_describe_change, changes[:_SHOWN])]
    more = [f"and {len(changes) - _SHOWN} more"] if len(changes) > _SHOWN else []
    return "; ".join([*shown, *more])


def _describe_change(change: PackageChange) -> str:
    if change.a is None or change.b is None:
        return f"{change.name} is {'new' if change.a is None else 'missing'}"
    if change.note:
        return f"{change.name} {change.b.version}: {change.note}"
    return f"{change.name} {change.b.version}, was {change.a.version}"


def _manager_of(run: Recorded) -> str | None:
    recorded = run.record.environment if run.record else None
    return recorded.manager if recorded else run.run.tags.get(tags.PROJECT_ENV)


def _is_pinned(manager: str | None) -> bool:
    """Whether a lock says the packages; that of a manager which is not installed is taken to do so."""
    known = envs.MANAGERS.get(manager or "")
    return known is None or known.PINS_PACKAGES


def _packages_of(run: Recorded) -> tuple[Package, ...]:
    if not _is_pinned(_manager_of(run)):
        return tuple(_local_packages(run))
    try:
        lock = environments.lock_of(run.tracking, run.run)
        return envs.MANAGERS[lock.manager].packages(lock)
    except (RepriseError, OSError, ValueError, KeyError, TypeError) as error:
        raise Unknown(f"the environment of run {run.run_id[:8]} is not known: {error}") from error


def _local_packages(run: Recorded) -> Iterator[Package]:
    recorded = run.record.environment if run.record else None
    if recorded is None or recorded.python is None:
        raise Unknown(f"the environment of run {run.run_id[:8]} is not known: {run.record_fault}")
    yield Package("python", recorded.python, "python")
    for item in recorded.packages:
        if item.name.lower() != _OWN:
            yield Package(item.name, item.version, "pypi", origin=item.origin)


def _from_folders(run: Recorded) -> list[str]:
    """Packages whose content is not recorded.

    What an observed run loaded of one that is linked to its folder is an input, and compared as such.
    """
    recorded = run.record.environment if run.record else None
    if run.record is None or recorded is None or _is_pinned(recorded.manager):
        return []
    unseen = [item for item in recorded.packages if not (item.editable and run.record.observed)]
    return [item.name for item in unseen if _is_from_folder(item)]


def _is_from_folder(item: Distribution) -> bool:
    return item.name.lower() != _OWN and (item.editable or item.origin.startswith("file:"))
