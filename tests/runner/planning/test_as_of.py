"""--as-of: what is a date, and which one a commit has."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from reprise.errors import UsageError
from reprise.runner.planning import as_of
from reprise.runner.sources import working_copy
from reprise.schemas.job import Checkout
from tests.fakes.repositories import git, make


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("2021-03-04", "2021-03-05T00:00:00Z"),
        (" 2021-12-31 ", "2022-01-01T00:00:00Z"),
        ("2021-03-04T05:06:07Z", "2021-03-04T05:06:07Z"),
        ("2021-03-04T05:06:07.5+02:00", "2021-03-04T03:06:07Z"),
        ("commit", "commit"),
    ],
)
def test_a_day_counts_whole_and_times_are_in_utc(written: str, read: str) -> None:
    assert as_of.read_as_of(written) == read
    assert as_of.read_as_of(read) == read


def test_today_is_a_date() -> None:
    assert as_of.read_as_of(date.today().isoformat()) > date.today().isoformat()


@pytest.mark.parametrize(
    "written", ["", "yesterday", "2021-13-01", "20210304", "2021-03-04T05:06:07", "0001-01-01T00:00+10:00"]
)
def test_what_is_no_date(written: str) -> None:
    with pytest.raises(UsageError, match="is not a date") as caught:
        as_of.read_as_of(written)
    assert "YYYY-MM-DD" in (caught.value.hint or "")


def test_the_future_is_refused() -> None:
    for written in ("2999-01-01", (datetime.now(UTC) + timedelta(hours=2)).isoformat()):
        with pytest.raises(UsageError, match="is in the future"):
            as_of.read_as_of(written)


def test_a_commit_has_the_date_of_its_committer(
    house: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_AUTHOR_DATE", "2001-01-01T00:00:00Z")
    monkeypatch.setenv("GIT_COMMITTER_DATE", "2021-03-04T05:06:07+02:00")
    folder = make(tmp_path / "repository", {"MLproject": "name: x\n"})
    git(folder, "add", ".")
    git(folder, "commit", "--allow-empty", "-q", "-m", "now")
    for uri, version in ((str(folder), None), (str(folder), git(folder, "rev-parse", "HEAD"))):
        checkout = working_copy.fetch_project(uri, version, tmp_path)
        assert as_of.resolve_as_of("commit", checkout) == "2021-03-04T03:06:07Z"
        working_copy.discard_checkout(checkout)


def test_a_folder_without_commits_has_no_date(tmp_path: Path) -> None:
    checkout = Checkout(tmp_path, str(tmp_path))
    assert as_of.resolve_as_of(None, checkout) is None
    assert as_of.resolve_as_of("2021-03-05T00:00:00Z", checkout) == "2021-03-05T00:00:00Z"
    with pytest.raises(UsageError, match="has no commit"):
        as_of.resolve_as_of("commit", checkout)
