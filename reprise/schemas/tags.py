"""The names of the tags on a run: MLflow's, which its UI shows, and ours."""

from __future__ import annotations

USER = "mlflow.user"
RUN_NAME = "mlflow.runName"
PARENT_RUN_ID = "mlflow.parentRunId"
SOURCE_NAME = "mlflow.source.name"
SOURCE_TYPE = "mlflow.source.type"
GIT_COMMIT = "mlflow.source.git.commit"
GIT_BRANCH = "mlflow.source.git.branch"
GIT_REPO_URL = "mlflow.source.git.repoURL"
ENTRY_POINT = "mlflow.project.entryPoint"
PROJECT_ENV = "mlflow.project.env"
PROJECT_BACKEND = "mlflow.project.backend"

CAPTURE_INCOMPLETE = "reprise.capture.incomplete"
COMMAND = "reprise.command"
COPIED_FROM = "reprise.copied_from"
COPIED_STATE = "reprise.copied_state"
COPIED_TIMES = "reprise.copied_times"
COPY_INCOMPLETE = "reprise.copy.incomplete"
CPU_SECONDS = "reprise.cpu_seconds"
DIRTY = "reprise.git.dirty"
ENV_DIGEST = "reprise.env.digest"
ENV_NOTES = "reprise.env.notes"
EXIT_CODE = "reprise.exit_code"
JOB = "reprise.job"
MOVED_FROM = "reprise.experiment.moved_from"
PEAK_MEMORY = "reprise.peak_memory"
REASON = "reprise.reason"
REPRODUCES = "reprise.reproduces"
REUSES = "reprise.reuses"
SANDBOX = "reprise.sandbox"
VARIES = "reprise.varies"
VERDICT = "reprise.verdict"
VERSION = "reprise.version"


def is_own(name: str) -> bool:
    """Whether a tag is of the run's script or its user, and not of MLflow or reprise."""
    return not name.startswith(("mlflow.", "reprise."))
