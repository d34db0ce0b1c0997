"""``--as-of``: the time up to which packages are taken."""

from __future__ import annotations

import re

from reprise.errors import UsageError
from reprise.schemas.job import Checkout

COMMIT = "commit"

# Patterns stay text: most runs have no date.
_DAY = r"\d{4}-\d\d-\d\d"
_ZONE = r"[T ]\d\d:\d\d.*(?:[Zz]|[+-]\d\d:?\d\d)$"
_HINT = "write YYYY-MM-DD, a time as 2024-05-17T12:00:00Z, or commit for the date of the project's commit"


def read_as_of(text: str) -> str:
    """Return ``text`` as RFC 3339 in UTC; a date includes the whole day. ``commit`` is resolved with the
    checkout.

    Raises:
        UsageError: it is not a time, or in the future.
    """
    from datetime import UTC, date, datetime, timedelta

    text = text.strip()
    if text == COMMIT:
        return text
    now = datetime.now(UTC)
    try:
        if re.fullmatch(_DAY, text):
            day = date.fromisoformat(text)
            coming = day > max(now.date(), date.today())
            moment = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)
        elif re.search(_ZONE, text):
            moment = datetime.fromisoformat(text).astimezone(UTC)
            coming = moment > now
        else:
            raise ValueError("it has no time zone")
    except (ValueError, OverflowError):
        raise UsageError(f'--as-of "{text}" is not a date', hint=_HINT) from None
    if coming:
        raise UsageError(
            f"--as-of {text} is in the future", hint="use a time in the past, or remove the option"
        )
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def resolve_as_of(text: str | None, checkout: Checkout) -> str | None:
    """The time that ``read_as_of`` gave, or for ``commit`` the committer's date of the checkout.

    Raises:
        UsageError: the project is not a git checkout.
    """
    if text != COMMIT:
        return text
    from datetime import UTC, datetime

    from reprise.runner.vcs import repositories

    repository = checkout.repository
    if repository is None or repository.commit is None:
        raise UsageError(f"--as-of commit: {checkout.name} has no commit", hint="use a date")
    shown = repositories.ask_git(repository.root, "rev-list", "--no-walk", "--timestamp", repository.commit)
    seconds, _, commit = shown.text.strip().partition(" ")
    if commit != repository.commit:
        raise UsageError(f"--as-of commit: git does not know the date of {repository.commit}")
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
