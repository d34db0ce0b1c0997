"""Logistic regression in two dimensions, in plain Python."""

import csv
from math import exp, log
from pathlib import Path

Point = tuple[float, float, int]


def read_points(path: Path) -> list[Point]:
    with path.open() as table:
        return [(float(row["x"]), float(row["y"]), int(row["label"])) for row in csv.DictReader(table)]


def probability(weights: list[float], point: Point) -> float:
    return 1 / (1 + exp(-(weights[0] + weights[1] * point[0] + weights[2] * point[1])))


def loss(weights: list[float], points: list[Point]) -> float:
    return -sum(log(_of_label(weights, point)) for point in points) / len(points)


def accuracy(weights: list[float], points: list[Point]) -> float:
    return sum(_of_label(weights, point) > 0.5 for point in points) / len(points)


def _of_label(weights: list[float], point: Point) -> float:
    chance = probability(weights, point)
    return max(chance if point[2] else 1 - chance, 1e-12)
