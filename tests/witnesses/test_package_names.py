"""packaging canonicalises names of packages as we do, and reads the wheels' names of our locks."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.utils import canonicalize_name

from reprise.envs.project_files.requirements import canonical_name

NAMES = st.text(alphabet="abzAZ09-_.", min_size=1, max_size=12)


@given(NAMES)
def test_names_are_spelt_as_packaging_spells_them(name: str) -> None:
    assert canonical_name(name) == canonicalize_name(name)


@pytest.mark.parametrize("name", ["Scikit_Learn", "ruamel.yaml", "zope.interface", "a--b", "A._-b"])
def test_known_names(name: str) -> None:
    assert canonical_name(name) == canonicalize_name(name)
