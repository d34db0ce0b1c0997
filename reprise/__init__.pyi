# The names of __init__.py for type checkers, which it loads when they are used.
from reprise import errors as errors
from reprise import projects as projects
from reprise.api import bundle, check, diff, lock, reproduce, run, runs, verify
from reprise.dataframe import to_dataframe
from reprise.errors import RepriseError, RunFailed
from reprise.runner.bundle.make_bundle import BundleFile
from reprise.runner.lint.checking import CheckReport
from reprise.runner.locks import ProjectLock
from reprise.runner.reproducing.reproduce import Reproduction
from reprise.runner.verdict.changes import RunDifferences
from reprise.runner.verdict.values import Verdict
from reprise.schemas.entities import Run
from reprise.schemas.job import Outcome
from reprise.store import Store
from reprise.submitted import SubmittedRun

__version__: str
__all__ = [
    "BundleFile",
    "CheckReport",
    "Outcome",
    "ProjectLock",
    "RepriseError",
    "Reproduction",
    "Run",
    "RunDifferences",
    "RunFailed",
    "Store",
    "SubmittedRun",
    "Verdict",
    "bundle",
    "check",
    "diff",
    "errors",
    "lock",
    "projects",
    "reproduce",
    "run",
    "runs",
    "to_dataframe",
    "verify",
]
