"""The embedded store for a run: what no run needs is loaded by the first verb of it.

Most runs end before that, and the modules of models, traces and pages cost as much as a bare Python.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reprise.tracking.sqlite.run_store import RunsOfStore

if TYPE_CHECKING:
    from reprise.tracking.artifacts.files import Artifacts
    from reprise.tracking.sqlite.store import EmbeddedStore


class LazyStore(RunsOfStore):
    """Satisfies ``Tracking`` with the verbs of ``EmbeddedStore``."""

    @property
    def own_store(self) -> EmbeddedStore:
        """The whole store, over the same open database."""
        from reprise.tracking.sqlite.store import EmbeddedStore

        return EmbeddedStore.of_runs(self)

    def artifacts_of(self, owner: str) -> Artifacts:
        return self.own_store.artifacts_of(owner) if owner.startswith("m-") else super().artifacts_of(owner)

    def __getattr__(self, name: str) -> Any:
        """The verbs of other subjects."""
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self.own_store, name)
