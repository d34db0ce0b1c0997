"""``python -m tests.crashes``: kill for some minutes, and print what came of it."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.crashes import preloaded, programs
from tests.crashes.campaign import Campaign, Count, Play
from tests.crashes.figures import add_tables, format_table, write_figures
from tests.crashes.points import Killer
from tests.crashes.scenarios import SCENARIOS
from tests.crashes.traced import Strace


def main() -> int:
    """0 where every promise held."""
    parser = argparse.ArgumentParser(prog="python -m tests.crashes", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="the same seed chooses the same points")
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--trials", type=int, help="at most so many")
    parser.add_argument("--only", action="append", choices=[scenario.name for scenario in SCENARIOS])
    parser.add_argument("--real", type=float, default=0.05, help="the share of commands that are no forks")
    parser.add_argument("--from-trial", type=int, default=0, help="play from this trial of the seed on")
    parser.add_argument("--keep", type=Path, help="a folder for worlds with broken promises")
    parser.add_argument("--jobs", type=int, default=1, help="so many at once, with seeds one after another")
    parser.add_argument("--write", type=Path, help="a document to put the figures into")
    by = "preload" if preloaded.can_preload() else "strace"
    parser.add_argument("--by", choices=["preload", "strace"], default=by, help="what kills")
    given = parser.parse_args()
    if given.by == "preload":
        preloaded.begin_again(preloaded.compile_library())
    programs.become_subreaper()
    counts = _play_side_by_side(given.jobs, given.seed) if given.jobs > 1 else _play(given)
    print(format_table(counts))
    if given.write:
        command = f"python -m tests.crashes --seed {given.seed} --minutes {given.minutes:g}"
        write_figures(given.write, f"{command} --jobs {given.jobs}" if given.jobs > 1 else command, counts)
    return 1 if any(count.broken for count in counts.values()) else 0


def _play(given: argparse.Namespace) -> dict[str, Count]:
    """What came of the trials; each that broke a promise is printed at once."""
    programs.import_reprise()
    scenarios = [found for found in SCENARIOS if not given.only or found.name in given.only]
    with tempfile.TemporaryDirectory(prefix="reprise-crashes-") as folder:
        killer: Killer = (
            preloaded.Preload(preloaded.compile_library()) if given.by == "preload" else Strace()
        )
        play = Play(given.seed, killer, given.real, given.by == "preload", given.keep)
        campaign = Campaign(Path(folder), scenarios, play)
        campaign.play(given.minutes, given.trials, given.from_trial)
    return campaign.counts


def _play_side_by_side(jobs: int, seed: int) -> dict[str, Count]:
    """The same command several times at once, each with a seed of its own."""
    rest = [*sys.argv[1:]]
    for option in ("--jobs", "--seed", "--write"):
        if option in rest:
            at = rest.index(option)
            del rest[at : at + 2]
    commands = [
        [sys.executable, "-m", "tests.crashes", *rest, "--seed", str(seed + at)] for at in range(jobs)
    ]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for command in commands]
    return add_tables([process.communicate()[0] for process in processes])


if __name__ == "__main__":
    sys.exit(main())
