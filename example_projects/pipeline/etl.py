"""Drop incomplete and too dear flats, and turn the rest into features."""

import argparse
import csv
import io
from pathlib import Path
from statistics import mean, stdev

import mlflow

COLUMNS = ["area", "rooms", "year"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("flats", type=Path)
    parser.add_argument("--max-price", type=float, default=2000)
    args = parser.parse_args()

    with args.flats.open() as table:
        flats = list(csv.DictReader(table))
    kept = [flat for flat in flats if all(flat.values()) and float(flat["price"]) <= args.max_price]
    if len(kept) < 2:
        raise SystemExit(f"only {len(kept)} of {len(flats)} flats cost at most {args.max_price:g}")
    features = [standardised([float(flat[name]) for flat in kept]) for name in COLUMNS]

    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    writer.writerow([*COLUMNS, "price"])
    writer.writerows(zip(*features, [flat["price"] for flat in kept], strict=True))
    with mlflow.start_run():
        mlflow.log_metrics({"rows": len(kept), "dropped": len(flats) - len(kept)})
        mlflow.log_text(written.getvalue(), "features.csv")
    print(f"kept {len(kept)} of {len(flats)} flats")


def standardised(numbers: list[float]) -> list[float]:
    """The same numbers around 0, with a spread of 1."""
    middle, spread = mean(numbers), stdev(numbers)
    return [round((number - middle) / spread, 6) for number in numbers]


if __name__ == "__main__":
    main()
