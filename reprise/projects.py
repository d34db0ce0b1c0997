"""The drop-in for ``mlflow.projects``: the same call and the same answer.

>>> from reprise import projects
>>> submitted = projects.run(".", parameters={"C": 0.05}, env_manager="local", synchronous=False)
>>> submitted.wait()
True

All else that a program can ask for is in ``reprise`` itself.
"""

from __future__ import annotations

from reprise.api import reproduce, run
from reprise.submitted import SubmittedRun

__all__ = ["SubmittedRun", "reproduce", "run"]
