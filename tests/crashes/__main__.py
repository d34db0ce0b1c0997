"""``python -m tests.crashes``: kill for some minutes, and print what came of it."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from tests.crashes import injection
from tests.crashes.campaign import Campaign, format_table
from tests.crashes.scenarios import SCENARIOS


def main() -> int:
    """0 where every promise held."""
    parser = argparse.ArgumentParser(prog="python -m tests.crashes", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="the same seed chooses the same points")
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--trials", type=int, help="at most so many")
    parser.add_argument("--only", action="append", choices=[scenario.name for scenario in SCENARIOS])
    parser.add_argument("--real", type=float, default=0.2, help="the share of commands that are no forks")
    parser.add_argument("--from-trial", type=int, default=0, help="play from this trial of the seed on")
    parser.add_argument("--keep", type=Path, help="a folder for worlds with broken promises")
    given = parser.parse_args()
    injection.become_subreaper()
    injection.import_reprise()
    scenarios = [found for found in SCENARIOS if not given.only or found.name in given.only]
    with tempfile.TemporaryDirectory(prefix="reprise-crashes-") as folder:
        campaign = Campaign(Path(folder), scenarios, given.seed, given.real, given.keep)
        campaign.play(given.minutes, given.trials, given.from_trial)
    print(format_table(campaign.counts))
    for violation in campaign.violations:
        print(violation, file=sys.stderr)
    return 1 if campaign.violations else 0


if __name__ == "__main__":
    sys.exit(main())
