"""How the processes of a run reach the store: through our facade, or directly."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from typing import TYPE_CHECKING

from reprise import paths
from reprise.file_lock import scratch
from reprise.server.loopback import Loopback
from reprise.tracking.registry import open_tracking

if TYPE_CHECKING:
    from reprise.tracking.base import Tracking

log = logging.getLogger(__name__)

_REGISTRY_URI = "MLFLOW_REGISTRY_URI"


@contextmanager
def open_access(
    tracking: Tracking, run_id: str, host: str, aliases: dict[str, str], *, may_remove: bool = True
) -> Iterator[Mapping[str, str]]:
    """Return the environment variables with which the run's processes log to ``tracking``, for the block.

    Args:
        host: the address at which they reach this machine.
        aliases: gets the versions that model aliases resolved to, if our facade is used.
        may_remove: whether they may delete permanently, if our facade is used.
    """
    environ = tracking.environ(run_id)
    if environ is not None:
        yield environ
        return
    with Loopback.start(tracking, run_id, host, may_remove=may_remove) as loopback:
        yield loopback.environ
    aliases.update(loopback.aliases)


@contextmanager
def open_confined_access(
    tracking: Tracking,
    run_id: str,
    experiment_id: str,
    host: str,
    since: int,
    aliases: Mapping[str, str],
    notes: list[str],
) -> Iterator[Mapping[str, str]]:
    """Like :func:`open_access`, for a run that only changes itself in ``tracking``.

    Args:
        since: the start of the original run, in ms since the epoch: the registry has its state of that
            time.
        aliases: the versions of aliases at that time, by their address, as far as known.
        notes: gets a sentence for each change that was not made.
    """
    from reprise.tracking.rest.store import RestTracking

    served = tracking if isinstance(tracking, RestTracking) else tracking.own_store
    if served is None:
        log.warning(
            "The run logs to %s directly: other changes by its script there are permanent",
            tracking.uri,
        )
        yield tracking.environ(run_id) or {}
        return
    from reprise.server.confined.ledger import Ledger
    from reprise.server.confined.loopback import ConfinedLoopback

    ledger = Ledger(run_id, experiment_id)
    with ExitStack() as stack:
        folder = stack.enter_context(scratch())
        loopback = stack.enter_context(
            ConfinedLoopback(
                served,
                run_id,
                host,
                ledger=ledger,
                registry=_open_registry(tracking, stack),
                since=since,
                aliases=aliases,
                folder=folder / "registry",
            )
        )
        yield loopback.serve().environ
    if ledger.notes:
        log.info("Not changed: %s", "; ".join(ledger.notes))
    notes += ledger.notes


def _open_registry(tracking: Tracking, stack: ExitStack) -> Tracking:
    """Where the user's settings say that models are registered; the store of runs if they do not."""
    uri = os.environ.get(_REGISTRY_URI)
    if not uri or uri.rstrip("/") == tracking.uri:
        return tracking
    return stack.enter_context(closing(open_tracking(uri, paths.here())))
