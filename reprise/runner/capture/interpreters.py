"""The packages of other Pythons that ran in a run, besides that of its environment."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from reprise import paths
from reprise.errors import EnvError
from reprise.runner.capture.distributions import list_installed_for
from reprise.schemas.record.observed_record import InterpreterRecord
from reprise.schemas.record.run_record import EnvironmentRecord

log = logging.getLogger(__name__)


def with_packages(found: InterpreterRecord, environment: EnvironmentRecord | None) -> InterpreterRecord:
    """``found`` with its packages, unless they are those of the run's environment or cannot be known."""
    if is_of_environment(found, environment) or not Path(found.executable).exists():
        return found
    try:
        packages = list_installed_for(found.executable, os.environ).packages
    except (EnvError, OSError) as error:
        log.debug("%s: %s", found.executable, error)
        return found
    return found._replace(packages={item.name: item.version for item in packages})


def is_of_environment(found: InterpreterRecord, environment: EnvironmentRecord | None) -> bool:
    """Whether the record of the environment says what the interpreter had."""
    if environment is None:
        return False
    if environment.executable is not None:  # of the manager local
        return Path(found.prefix) == Path(environment.executable).parent.parent
    return Path(found.prefix).is_relative_to(paths.cache_dir())
