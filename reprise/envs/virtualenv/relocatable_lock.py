"""A lock for a copy of the project that goes again: nothing of its environment is linked to a folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from reprise.envs.project_files import local_projects
from reprise.envs.virtualenv import resolving
from reprise.errors import EnvError
from reprise.schemas.environment import Lock


def unlink_lock(lock: Lock, root: Path) -> Lock:
    """``lock`` with its local projects taken from ``root``, those that were editable installed as they are.

    Raises:
        EnvError: one of them does not match the lock.
    """
    facts: dict[str, Any] = json.loads(lock.text) if '"local"' in lock.text else {}
    local = facts.get("local", ())
    if not any(project["editable"] for project in local):
        return lock._replace(root=root)
    if changed := resolving.find_changed_project(lock.text, root):
        raise EnvError(f"the environment installs {changed} of the project, which does not match the lock")
    facts["requirements"] = [line.removeprefix("-e ") for line in facts["requirements"]]
    facts["local"] = [_copy_project(project, root) for project in local]
    facts.pop("root", None)
    return lock._replace(text=json.dumps(facts, indent=1) + "\n", root=root)


def _copy_project(project: dict[str, Any], root: Path) -> dict[str, Any]:
    """``linked`` is the digest of the linked project, used to compare the two."""
    if not project["editable"]:
        return project
    digest = local_projects.digest_project(root / project["path"], editable=False)
    return {**project, "editable": False, "digest": digest, "linked": project["digest"]}
