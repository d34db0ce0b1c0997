"""The driver: runs load -> etl -> train, each as a run of its own, nested under this one.

The steps find each other's files by runs:/ URIs, and run in the environment manager that the driver
was given.
"""

import argparse

from reprise import projects


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--max-price", default="2000")
    parser.add_argument("--ridge", default="0.1")
    args = parser.parse_args()

    load = projects.run(".", "load", run_name="load")
    etl = projects.run(
        ".",
        "etl",
        parameters={"flats": f"runs:/{load.run_id}/flats.csv", "max-price": args.max_price},
        run_name="etl",
    )
    projects.run(
        ".",
        "train",
        parameters={"features": f"runs:/{etl.run_id}/features.csv", "ridge": args.ridge},
        run_name="train",
    )


if __name__ == "__main__":
    main()
