"""A small, deterministic forest of extremely randomised regression trees, in plain Python.

Each tree is trained on a part of the rows. The other rows measure its accuracy, and how much worse it gets
when one column is shuffled (permutation importance). A few hundred rows with a few dozen columns take a
fraction of a second.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from reprise.named_tuple import NamedTuple

Row = Sequence[float]
Columns = Sequence[Sequence[float]]

_LEAST_ROWS = 3  # rows of a node that is split
_SMALL = 16  # rows; with fewer, fewer are held out
_WORK = 5000  # training rows of all trees
_TREES = (24, 120)  # at least, at most


class Leaf(NamedTuple):
    value: float


class Split(NamedTuple):
    """Rows whose ``column`` is below ``threshold`` go ``left``."""

    column: int
    threshold: float
    left: Node
    right: Node


Node = Leaf | Split


class ForestFindings(NamedTuple):
    """The result of a forest.

    ``worse`` is the increase of the squared error on held-out rows with each column shuffled, as a share of
    the variance; ``explained`` is the share of the variance that is predicted (1: all; 0 or less: none).
    """

    worse: tuple[float, ...]
    explained: float


def examine(draws: Sequence[Columns], targets: Sequence[float], seed: int = 7) -> ForestFindings:
    """Train a forest to predict ``targets``.

    ``draws`` are the same columns in several encodings (categories in other orders), which the trees use in
    turn. Needs at least four rows.
    """
    chance = random.Random(seed)
    count = len(targets)
    tables = [[*zip(*columns, strict=True)] for columns in draws]
    trees = min(max(_WORK // count, _TREES[0]), _TREES[1])
    worse = [0.0] * len(draws[0])
    sums, votes = [0.0] * count, [0] * count
    unseen_rows = 0
    for number in range(trees):
        columns = draws[number % len(draws)]
        rows = tables[number % len(draws)]
        order = chance.sample(range(count), count)
        kept = count - max(round(count * (0.2 if count < _SMALL else 0.37)), 1)
        tree = _grown(columns, targets, order[:kept], chance)
        unseen = order[kept:]
        unseen_rows += len(unseen)
        for at in unseen:
            sums[at] += _foretold(tree, rows[at])
            votes[at] += 1
        _shuffle_columns(tree, rows, targets, unseen, chance, worse)
    mean = sum(targets) / count
    variance = sum((target - mean) ** 2 for target in targets) / count
    if variance == 0 or unseen_rows == 0:
        return ForestFindings((0.0,) * len(worse), 0.0)
    judged = [at for at in range(count) if votes[at]]
    error = sum((targets[at] - sums[at] / votes[at]) ** 2 for at in judged) / len(judged)
    return ForestFindings(tuple(one / unseen_rows / variance for one in worse), 1 - error / variance)


def _grown(columns: Columns, targets: Sequence[float], among: list[int], chance: random.Random) -> Node:
    own = [targets[at] for at in among]
    total, count = sum(own), len(own)
    if count < _LEAST_ROWS or min(own) == max(own):
        return Leaf(total / count)
    best: tuple[float, int, float] | None = None
    for column in chance.sample(range(len(columns)), -(-len(columns) * 2 // 3)):
        values = list(map(columns[column].__getitem__, among))
        lowest, highest = min(values), max(values)
        threshold = highest - (highest - lowest) * chance.random()
        left = [target for value, target in zip(values, own, strict=True) if value < threshold]
        if not left:  # all values are equal, or adjacent floats
            continue
        one, others = sum(left), count - len(left)
        gain = one * one / len(left) + (total - one) ** 2 / others
        if best is None or gain > best[0]:
            best = gain, column, threshold
    if best is None:
        return Leaf(total / count)
    _, column, threshold = best
    place = columns[column].__getitem__
    return Split(
        column,
        threshold,
        _grown(columns, targets, [at for at in among if place(at) < threshold], chance),
        _grown(columns, targets, [at for at in among if place(at) >= threshold], chance),
    )


def _foretold(tree: Node, row: Row) -> float:
    while isinstance(tree, Split):
        tree = tree.left if row[tree.column] < tree.threshold else tree.right
    return tree.value


def _shuffle_columns(
    tree: Node,
    rows: Sequence[Row],
    targets: Sequence[float],
    unseen: Sequence[int],
    chance: random.Random,
    worse: list[float],
) -> None:
    """Add the cost of shuffling each column to ``worse``; a column that a tree does not use costs
    nothing.
    """
    others = chance.sample(range(len(rows)), len(unseen))
    for at, other in zip(unseen, others, strict=True):
        row, target = rows[at], targets[at]
        before = (target - _foretold(tree, row)) ** 2
        for column in _on_the_way(tree, row):
            instead = list(row)
            instead[column] = rows[other][column]
            worse[column] += (target - _foretold(tree, instead)) ** 2 - before


def _on_the_way(tree: Node, row: Row) -> list[int]:
    found = []
    while isinstance(tree, Split):
        if tree.column not in found:
            found.append(tree.column)
        tree = tree.left if row[tree.column] < tree.threshold else tree.right
    return found
