"""A trial belongs to one process at a time."""

from __future__ import annotations

import threading
from pathlib import Path

from reprise.runner.sweeps.claims import Claims


def test_a_trial_is_claimed_once(tmp_path: Path) -> None:
    ours, theirs = Claims.open(tmp_path), Claims.open(tmp_path)
    assert ours.claim(3, 1)
    assert not theirs.claim(3, 1)
    assert theirs.claim(4, 1)
    theirs.note_run(4, 1, "r4")
    assert {number: claim.run_id for number, claim in ours.read().items()} == {3: None, 4: "r4"}
    ours.close()
    theirs.close()


def test_what_a_dead_process_has_claimed_and_not_opened_is_free(tmp_path: Path) -> None:
    ours, theirs = Claims.open(tmp_path), Claims.open(tmp_path)
    assert theirs.claim(1, 1) and theirs.claim(2, 1)
    theirs.note_run(2, 1, "r2")
    theirs.close()
    assert ours.claim(1, 1)
    assert not ours.claim(2, 1)
    assert ours.claim(2, 2)
    ours.close()


def test_a_line_that_a_killed_process_left_unfinished_hides_no_other(tmp_path: Path) -> None:
    ours = Claims.open(tmp_path)
    assert ours.claim(1, 1)
    with (tmp_path / "claims.jsonl").open("ab") as journal:
        journal.write(b'{"number": 2, "att')
    assert ours.claim(3, 1)
    later = Claims.open(tmp_path)
    assert sorted(later.read()) == [1, 3]
    assert later.claim(2, 1)
    assert sorted(ours.read()) == [1, 2, 3]
    ours.close()
    later.close()


def test_many_at_once_claim_each_trial_once(tmp_path: Path) -> None:
    taken: list[int] = []

    def work() -> None:
        claims = Claims.open(tmp_path)
        for number in range(40):
            if claims.claim(number, 1):
                taken.append(number)
                claims.note_run(number, 1, f"r{number}")
        claims.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == list(range(40))
    assert list((tmp_path / "owners").iterdir()) == []
