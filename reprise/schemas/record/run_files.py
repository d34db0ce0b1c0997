"""The files that reprise itself keeps with a run, below ``reprise/`` of its artifacts.

Other files there are results of the run.
"""

from __future__ import annotations

FOLDER = "reprise"

RECORD = f"{FOLDER}/run.json"
OUTPUT_LOG = f"{FOLDER}/output.log"
OUTPUT_STREAMS = f"{FOLDER}/output.streams"
ENVIRONMENT_LOG = f"{FOLDER}/environment.log"
ENVIRONMENT_LOCK = f"{FOLDER}/environment.lock"
CONTENTS = f"{FOLDER}/source/objects.tar"
VERDICT = f"{FOLDER}/verdict.json"
SWEEP_PLAN = f"{FOLDER}/sweep.json"

OWN_FILES = frozenset(
    {RECORD, OUTPUT_LOG, OUTPUT_STREAMS, ENVIRONMENT_LOG, ENVIRONMENT_LOCK, CONTENTS, VERDICT, SWEEP_PLAN}
)
