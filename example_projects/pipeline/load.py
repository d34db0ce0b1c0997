"""Take the raw table in, as it is."""

import argparse
import csv
from pathlib import Path

import mlflow


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", type=Path)
    args = parser.parse_args()

    text = args.source.read_text()
    rows = list(csv.DictReader(text.splitlines()))
    with mlflow.start_run():
        mlflow.log_metric("rows", len(rows))
        mlflow.log_text(text, "flats.csv")
    print(f"loaded {len(rows)} flats")


if __name__ == "__main__":
    main()
