"""Measure a trained model on points."""

import argparse
import json
from pathlib import Path

import mlflow
from model import accuracy, loss, read_points


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("points", type=Path)
    parser.add_argument("--origin", default="")
    args = parser.parse_args()

    weights = json.loads(args.model.read_text())["weights"]
    points = read_points(args.points)
    with mlflow.start_run():
        if args.origin:
            mlflow.set_tag("origin", args.origin)
        mlflow.log_metrics({"accuracy": accuracy(weights, points), "loss": loss(weights, points)})
    print(f"accuracy {accuracy(weights, points):.3f} on {len(points)} points")


if __name__ == "__main__":
    main()
