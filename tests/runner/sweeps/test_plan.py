"""What a sweep keeps of its command."""

from __future__ import annotations

from reprise.runner.sweeps.parent import describe_command
from reprise.runner.sweeps.plan import SweepPlan, read_plan


def test_no_secret_is_kept_or_decides_which_sweep_it_is() -> None:
    kept = []
    for password in ("hunter2", "hunter3"):
        plan = SweepPlan(
            f"https://me:{password}@git.example/team/x.git",
            "/home/me",
            {"C": "1,2"},
            {"token": f"t-{password}", "epochs": "5"},
        )
        kept.append(plan.without_secrets({"token"}))
        assert password not in kept[-1].as_json() and password not in describe_command(kept[-1])
    assert kept[0] == kept[1] and kept[0].digest == kept[1].digest
    assert (kept[0].uri, kept[0].parameters) == ("https://git.example/team/x.git", {"epochs": "5"})
    assert read_plan(kept[0].as_json()) == kept[0]
