"""What a sweep does: kept with its parent run, so that it can be continued from the store alone."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Self

from reprise.errors import TrackingError, UsageError
from reprise.named_tuple import NamedTuple
from reprise.redact import redact
from reprise.runner.planning.request import make_request
from reprise.runner.sweeps.sampling import Method, Sampler, make_sampler
from reprise.runner.sweeps.space import Dimension, dimension_of, list_samples, read_dimension
from reprise.schemas import values
from reprise.schemas.job import ParameterSource, RunRequest
from reprise.schemas.json_text import read_json
from reprise.schemas.project import EntryPoint, Parameter

VERSION = 1
GOALS = ("max", "min")


class SweepPlan(NamedTuple):
    """``varied`` is what ``-S`` said, by parameter; None: as the MLproject declares.

    ``parameters`` have one value for all trials; those that are secret are left out where the plan is kept.
    ``options`` are further arguments of :func:`make_request`, as JSON has them.
    ``seed`` decides what a random search draws. Each of ``trials`` is a run; None: all of a grid.
    ``metric`` decides which trial is the best, by ``goal``, ``max`` or ``min``.
    """

    uri: str
    base: str
    varied: Mapping[str, str | None]
    parameters: Mapping[str, str | None] = {}
    options: Mapping[str, Any] = {}
    method: str = Method.GRID
    trials: int | None = None
    seed: int = 0
    metric: str = ""
    goal: str = "max"
    version: int = VERSION

    @property
    def digest(self) -> str:
        """Equal for the same command, whatever its secrets are."""
        return hashlib.sha256(self.as_json().encode()).hexdigest()[:32]

    def as_json(self) -> str:
        return json.dumps(self._asdict(), sort_keys=True, ensure_ascii=False, indent=2)

    def without_secrets(self, secret_names: Collection[str]) -> Self:
        """Return the plan as it may be kept: without secret parameters, and credentials of the address."""
        fixed = {name: text for name, text in self.parameters.items() if name not in secret_names}
        return self._replace(uri=redact(self.uri), parameters=fixed)

    def make_request(self, setting: Mapping[str, str], **fields: Any) -> RunRequest:
        """Return the request for a run with the values of ``setting``."""
        given = {**self.parameters, **setting}
        request = make_request(
            self.uri,
            parameters=given,
            sources=dict.fromkeys(given, ParameterSource.COMMAND_LINE),
            **self.options,
            **fields,
        )
        return request._replace(base=Path(self.base))

    def make_sampler(self, entry_point: EntryPoint) -> Sampler:
        """Return the source of the settings, from ``-S`` and what the entry point declares.

        Raises:
            UsageError: a value cannot be read, or is missing.
        """
        dimensions = tuple(self._dimension(name, text, entry_point) for name, text in self.varied.items())
        return make_sampler(Method(self.method), dimensions, self.trials, self.seed)

    def _dimension(self, name: str, text: str | None, entry_point: EntryPoint) -> Dimension:
        parameter = entry_point.parameters.get(name)
        if text is not None and parameter is not None:
            dimension = read_dimension(name, text, is_float=parameter.type == "float")
            _refuse_values(parameter, dimension)
            return dimension
        if text is not None:
            return read_dimension(name, text)
        if parameter is None:
            declared = ", ".join(entry_point.parameters) or "none"
            raise UsageError(
                f"-S {name}: entry point {entry_point.name} declares no such parameter",
                hint=f"it declares {declared}; -S {name}=a,b,c lists values",
            )
        return dimension_of(parameter)


def _refuse_values(parameter: Parameter, dimension: Dimension) -> None:
    """Raise UsageError for a value that no run can have; of a range its ends are tried."""
    for text in list_samples(dimension):
        if fault := values.find_fault(parameter, text):
            raise UsageError(
                f"-S {parameter.name}: {fault}", hint="reprise run URI --help shows what it takes"
            )


def read_plan(text: bytes | str) -> SweepPlan:
    """Return the plan that :meth:`SweepPlan.as_json` has written.

    Raises:
        TrackingError: it is none, or of a later version.
    """
    try:
        fields = read_json(text)
        plan = SweepPlan(**fields)
    except (ValueError, TypeError) as error:
        raise TrackingError(f"the plan of the sweep cannot be read: {error}") from error
    if plan.version != VERSION:
        raise TrackingError(
            f"the plan of the sweep has version {plan.version}, and this reprise reads {VERSION}"
        )
    return plan
