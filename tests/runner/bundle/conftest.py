"""A run that is recorded, bundled, and performed again where nothing but the bundle is."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.golden.conftest import Again, Golden, golden, index

__all__ = ["Traveller", "golden", "index", "traveller"]


class Traveller:
    """Makes runs in one place, and performs bundles of them in another, with a home of its own."""

    def __init__(self, golden: Golden, root: Path) -> None:
        self.golden = golden
        self.root = root

    def bundle(self, run_id: str, *args: str, name: str = "run.zip") -> Path:
        file = self.golden.elsewhere / name
        uri = ("--tracking-uri", str(self.golden.store))
        done = self.reprise("bundle", run_id, "-o", str(file), *uri, *args, cwd=self.golden.folder)
        assert done.returncode == 0, done.stderr
        assert done.stdout == f"{file}\n"
        return file

    def leave(self) -> None:
        """All that the run came from goes: projects, store, caches."""
        shutil.rmtree(self.golden.folder)
        self.golden.wipe()

    def again(self, file: Path, *args: str, before: tuple[str, ...] = ()) -> Again:
        """Perform the bundle in a process of its own."""
        import json

        done = self.reprise("reproduce", str(file), "--json", *args, cwd=file.parent, before=before)
        assert done.returncode in range(8), done.stderr
        return Again(done.returncode, json.loads(done.stdout) if done.stdout else {}, done.stderr)

    def reprise(
        self, *args: str, cwd: Path | None = None, before: tuple[str, ...] = ()
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*before, sys.executable, "-m", "reprise", *args],
            cwd=cwd or self.golden.elsewhere,
            env=os.environ,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )


@pytest.fixture
def traveller(golden: Golden, tmp_path: Path) -> Traveller:
    return Traveller(golden, tmp_path)
