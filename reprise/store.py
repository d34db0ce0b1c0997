"""A store of runs that stays open: what a program does with many runs, it does with one of these."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, Unpack

from reprise import paths
from reprise.call import (
    RunOptions,
    as_texts,
    find_client_store,
    make_run_request,
    our_python,
    read_tolerance,
    require_list,
)
from reprise.errors import UsageError
from reprise.runner.planning.request import is_offline
from reprise.runner.runs.open_run import missing_store
from reprise.runner.runs.reap import reap
from reprise.schemas.job import Sandbox
from reprise.startup import occupy_standard_descriptors
from reprise.submitted import SubmittedRun, submit
from reprise.tracking.base import Tracking
from reprise.tracking.registry import make_absolute, open_tracking

if TYPE_CHECKING:
    from reprise.runner.bundle.make_bundle import BundleFile
    from reprise.runner.reproducing.reproduce import Reproduction
    from reprise.runner.verdict.changes import RunDifferences
    from reprise.runner.verdict.values import Verdict
    from reprise.schemas.entities import Run

MAX_INPUT = 100_000_000
"""Bytes; a larger input is left out of a bundle unless the user wants it."""


class Store:
    """A tracking store that stays open over many runs; a context manager.

    The functions of ``reprise`` open and close their store each time; in a loop this is cheaper. The
    methods take the arguments of the functions of the same name, except ``tracking_uri``. Not thread-safe.

    Args:
        uri: a folder, the ``http(s)://`` URI of an MLflow server, or any other MLflow tracking URI.
            None: that of the mlflow client of this process, else ``MLFLOW_TRACKING_URI``, else the nearest
            ``mlruns`` folder, in the working directory or above. The first run creates a missing folder.

    Raises:
        TrackingError: ``uri`` cannot be a store.

    Example:
        >>> import reprise
        >>> with reprise.Store("mlruns") as store:
        ...     for C in (0.1, 1.0):
        ...         submitted = store.run(".", parameters={"C": C}, env_manager="local")
        ...     [run.params["C"] for run in store.runs(order_by=["params.C"])]
        ['0.1', '1.0']
    """

    def __init__(self, uri: str | Path | None = None) -> None:
        occupy_standard_descriptors()
        given = str(uri) if uri else find_client_store() or os.environ.get("MLFLOW_TRACKING_URI") or None
        here = paths.here_or_gone()
        self._tracking = open_tracking(given, here)
        self._address = make_absolute(given, here)
        self._is_open = True

    @property
    def uri(self) -> str:
        """The tracking URI, without user and password."""
        return self._tracking.uri

    def run(
        self,
        uri: str,
        entry_point: str = "main",
        *,
        synchronous: bool = True,
        **options: Unpack[RunOptions],
    ) -> SubmittedRun:
        """Run a project, and record it here. See :func:`reprise.run`."""
        tracking = self._require_open()
        request = make_run_request(uri, entry_point, self._address, **options)
        return submit(request, tracking, synchronous=synchronous)

    def reproduce(
        self,
        run: str,
        *,
        parameters: Mapping[str, Any] | None = None,
        tolerance: float | Path | None = None,
        strict: bool = False,
        keep: bool = False,
        offline: bool = False,
        key: Path | None = None,
        any_machine: bool = False,
        sandbox: bool = False,
        network: bool = True,
    ) -> Reproduction:
        """Perform a recorded run again, and compare the two. See :func:`reprise.reproduce`."""
        from reprise.runner.reproducing import reproduce as runner
        from reprise.runner.reproducing.restore_run import WantedReproduction

        allowed = read_tolerance(tolerance, strict=strict)
        wanted = WantedReproduction(
            as_texts(parameters),
            is_offline(offline),
            any_machine,
            current_python=our_python(),
            sandbox=Sandbox.from_options(sandbox, network),
        )
        return runner.reproduce(self._require_open(), str(run), wanted, allowed, keep=keep, key=key)

    def verify(
        self, a: str, b: str, *, tolerance: float | Path | None = None, strict: bool = False
    ) -> Verdict:
        """Say whether run ``b`` came out as run ``a`` did. See :func:`reprise.verify`."""
        from reprise.runner.verdict import verify_runs

        return verify_runs(self._require_runs(), a, b, read_tolerance(tolerance, strict=strict))

    def diff(self, a: str, b: str, *, everything: bool = False) -> RunDifferences:
        """Return the differences between two runs. See :func:`reprise.diff`."""
        from reprise.runner.verdict import diff_runs

        return diff_runs(self._require_runs(), a, b, everything=everything)

    def bundle(
        self,
        run: str,
        output: Path | None = None,
        *,
        with_packages: bool = False,
        max_input: int | str = MAX_INPUT,
        sign: Path | None = None,
        offline: bool = False,
    ) -> BundleFile:
        """Put a run into one file. See :func:`reprise.bundle`."""
        from reprise.runner.bundle import make_bundle
        from reprise.units import read_size

        most = read_size("max_input", max_input) if isinstance(max_input, str) else max_input
        wanted = make_bundle.WantedBundle(with_packages, most, sign, is_offline(offline))
        return make_bundle.make_bundle(self._require_runs(), run, Path(output) if output else None, wanted)

    def runs(
        self,
        *,
        experiment: str | None = None,
        filter: str = "",
        order_by: Sequence[str] = (),
        limit: int | None = None,
        deleted: bool = False,
    ) -> list[Run]:
        """Find runs, newest first. See :func:`reprise.runs`."""
        from reprise.runner.jobs.listing import list_runs, name_searched_experiments

        if limit is not None and limit < 0:
            raise UsageError(f"limit is {limit}", hint="a number from 0 on, or None for all")
        order_by = require_list("order_by", order_by)
        tracking = self._require_runs()
        experiments = list(name_searched_experiments(tracking, experiment, deleted=deleted))
        return list_runs(
            tracking, experiments, filter=filter, order_by=order_by, limit=limit, deleted=deleted
        )

    def get_run(self, run: str) -> Run:
        """The run with this id, the start of one, or ``@last``.

        Raises:
            UsageError: there is none, or the start is that of several.
        """
        from reprise.runner.jobs.find import find_run

        return find_run(self._require_runs(), str(run))

    def close(self) -> None:
        """Close the store; no effect on a closed store. Running runs are not affected."""
        if self._is_open:
            self._is_open = False
            self._tracking.close()

    def __enter__(self) -> Self:
        self._require_open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Store {self.uri}{'' if self._is_open else ', closed'}>"

    def _require_open(self) -> Tracking:
        if not self._is_open:
            raise UsageError(f"the store {self.uri} is closed", hint="reprise.Store(uri) opens it again")
        return self._tracking

    def _require_runs(self) -> Tracking:
        """The store that is there, with the runs closed whose watchers have died."""
        tracking = self._require_open()
        if not tracking.exists:
            raise missing_store(tracking)
        reap(tracking)
        return tracking
