"""Fit a ridge regression of the price by gradient descent, and log the loss as it falls."""

import argparse
import csv
from pathlib import Path
from statistics import mean

import mlflow

STEPS = 400
RATE = 0.05


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("features", type=Path)
    parser.add_argument("--ridge", type=float, default=0.1)
    args = parser.parse_args()

    with args.features.open() as table:
        names, *lines = csv.reader(table)
    rows = [[float(cell) for cell in line] for line in lines]
    inputs = [[1.0, *row[:-1]] for row in rows]
    prices = [row[-1] for row in rows]

    with mlflow.start_run():
        weights = [0.0] * len(names)
        for step in range(STEPS):
            errors = [predict(weights, row) - price for row, price in zip(inputs, prices, strict=True)]
            if step % 50 == 0:
                mlflow.log_metric("rmse_by_step", rmse(errors), step=step)
            slopes = [
                mean(e * x for e, x in zip(errors, column, strict=True))
                for column in zip(*inputs, strict=True)
            ]
            weights = [
                w - RATE * (s + args.ridge * w / len(rows)) for w, s in zip(weights, slopes, strict=True)
            ]
        final = rmse([predict(weights, row) - price for row, price in zip(inputs, prices, strict=True)])
        mlflow.log_metric("rmse", final)
        mlflow.log_dict(dict(zip(["intercept", *names[:-1]], weights, strict=True)), "model.json")
    print(f"typical error: {final:.0f} thousand euros")


def predict(weights: list[float], row: list[float]) -> float:
    return sum(w * x for w, x in zip(weights, row, strict=True))


def rmse(errors: list[float]) -> float:
    return mean(error * error for error in errors) ** 0.5


if __name__ == "__main__":
    main()
