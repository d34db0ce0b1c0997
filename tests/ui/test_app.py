"""What every page has: its headers, its errors, its way in."""

from __future__ import annotations

import pytest

from tests.ui.conftest import Opened
from tests.ui.sample import Sample

pytestmark = pytest.mark.browser


def test_a_page_that_is_not_there_says_so(sample: Sample, opened: Opened) -> None:
    page = opened(f"{sample.url}/nothing/here")
    assert "There is nothing here" in page.inner_text("main")
