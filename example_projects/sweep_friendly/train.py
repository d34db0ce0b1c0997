"""Train on the points, one step per point."""

import argparse
import random
from pathlib import Path

import mlflow
from model import accuracy, loss, probability, read_points

MOMENTUM = {"sgd": 0.0, "momentum": 0.9}
TRUE_WORDS = {"true", "yes", "on", "1"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("points", type=Path)
    parser.add_argument("--optimizer", choices=MOMENTUM, default="momentum")
    parser.add_argument("--learning-rate", type=float, default=0.5)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--shuffle", type=lambda text: text.lower() in TRUE_WORDS, default=True)
    parser.add_argument("--checkpoints", type=numbers, default=[])
    args = parser.parse_args()

    points = read_points(args.points)
    order = random.Random(0)
    momentum = MOMENTUM[args.optimizer]
    weights, velocity = [0.0] * 3, [0.0] * 3
    with mlflow.start_run():
        for epoch in range(1, args.epochs + 1):
            if args.shuffle:
                order.shuffle(points)
            for point in points:
                error = probability(weights, point) - point[2]
                slopes = [error, error * point[0], error * point[1]]
                velocity = [momentum * v + s / len(points) for v, s in zip(velocity, slopes, strict=True)]
                weights = [w - args.learning_rate * v for w, v in zip(weights, velocity, strict=True)]
            mlflow.log_metric("loss", loss(weights, points), step=epoch)
            if epoch in args.checkpoints:
                mlflow.log_dict({"weights": weights}, f"checkpoints/{epoch}.json")
        mlflow.log_metric("accuracy", accuracy(weights, points))
        mlflow.log_dict({"weights": weights}, "model.json")
    print(f"loss {loss(weights, points):.3f} after {args.epochs} epochs")


def numbers(text: str) -> list[int]:
    return [int(word) for word in text.strip("[]").replace(",", " ").split()]


if __name__ == "__main__":
    main()
