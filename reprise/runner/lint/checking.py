"""A project checked as a whole: its files, its environment, and what keeps it from being repeated."""

from __future__ import annotations

from reprise import paths
from reprise.envs import registry as envs
from reprise.named_tuple import NamedTuple
from reprise.runner.lint import lint_project
from reprise.runner.lint.findings import LintFinding
from reprise.runner.sources import working_copy
from reprise.schemas.check import check
from reprise.schemas.loader import read_project


class CheckReport(NamedTuple):
    """The result of a check.

    ``faults`` and ``warnings`` are lines with file, line and column; ``findings`` are what makes runs hard
    to reproduce, only searched with ``strict``. ``checked`` names the checked files.
    """

    checked: str
    faults: tuple[str, ...]
    warnings: tuple[str, ...]
    findings: tuple[LintFinding, ...] = ()

    @property
    def passed(self) -> bool:
        """Return whether there are no faults and no findings."""
        return not self.faults and not self.findings


def check_project(uri: str, version: str | None = None, *, strict: bool = False) -> CheckReport:
    """Check the project at ``uri``; nothing of it is run.

    Raises:
        SourceError: it cannot be fetched.
    """
    checkout = working_copy.fetch_project(uri, version, paths.here())
    try:
        report = check(checkout.path, strict=strict)
        of_environment = envs.faults_of(read_project(checkout.path).project.environment)
        findings = lint_project(checkout) if strict else ()
    finally:
        working_copy.discard_checkout(checkout)
    return CheckReport(report.checked, (*report.faults, *of_environment), report.warnings, findings)
