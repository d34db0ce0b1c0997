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

COMMAND = "reprise.command"
DIRTY = "reprise.git.dirty"
ENV_DIGEST = "reprise.env.digest"
EXIT_CODE = "reprise.exit_code"
JOB = "reprise.job"
MOVED_FROM = "reprise.experiment.moved_from"
REASON = "reprise.reason"
VERSION = "reprise.version"
