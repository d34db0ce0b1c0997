"""Entry points whose code draws random numbers that nothing seeds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from reprise.runner.lint import draws
from reprise.runner.lint.code import Module, run_by
from reprise.runner.lint.findings import LintFinding
from reprise.schemas.project import EntryPoint, Project

NAME = "no-seed"
_REASON = "each run draws different numbers, which no record can restore"
_SEEDING = {
    "random": "random.seed(seed)",
    "numpy": "numpy.random.seed(seed)",
    "torch": "torch.manual_seed(seed)",
    "tensorflow": "tensorflow.random.set_seed(seed)",
}
_WORDS = ("seed", "random_state", "random-state")


def find_missing(project: Project, known: Mapping[str, Module]) -> Iterator[LintFinding]:
    """A finding for each draw that is not seeded, once for all the entry points that run it."""
    found: dict[tuple[str, int], LintFinding] = {}
    for entry_point in project.entry_points.values():
        for draw in draws.find_unseeded(run_by(entry_point, project.root, known)):
            found.setdefault((draw.module.path, draw.line), _make_finding(draw, entry_point))
    if not project.entry_points:
        for module in known.values():
            for draw in draws.find_unseeded([module]):
                found.setdefault((module.path, draw.line), _make_finding(draw, None))
    yield from found.values()


def seed_parameter(entry_point: EntryPoint) -> str | None:
    """The parameter that is meant to be a seed."""
    return next(
        (name for name in entry_point.parameters if any(word in name.lower() for word in _WORDS)), None
    )


def _make_finding(draw: draws.Draw, entry_point: EntryPoint | None) -> LintFinding:
    source = f"the generator of {draw.library}" if draw.library else "it"
    what = f"{draw.name}() draws random numbers, and nothing seeds {source}"
    own = f"{draw.name}(seed)" if draw.library is None else _SEEDING[draw.library]
    fix = f"call {own} first"
    if entry_point is None:
        return LintFinding(NAME, draw.module.path, draw.line, what, _REASON, fix)
    parameter = seed_parameter(entry_point)
    if parameter is None:
        what += f"; entry point {entry_point.name} has no seed parameter"
        fix = f"declare a parameter seed (type int, with a default) in {entry_point.name}, and {fix}"
    else:
        fix += f", with the value of the parameter {parameter}"
    return LintFinding(NAME, draw.module.path, draw.line, what, _REASON, fix)
