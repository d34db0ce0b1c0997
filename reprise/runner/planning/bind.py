"""An entry point and the user's parameters become one finished command.

This is the only place that quotes. Values are text as typed: checked against the declared type, recorded
unchanged, and quoted for bash when the command is rendered.
"""

from __future__ import annotations

import shlex
import string
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeAlias

from reprise.errors import TrackingError, UsageError
from reprise.named_tuple import NamedTuple
from reprise.redact import redact
from reprise.runner.shell.filling import Unwritable, fill_command
from reprise.schemas import values
from reprise.schemas.job import BoundParameter, Invocation, ParameterSource, RunRequest
from reprise.schemas.project import EntryPoint, Parameter, Project
from reprise.tracking import validation

MASK = "******"

Localise: TypeAlias = Callable[[str, Path], Path]
"""The local path of a ``path`` parameter's value, relative to a folder (``inputs.localise``)."""


def bind_parameters(
    project: Project, entry_point: EntryPoint, request: RunRequest, localise: Localise
) -> Invocation:
    """Check every parameter and render the command.

    Declared parameters come in the order of the project file, undeclared ones after them as given.
    All faults are reported at once.

    Raises:
        UsageError: a value is missing, is not of its type, or breaks a constraint.
    """
    binder = _Binder(project, entry_point, request, localise)
    bound: list[BoundParameter] = []
    faults: list[UsageError] = []
    for name in [
        *entry_point.parameters,
        *(extra for extra in request.parameters if extra not in entry_point.parameters),
    ]:
        try:
            if (item := binder.bind_parameter(name)) is not None:
                bound.append(item)
        except UsageError as error:
            faults.append(error)
    if faults:
        help_of = (
            f"reprise run {shlex.quote(redact(request.uri))} -e {shlex.quote(entry_point.name)} --help"
        )
        hint = faults[0].hint if len(faults) == 1 and faults[0].hint else f"{help_of} shows its parameters"
        raise UsageError("\n".join(fault.message for fault in faults), hint=hint)
    return Invocation(entry_point.name, render_command(entry_point, bound), tuple(bound))


def render_command(
    entry_point: EntryPoint, bound: Iterable[BoundParameter], *, mask_secrets: bool = False
) -> str:
    """The bash text: the template filled with quoted values, then undeclared ones as ``--key value``.

    A placeholder of an optional parameter without a value becomes nothing.

    Raises:
        UsageError: a value cannot be written at its place in the command.
    """
    items = {item.name: item for item in bound}
    masked = {item.name for item in items.values() if item.secret and mask_secrets}
    texts = {name: MASK if name in masked else item.rendered for name, item in items.items()}
    parts = [(text, name) for text, name, _, _ in string.Formatter().parse(entry_point.command)]
    more = [name for name in items if name not in entry_point.parameters]
    try:
        return fill_command(parts, texts, more, masked)
    except Unwritable as error:
        raise UsageError(
            "\n".join(_refuse_value(entry_point, items[name], why) for name, why in error.reasons.items()),
            hint="a placeholder as a separate word, without quotes around it, takes any value",
        ) from None


def _refuse_value(entry_point: EntryPoint, item: BoundParameter, reason: str) -> str:
    shown = MASK if item.secret else repr(item.text)
    where = f"entry_points -> {entry_point.name} -> parameters -> {item.name}"
    return f"{where}: {shown} cannot be written where the command has it: {reason} (from {item.source})"


class _Binder(NamedTuple):
    project: Project
    entry_point: EntryPoint
    request: RunRequest
    localise: Localise

    def bind_parameter(self, name: str) -> BoundParameter | None:
        """The bound parameter; None for an optional one without a value."""
        declared = self.entry_point.parameters.get(name)
        given = name in self.request.parameters
        source = (
            self.request.sources.get(name, ParameterSource.COMMAND_LINE)
            if given
            else ParameterSource.DEFAULT
        )
        where = f"entry_points -> {self.entry_point.name} -> parameters -> {name}"
        if declared and not given and declared.default is None:
            if declared.required:
                raise UsageError(f"{where}: no value for this required parameter")
            return None
        try:
            _refuse_name(name)
            if declared and not given:  # the type of the default was judged when the project was loaded
                return self._bind_text(declared, declared.default or "", source)
            text = self.request.parameters[name]
            return (
                self._bind_declared(declared, text, source)
                if declared
                else _bind_undeclared(name, text, source)
            )
        except UsageError as error:
            if declared is None:  # the file has no such place
                raise UsageError(f"{source} {name}: {error.message}", hint=error.hint) from error
            shown = f"{MASK} is refused" if declared.secret else error.message
            raise UsageError(f"{where}: {shown} (from {source})", hint=error.hint) from error

    def _bind_declared(
        self, declared: Parameter, text: str | None, source: ParameterSource
    ) -> BoundParameter:
        if text is None and declared.type == "bool":
            text = "true"  # `-P flag` alone
        if text is None:
            raise UsageError(f"no value; write {_option_of(source)} {declared.name}=VALUE")
        if declared.type.startswith("list["):
            text = self.request.list_texts.get(declared.name, text)
        _refuse_nul(text)
        if sentence := values.find_fault(declared, text):
            raise UsageError(sentence)
        return self._bind_text(declared, text, source)

    def _bind_text(self, declared: Parameter, text: str, source: ParameterSource) -> BoundParameter:
        rendered = text
        if declared.type == "path":
            base = self.project.root if source is ParameterSource.DEFAULT else self.request.base
            rendered = str(self.localise(text, base))
        return BoundParameter(declared.name, text, rendered, source, declared.secret)


def _bind_undeclared(name: str, text: str | None, source: ParameterSource) -> BoundParameter:
    if text is None:
        raise UsageError(
            f"no value; write {_option_of(source)} {name}=VALUE (only a declared bool can go without one)"
        )
    _refuse_nul(text)
    return BoundParameter(name, text, text, source)


def _option_of(source: ParameterSource) -> ParameterSource:
    return ParameterSource.COMMAND_LINE if source is ParameterSource.CALL else source


def _refuse_name(name: str) -> None:
    """Raise UsageError before a run is created for names and values that no store can record."""
    if ".." in name.split("/"):
        raise UsageError('a name must not contain "..": params are files in some stores')
    try:
        validation.key("param", name)
    except TrackingError as error:
        raise UsageError(error.message) from error


def _refuse_nul(text: str) -> None:
    if "\0" in text:
        raise UsageError("a value with a NUL character cannot be passed to a program")
