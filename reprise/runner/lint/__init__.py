"""What keeps a project from being performed again exactly: found in its files, without running it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reprise.runner.lint.findings import LintFinding
    from reprise.schemas.job import Checkout

__all__ = ["lint_project"]


def lint_project(checkout: Checkout) -> tuple[LintFinding, ...]:
    """Return all findings without those silenced by ``# reprise: ignore[name]``, by kind and place.

    Files with faults are checked as far as they could be read.

    Raises:
        ProjectError: the folder does not exist.
    """
    from reprise.runner.lint import (
        code,
        dependencies,
        findings,
        ignored,
        images,
        mlproject_lines,
        outside_inputs,
        paths_in_code,
        reads,
        repository,
        seeds,
        undeclared,
    )
    from reprise.schemas.environment import DockerEnv
    from reprise.schemas.loader import read_project

    with code.without_collecting():
        project = read_project(checkout.path).project
        declared = mlproject_lines.read_declared(project)
        modules = code.parse_modules(checkout.path)
        root = checkout.repository.root if checkout.repository else checkout.path
        found = [
            *dependencies.find_unpinned(project.environment),
            *images.find_floating(declared),
            *undeclared.check_imports(project, modules.values()),
            *seeds.find_missing(project, modules),
            *outside_inputs.find_outside(declared, root),
            *repository.find_faults(checkout, declared),
            *reads.reads_of_last_run(checkout),
        ]
        if checkout.repository is not None and checkout.temporary is None:
            names = ignored.Ignored(checkout.repository, checkout.path)
            found += [*ignored.in_code(modules.values(), names), *ignored.in_commands(declared, names)]
        if not isinstance(project.environment, DockerEnv):  # in a container the image decides
            found += [*paths_in_code.in_code(modules.values()), *paths_in_code.in_commands(declared)]
        return findings.drop_silenced(found, checkout.path)
