"""``reprise run --dry-run``: the plan of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reprise.cli import show

if TYPE_CHECKING:
    from reprise.runner.planning.plan import Plan
    from reprise.schemas.job import RunRequest
    from reprise.tracking.base import Tracking


def show_plan(request: RunRequest, tracking: Tracking, json_: bool) -> None:
    """Check everything, and print what the run would do."""
    from reprise.runner.planning.plan import make_plan
    from reprise.runner.sources import working_copy

    plan = make_plan(request, tracking)
    try:
        facts = _facts(plan, tracking)
    finally:
        working_copy.discard_checkout(plan.checkout)
    if json_:
        show.as_json(facts)
        return
    for title, value in facts.items():
        if isinstance(value, dict):
            show.pairs(title, ((name, str(text)) for name, text in value.items()))
        elif value is not None:
            show.pairs(title, [(str(value), "")])


def _facts(plan: Plan, tracking: Tracking) -> dict[str, Any]:
    """Return the plan by title, in the order of execution."""
    from reprise.runner.planning.bind import MASK
    from reprise.runner.planning.plan import python_of
    from reprise.runner.runs.lifecycle import planned_tags

    repository = plan.checkout.repository
    return {
        "project": plan.project.name,
        "source": plan.checkout.name,
        "commit": repository.commit if repository else None,
        "branch": repository.branch if repository else None,
        "uncommitted changes": repository.dirty if repository else None,
        "entry point": plan.entry_point.name,
        "environment": f"{plan.env_manager} ({plan.project.environment_reason})",
        "python": python_of(plan),
        "command": plan.shown_command,
        "parameters": {
            item.name: f"{MASK if item.secret else item.text}  ({item.source})"
            for item in plan.invocation.parameters
        },
        "tracking": tracking.uri,
        "tags": planned_tags(plan),
    }
