"""``reprise env``: the environments of the cache, and those of runs."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import click

from reprise.cli import show
from reprise.cli.env_inside import exec_, shell
from reprise.cli.env_prune import prune
from reprise.cli.options import json_option, opened, refused_python, tracking_option
from reprise.errors import EnvError, UsageError
from reprise.legible import make_legible

if TYPE_CHECKING:
    from reprise.envs.cache.inventory import CachedEnvironment
    from reprise.schemas.environment import Package

_SHORT = 12  # digits of a digest
_LONGEST = 30  # characters of a title
_WORD_HELP = "ENV is a name or a digest prefix; RUN is a run id or its prefix, or @last."


@click.group()
def env() -> None:
    """List, inspect, compare, enter, verify and remove environments."""


env.add_command(exec_)
env.add_command(shell)
env.add_command(prune)


@env.command("list")
@json_option
def list_(json_: bool) -> None:
    """List the environments in the cache, most recently used first. Docker images are not included."""
    from reprise.envs.cache import inventory
    from reprise.progress import spinner

    with spinner("Measuring environments"):
        facts = [_facts(entry) for entry in inventory.list_entries()]
    if json_:
        show.as_json(facts)
        return
    head = ("DIGEST", "PROJECT", "MANAGER", "PYTHON", "PACKAGES", "SIZE", "LAST USE", "")
    show.table(head, [_row(item) for item in facts])


@env.command("show", help=f"Show the interpreter and all packages of an environment. {_WORD_HELP}")
@click.argument("word", metavar="ENV|RUN")
@click.option("--lock", "lock_", is_flag=True, help="Print the text of the lock.")
@tracking_option
@json_option
def show_(word: str, lock_: bool, tracking_uri: str | None, json_: bool) -> None:
    from reprise.envs import registry
    from reprise.envs.cache import inventory
    from reprise.runner.restore.environments import find_environment

    if lock_ and json_:
        raise UsageError("--lock prints the lock as it is and cannot be combined with --json")
    found = find_environment(word, partial(opened, tracking_uri))
    if lock_:
        click.echo(make_legible(found.lock.text), nl=False)
        return
    packages = registry.MANAGERS[found.lock.manager].packages(found.lock)
    entry = next((item for item in inventory.list_entries() if item.prefix == found.prefix), None)
    if json_:
        about = {"manager": found.lock.manager, "digest": found.lock.digest, "path": found.prefix}
        show.as_json({**about, **(_facts(entry) if entry else {}), "packages": packages})
        return
    told = {
        "manager": found.lock.manager,
        "digest": found.lock.digest,
        "folder": str(found.prefix) if found.prefix else _absence(found.lock.manager),
    }
    if entry is not None:
        told |= {
            "created": show.ago(entry.marker.created),
            "last use": show.ago(int(entry.last_use * 1000)),
            "size": show.size(inventory.measure_folder(entry.prefix).total),
            "projects": ", ".join(entry.projects),
            "stores": "\n".join(dict.fromkeys(user.store for user in entry.users if user.store)),
        }
    show.pairs(found.title, [(name, value) for name, value in told.items() if value])
    show.table(("PACKAGE", "VERSION", "KIND", "BUILD", "HASH", "FROM"), map(_package_row, packages))


@env.command("diff", help=f"Compare the packages of A and B: ENV, RUN or a lock file. {_WORD_HELP}")
@click.argument("a", metavar="A")
@click.argument("b", metavar="B")
@tracking_option
@json_option
def diff(a: str, b: str, tracking_uri: str | None, json_: bool) -> None:
    from reprise.envs.difference import compare_packages
    from reprise.runner.restore.environments import list_packages

    of_a = list_packages(a, partial(opened, tracking_uri))
    of_b = list_packages(b, partial(opened, tracking_uri))
    changes = compare_packages(of_a, of_b)
    if json_:
        show.as_json(changes)
        return
    if not changes:
        show.print_note("The packages are the same")
        return
    rows = [
        (item.kind, item.name, *(found.version if found else "" for found in (item.a, item.b)), item.note)
        for item in changes
    ]
    show.table(("", "PACKAGE", _title(a), _title(b), ""), rows)


@env.command("path", help=f"Print the folder of an environment, recreated if it was removed. {_WORD_HELP}")
@click.argument("word", metavar="ENV|RUN")
@refused_python(
    "the lock of an environment sets its Python",
    "use reprise env exec URI --python VERSION for the environment of a project with another Python",
)
@tracking_option
def path(word: str, tracking_uri: str | None) -> None:
    from reprise.envs import registry
    from reprise.runner.restore import environments

    found = environments.find_environment(word, partial(opened, tracking_uri))
    if not registry.MANAGERS[found.lock.manager].KEEPS_FOLDER:
        raise UsageError(f"{found.title} has no folder: {_absence(found.lock.manager)}")
    with environments.enter_environment(found) as environment:
        show.print_value(str(environment.prefix))


@env.command("check")
@click.argument("word", metavar="[ENV]", required=False)
@json_option
def check(word: str | None, json_: bool) -> None:
    """Verify the files of ENV, or of all environments, against the hashes of their packages.

    A damaged environment is recreated on its next use.
    """
    from reprise.envs.cache import checking, inventory
    from reprise.progress import spinner

    cached = inventory.list_entries()
    if word is not None:
        entry = inventory.find_entry(word)
        if entry is None:
            raise UsageError(f'"{word}" is not an environment in the cache', hint="reprise env list")
        cached = [entry]
    with spinner("Reading every file"):
        found = {entry.name: checking.check_entry(entry) for entry in cached}
    if json_:
        show.as_json(found)
    for name, wrong in found.items():
        said = "being made or removed" if wrong is None else "damaged" if wrong else "whole"
        show.print_note(f"{name}: {said}")
        for sentence in () if json_ else wrong or ():
            show.print_line(f"  {sentence}")
    if damaged := [name for name, wrong in found.items() if wrong]:
        raise EnvError(f"damaged: {', '.join(damaged)}", hint="each is recreated on its next use")


def _facts(entry: CachedEnvironment) -> dict[str, Any]:
    from reprise.envs.cache import contents, inventory

    size = inventory.measure_folder(entry.prefix)
    return {
        "name": entry.name,
        "path": entry.prefix,
        "manager": entry.marker.manager,
        "digest": entry.marker.digest,
        "python": entry.marker.python,
        "package_count": entry.marker.packages,
        "size": size.total,
        "own_size": size.own,
        "created": entry.marker.created,
        "last_use": int(entry.last_use * 1000),
        "projects": entry.projects,
        "stores": tuple(dict.fromkeys(user.store for user in entry.users if user.store)),
        "in_use": inventory.is_in_use(entry.prefix),
        "damage": entry.marker.ill or contents.find_change(entry.prefix, entry.marker.contents),
    }


def _row(facts: dict[str, Any]) -> tuple[str, ...]:
    state = "in use" if facts["in_use"] else ""
    if facts["damage"]:
        state = f"damaged: {facts['damage']}"
    return (
        facts["digest"][:_SHORT],
        ", ".join(facts["projects"]),
        facts["manager"],
        facts["python"],
        str(facts["package_count"]),
        show.size(facts["size"]),
        show.ago(facts["last_use"]),
        state,
    )


def _package_row(package: Package) -> tuple[str, ...]:
    hashes = [value.partition(":")[2][:_SHORT] for value in package.hashes]
    more = f" +{len(hashes) - 1}" if len(hashes) > 1 else ""
    return (
        package.name,
        package.version,
        package.kind,
        package.build,
        "".join((*hashes[:1], more)),
        package.origin,
    )


def _title(word: str) -> str:
    """Return a column's title: the word as typed, or the last part of a long word."""
    return word if len(word) <= _SHORT else word.rpartition("/")[2][:_LONGEST]


def _absence(manager: str) -> str:
    from reprise.envs.registry import find_manager

    return find_manager(manager).NOT_CACHED
