"""What the parts of a copy share: its two ends, its tally, and how a refusal becomes a reason."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

from reprise.errors import RepriseError, TrackingError
from reprise.named_tuple import NamedTuple
from reprise.tracking.copy.census import Tally
from reprise.tracking.protocols.copying import CopySource, Destination, Fault, Note

REFUSALS = (RepriseError, OSError, ValueError)
"""What may end one step of a copy without ending the copy."""

_HOPELESS = {"TEMPORARILY_UNAVAILABLE", "UNAUTHENTICATED", "PERMISSION_DENIED"}
"""What befalls everything that is still to be copied as well."""

T = TypeVar("T")


class CopyJob(NamedTuple):
    """``say`` hears what is being done.

    Without ``with_deleted`` what is deleted in the source is passed by, unless it was copied before: then
    it is deleted in the destination as well.
    """

    source: CopySource
    destination: Destination
    tally: Tally
    artifacts: bool
    writes: bool
    with_deleted: bool
    say: Callable[[str], None]

    def iterate_readable(self, owner: str, items: Iterator[T | Fault | Note]) -> Iterator[T]:
        """The values among ``items``; the rest is reported, and so is what ends the reading early."""
        try:
            for item in items:
                if isinstance(item, Fault | Note):
                    self.tally.hear_source(item)
                else:
                    yield item
        except REFUSALS as error:
            self.tally.hear_source(
                Fault("others", owner, "", f"the rest cannot be read: {reason_of(error)}")
            )


def reason_of(error: Exception) -> str:
    """Why a step was refused, as text. What would befall every other step too is raised again."""
    if isinstance(error, TrackingError) and error.code in _HOPELESS:
        raise error
    if isinstance(error, RepriseError):
        return error.message
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__
