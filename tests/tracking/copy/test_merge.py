"""What a second copy changes: what changed in the source since, and nothing that was changed here."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reprise.tracking.merging.merge import (
    CHANGED_HERE,
    CHANGED_IN_BOTH,
    HERE_BEFORE,
    REMOVED_HERE,
    decode_said,
    merge_fields,
    said_of,
)

Values = dict[str, str]


@pytest.mark.parametrize(
    ("said", "theirs", "ours", "after", "why"),
    [
        pytest.param(None, {"a": "1"}, {}, {"a": "1"}, None, id="new here"),
        pytest.param(None, {"a": "1"}, {"a": "2"}, {"a": "2"}, HERE_BEFORE, id="here before"),
        pytest.param(None, {}, {"a": "2"}, {"a": "2"}, None, id="only here"),
        pytest.param({"a": "1"}, {"a": "2"}, {"a": "1"}, {"a": "2"}, None, id="changed there"),
        pytest.param({"a": "1"}, {"a": "1"}, {"a": "2"}, {"a": "2"}, CHANGED_HERE, id="changed here"),
        pytest.param({"a": "1"}, {"a": "3"}, {"a": "2"}, {"a": "2"}, CHANGED_IN_BOTH, id="in both"),
        pytest.param({"a": "1"}, {"a": "2"}, {"a": "2"}, {"a": "2"}, None, id="the same change"),
        pytest.param({"a": "1"}, {}, {"a": "1"}, {}, None, id="removed there"),
        pytest.param({"a": "1"}, {}, {"a": "2"}, {"a": "2"}, None, id="removed there, changed here"),
        pytest.param({"a": "1"}, {"a": "1"}, {}, {}, REMOVED_HERE, id="removed here"),
        pytest.param({"a": "1"}, {"a": "2"}, {}, {"a": "2"}, None, id="removed here, changed there"),
        pytest.param({}, {"a": "1"}, {}, {"a": "1"}, None, id="added there"),
        pytest.param({}, {}, {"a": "1"}, {"a": "1"}, None, id="added here"),
        pytest.param({}, {"a": "1"}, {"a": "2"}, {"a": "2"}, HERE_BEFORE, id="added in both"),
    ],
)
def test_three_states_decide(
    said: Values | None, theirs: Values, ours: Values, after: Values, why: str | None
) -> None:
    merge = merge_fields(theirs, ours, None if said is None else said_of(said))
    changed = {**ours, **merge.changes}
    assert {field: value for field, value in changed.items() if value is not None} == after
    assert merge.kept == ({} if why is None else {"a": why})


@given(st.dictionaries(st.text(), st.text()))
def test_what_was_said_is_remembered_as_digests(fields: Values) -> None:
    said = decode_said(said_of(fields).encode())
    assert all(said.equals(field, value) for field, value in fields.items())
    assert not any(said.equals(field, f"{value}x") for field, value in fields.items())
    assert merge_fields(fields, fields, said) == ({}, {})
