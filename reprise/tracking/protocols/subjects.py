"""What a store may leave out, and how it says so."""

from __future__ import annotations

from enum import Enum

from reprise.errors import TrackingError


class Subject(Enum):
    """What a store may leave out; the value is the word of its error."""

    MODELS = "models"
    TRACES = "traces"
    EVALUATION = "evaluation datasets"
    WEBHOOKS = "webhooks"
    SWEEPS = "sweeps"


def not_kept(subject: Subject) -> TrackingError:
    """The error of each verb that a store inherits from the protocol of a subject that it leaves out."""
    return TrackingError(f"This store keeps no {subject.value}", code="NOT_IMPLEMENTED")
