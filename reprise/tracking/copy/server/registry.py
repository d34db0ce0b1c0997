"""How registered models and their aliases are pushed to an MLflow server."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from reprise.errors import TrackingError
from reprise.schemas.entities import RegisteredModel
from reprise.schemas.tags import COPIED_FROM
from reprise.tracking.copy import marks
from reprise.tracking.copy.server.base import ServerEnd
from reprise.tracking.merging.fields import changes_of, kept_of, with_tags
from reprise.tracking.merging.merge import merge_fields
from reprise.tracking.protocols.copying import KeptAsItWas, Put
from reprise.tracking.rest import shapes as shapes

_ALIAS = "alias "
_PATH = "registered-models"


class PushedRegistry(ServerEnd):
    def put_registered_model(self, model: RegisteredModel) -> Put:
        """Make it, or bring the one that was pushed up to date; one that others made there is left."""
        here = self._find_registered(model.name)
        theirs = _fields_of(model)
        call = self.tracking.connection.call
        if here is None:
            times = marks.Times(model.creation_time, model.last_update_time)
            tags = {**model.tags, **marks.marks_of(_identity_of(model), {}, times)}
            body = {"name": model.name, "description": model.description, "tags": shapes.pairs(tags)}
            call("POST", f"{_PATH}/create", json=body, repeatable=False)
            return Put(model.name, is_new=True)
        if here.tags.get(COPIED_FROM) != _identity_of(model):
            raise TrackingError("the server has another model of this name", code="RESOURCE_ALREADY_EXISTS")
        merge = merge_fields(
            theirs, _fields_of(original_registered_model(here)), marks.said_before(here.tags)
        )
        changes = changes_of(merge)
        if "description" in changes.facts:
            body = {"name": model.name, "description": model.description}
            call("PATCH", f"{_PATH}/update", json=body)
        self._change_model_tags(model.name, changes.tags)
        return Put(model.name, kept=kept_of("models", merge))

    def find_registered_model(self, model: RegisteredModel) -> RegisteredModel | None:
        here = self._find_registered(model.name)
        if here is None or here.tags.get(COPIED_FROM) != _identity_of(model):
            return None
        return original_registered_model(here)

    def put_aliases(self, model: RegisteredModel) -> Sequence[KeptAsItWas]:
        """After the versions. Then all that the source says of the model is noted with it."""
        here = self._find_registered(model.name)
        if here is None:
            return ()
        theirs, ours = _aliases_of(model), _aliases_of(here)
        merge = merge_fields(theirs, ours, marks.said_before(here.tags))
        kept = [KeptAsItWas("aliases", name.removeprefix(_ALIAS), why) for name, why in merge.kept.items()]
        for name, version in merge.changes.items():
            alias = name.removeprefix(_ALIAS)
            try:
                if version is None:
                    self.tracking.delete_registered_model_alias(model.name, alias)
                else:
                    self.tracking.set_registered_model_alias(model.name, alias, version)
            except TrackingError as error:
                kept.append(KeptAsItWas("aliases", alias, error.message))
        self._change_model_tags(model.name, marks.state_mark({**_fields_of(model), **theirs}))
        return kept

    def _find_registered(self, name: str) -> RegisteredModel | None:
        try:
            return self.tracking.get_registered_model(name)
        except TrackingError as error:
            if error.code == "RESOURCE_DOES_NOT_EXIST":
                return None
            raise

    def _change_model_tags(self, name: str, changes: Mapping[str, str | None]) -> None:
        for key, value in changes.items():
            if value is None:
                body = {"name": name, "key": key}
                self.tracking.connection.call("DELETE", f"{_PATH}/delete-tag", json=body)
            else:
                body = {"name": name, "key": key, "value": value}
                self.tracking.connection.call("POST", f"{_PATH}/set-tag", json=body)


def _identity_of(model: RegisteredModel) -> str:
    return f"{model.name}@{model.creation_time}"


def _fields_of(model: RegisteredModel) -> dict[str, str]:
    return with_tags({"description": model.description}, model.tags)


def _aliases_of(model: RegisteredModel) -> dict[str, str]:
    return {f"{_ALIAS}{alias}": str(version) for alias, version in model.aliases.items()}


def original_registered_model(here: RegisteredModel) -> RegisteredModel:
    """The model as it is in the source, but for what was changed there."""
    times = marks.times_of(here.tags) or marks.Times(here.creation_time, here.last_update_time)
    return here._replace(
        tags=marks.without_marks(here.tags),
        creation_time=times.creation,
        last_update_time=times.last_update,
    )
