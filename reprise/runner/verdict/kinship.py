"""The runs nested in a run (sweeps, folds, steps of a pipeline), and which is which in another run."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Hashable, Iterator, Sequence
from typing import TypeAlias

from reprise.errors import TrackingError
from reprise.named_tuple import NamedTuple
from reprise.schemas import tags
from reprise.schemas.entities import Run
from reprise.tracking.base import Tracking

DRAWN_NAME = re.compile(r"[a-z]+-[a-z]+-\d+")
"""A random name of a run or a model."""

_MOST = 20_000  # nested runs of one time
_PAGE = 1000
_CLOCKS_APART = 60_000  # ms that the clocks of two machines may differ
_WRITTEN_LATE = 2_000  # ms

Plain: TypeAlias = Callable[[str], str]


class Family(NamedTuple):
    """A run with those nested in it, oldest first."""

    run: Run
    children: tuple[Family, ...] = ()


class RunPair(NamedTuple):
    """The same child in both runs; None where there is no other. ``name`` is unique among its siblings."""

    name: str
    a: Run | None
    b: Run | None
    children: tuple[RunPair, ...] = ()


def read_family(tracking: Tracking, run: Run) -> Family:
    """Return ``run`` and all runs nested in it during the run, including deleted ones.

    Raises:
        TrackingError: they cannot be read, or are too many.
    """
    children: dict[str, list[Run]] = {}
    for nested in _find_nested_runs(tracking, run):
        children.setdefault(nested.tags[tags.PARENT_RUN_ID], []).append(nested)
    return _make_family(run, children, frozenset())


def _find_nested_runs(tracking: Tracking, run: Run) -> Iterator[Run]:
    """Return all nested runs of the store that began during ``run``."""
    wanted = [f"tags.`{tags.PARENT_RUN_ID}` LIKE '%'"]
    wanted.append(f"attributes.start_time >= {run.start_time - _CLOCKS_APART}")
    if run.end_time is not None:
        wanted.append(f"attributes.start_time <= {run.end_time + _WRITTEN_LATE}")
    experiments, token, number = [*_experiment_ids(tracking)], None, 0
    while token != "" and number < _MOST:
        page = tracking.search_runs(
            experiments,
            filter=" AND ".join(wanted),
            max_results=_PAGE,
            page_token=token,
            view_type="ALL",
        )
        yield from page.items
        number += len(page.items)
        token = page.next_token or ""
    if token:
        raise TrackingError(f"more than {_MOST:,} nested runs were running during run {run.run_id[:8]}")


def _experiment_ids(tracking: Tracking) -> Iterator[str]:
    token = None
    while token != "":
        page = tracking.search_experiments(view_type="ALL", page_token=token)
        yield from (experiment.experiment_id for experiment in page.items)
        token = page.next_token or ""


def _make_family(run: Run, children: dict[str, list[Run]], above: frozenset[str]) -> Family:
    """Runs that claim to be nested in each other in a circle are left out."""
    inside = above | {run.run_id}
    below = (child for child in children.get(run.run_id, []) if child.run_id not in inside)
    ordered = sorted(below, key=lambda child: (child.start_time, child.run_id))
    return Family(run, tuple(_make_family(child, children, inside) for child in ordered))


def pair_children(a: Family, b: Family, plain_a: Plain, plain_b: Plain) -> tuple[RunPair, ...]:
    """Match the children of ``a`` and ``b``, and their children: by name and parameters, else by one of
    these, in order.

    Children that cannot be distinguished by these, such as parallel folds, are matched by their metrics if
    those agree. ``plain_a`` and ``plain_b`` remove times and ids from a text of each side.
    """
    left = {child.run.run_id: child for child in a.children}
    right = {child.run.run_id: child for child in b.children}
    partners: dict[str, Family] = {}

    def pair_by(key: Callable[[Run, Plain], Collection[Hashable]]) -> None:
        waiting: dict[Collection[Hashable], list[Family]] = {}
        for child in right.values():
            waiting.setdefault(key(child.run, plain_b), []).append(child)
        for run_id, child in [*left.items()]:
            if (found := key(child.run, plain_a)) and waiting.get(found):
                partners[run_id] = right.pop(waiting[found].pop(0).run.run_id)
                del left[run_id]

    pair_by(lambda run, plain: (_title_of(run, plain), _params_of(run, plain), _metrics_of(run)))
    pair_by(lambda run, plain: (_title_of(run, plain), _params_of(run, plain)))
    pair_by(lambda run, plain: (_title_of(run, plain),))
    pair_by(_params_of)
    found = [(child, partners.get(child.run.run_id)) for child in a.children]
    return _name_pairs([*found, *((None, child) for child in right.values())], plain_a, plain_b)


def _title_of(run: Run, plain: Plain) -> str:
    return "" if DRAWN_NAME.fullmatch(run.run_name) else plain(run.run_name)


def _params_of(run: Run, plain: Plain) -> frozenset[tuple[str, str]]:
    return frozenset((name, plain(value)) for name, value in run.params.items())


def _metrics_of(run: Run) -> Hashable:
    return frozenset((name, metric.value.hex()) for name, metric in run.metrics.items())


def _name_pairs(
    found: Sequence[tuple[Family | None, Family | None]], plain_a: Plain, plain_b: Plain
) -> tuple[RunPair, ...]:
    """Names that come twice get a number."""
    numbers: dict[str, int] = {}
    pairs = []
    for one, other in found:
        run = (one or other or found[0][0]).run  # type: ignore[union-attr]
        title = run.run_name or run.run_id[:8]
        numbers[title] = numbers.get(title, 0) + 1
        name = f"{title} #{numbers[title]}" if numbers[title] > 1 else title
        below = pair_children(one, other, plain_a, plain_b) if one and other else ()
        pairs.append(RunPair(name, one.run if one else None, other.run if other else None, below))
    return tuple(pairs)
