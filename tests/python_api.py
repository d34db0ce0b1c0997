"""The part of ``docs/reference/python-api.md`` that is made of docstrings.

``.venv/bin/python -m tests.python_api`` writes it.
"""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import reprise

PAGE = Path(__file__).resolve().parents[1] / "docs" / "reference" / "python-api.md"
FUNCTIONS = ("run", "reproduce", "verify", "diff", "check", "lock", "bundle", "runs", "to_dataframe")
CLASSES = ("Store", "SubmittedRun")
VALUES = (
    "Verdict",
    "Reproduction",
    "RunDifferences",
    "CheckReport",
    "ProjectLock",
    "BundleFile",
    "Run",
    "Outcome",
)
ERRORS = ("RepriseError", "RunFailed")
MODULES = ("errors", "projects")

MARK = "<!-- From here on this page is made of the docstrings: python -m tests.python_api -->\n"


class Documentation(NamedTuple):
    """A docstring in its parts; ``sections`` maps ``Args``, ``Returns``, ``Raises`` and ``Example``."""

    text: str
    sections: dict[str, str]

    def entries(self, section: str) -> dict[str, str]:
        """``name: text`` by name, each on one line."""
        found = re.split(r"^(?=\S)", self.sections.get(section, ""), flags=re.MULTILINE)
        pairs = (" ".join(entry.split()).partition(": ") for entry in found if entry.strip())
        return {name: text for name, _, text in pairs}


def read_documentation(value: Any) -> Documentation:
    text, *parts = re.split(
        r"^(Args|Returns|Raises|Example):\n", inspect.getdoc(value) or "", flags=re.MULTILINE
    )
    pairs = zip(parts[::2], parts[1::2], strict=True)
    return Documentation(text.strip(), {name: textwrap.dedent(body) for name, body in pairs})


def own_members(value: type) -> list[str]:
    """The public methods and properties that a class has itself, in their order."""
    return [
        name
        for name, member in vars(value).items()
        if not name.startswith("_") and (inspect.isfunction(member) or isinstance(member, property))
    ]


def _in_markdown(text: str) -> str:
    text = re.sub(r":\w+:`~?([\w.]+)`", r"`\1`", text)
    return re.sub(r"``(.+?)``", r"`\1`", text)


def _in_cell(text: str) -> str:
    return _in_markdown(text).replace("|", "\\|")


def _signature(name: str, function: Any) -> str:
    parameters = [item for item in inspect.signature(function).parameters.values() if item.name != "self"]
    shown: list[str] = []
    is_named = False
    for item in parameters:
        if item.kind is item.KEYWORD_ONLY and not is_named:
            shown, is_named = [*shown, "*"], True
        shown.append(("**" if item.kind is item.VAR_KEYWORD else "") + _shown(item))
    joined = f"{name}({', '.join(shown)})"
    lines = "".join(f"    {item},\n" for item in shown)
    return joined if len(joined) <= 100 else f"{name}(\n{lines})"


def _shown(item: inspect.Parameter) -> str:
    return item.name if item.default is item.empty else f"{item.name}={item.default!r}"


def _arguments(function: Any, documentation: Documentation) -> Iterator[str]:
    texts = documentation.entries("Args")
    if not texts:
        return
    parameters = inspect.signature(function).parameters
    yield "\n| argument | type | |\n|---|---|---|\n"
    for name, text in texts.items():
        yield f"| `{name}` | `{_in_cell(str(parameters[name].annotation))}` | {_in_cell(text)} |\n"


def _rest(documentation: Documentation) -> Iterator[str]:
    if returns := documentation.sections.get("Returns"):
        yield f"\nReturns: {_in_markdown(' '.join(returns.split()))}\n"
    if raises := documentation.entries("Raises"):
        yield "\n| raises | when |\n|---|---|\n"
        yield from (f"| `{name}` | {_in_cell(text)} |\n" for name, text in raises.items())
    if example := documentation.sections.get("Example"):
        yield f"\n```python\n{example.strip()}\n```\n"


def _function(name: str, value: Any) -> Iterator[str]:
    documentation = read_documentation(value)
    yield f"\n## reprise.{name}\n\n```python\nreprise.{_signature(name, value)}\n```\n"
    yield f"\n{_in_markdown(documentation.text)}\n"
    yield from _arguments(value, documentation)
    yield from _rest(documentation)


def _class(name: str, value: type) -> Iterator[str]:
    documentation = read_documentation(value)
    yield f"\n## reprise.{name}\n\n{_in_markdown(documentation.text)}\n"
    if "Args" in documentation.sections:
        yield from _arguments(value, documentation)
    yield from _rest(documentation)
    yield f"\n| of {_article(name)} `{name}` | |\n|---|---|\n"
    for member in own_members(value):
        function = vars(value)[member]
        is_property = isinstance(function, property)
        text = read_documentation(function).text.replace("\n", " ")
        shown = member if is_property else " ".join(_signature(member, function).split())
        yield f"| `{shown}` | {_in_cell(text)} |\n"


def _article(name: str) -> str:
    return "an" if name[0] in "AEIO" else "a"


def _value(name: str, value: type) -> Iterator[str]:
    documentation = read_documentation(value)
    yield f"\n## reprise.{name}\n\n{_in_markdown(documentation.text)}\n"
    yield "\n| field | type |\n|---|---|\n"
    for field, kind in value.__annotations__.items():
        yield f"| `{field}` | `{_in_cell(str(kind))}` |\n"
    for member in own_members(value):
        text = read_documentation(vars(value)[member]).text.replace("\n", " ")
        yield f"| `{member}` | {_in_cell(text) or 'a property'} |\n"


def _error(name: str, value: type) -> Iterator[str]:
    yield f"\n## reprise.{name}\n\n{_in_markdown(read_documentation(value).text)}\n"


def make_page() -> str:
    """The page as it is to be: what is written by hand, and then a section for each public name."""
    written, mark, _ = PAGE.read_text(encoding="utf-8").partition(MARK)
    parts = [written, mark]
    for kind, names in ((_function, FUNCTIONS), (_class, CLASSES), (_value, VALUES), (_error, ERRORS)):
        for name in names:
            parts += kind(name, getattr(reprise, name))
    return "".join(parts)


if __name__ == "__main__":
    PAGE.write_text(make_page(), encoding="utf-8")
