"""Notes: what Markdown becomes, and what it must never become."""

from __future__ import annotations

import re

import pytest

from reprise.ui.notes import MOST_RENDERED, html_of


def test_a_note_is_rendered() -> None:
    found = html_of(
        "# Aim\n\nBetter *than* `main`, see [the plan](https://example.org/plan).\n\n- one\n- two\n"
    )
    assert "<h1>Aim</h1>" in found
    assert "<em>than</em> <code>main</code>" in found
    assert '<a href="https://example.org/plan" rel="noopener noreferrer nofollow">the plan</a>' in found
    assert "<li>one</li>" in found


@pytest.mark.parametrize(
    "target", ["/runs/abc", "../runs/abc", "#note", "mailto:ada@example.org", "?a=b:c"]
)
def test_links_to_our_pages_and_to_mail_are_links(target: str) -> None:
    assert f'href="{target}"' in html_of(f"[here]({target})")


@pytest.mark.parametrize(
    "target",
    [
        "javascript:alert(1)",
        "JavaScript:alert(1)",
        "java&#x0A;script:alert(1)",
        "javascript&colon;alert(1)",
        "%6Aavascript:alert(1)",
        "data:text/html,<script>alert(1)</script>",
        "vbscript:x",
        "file:///etc/passwd",
        "blob:https://example.org/1",
    ],
)
def test_other_links_are_text(target: str) -> None:
    for note in (f"[x]({target})", f"<{target}>", f"[x]\n\n[x]: {target}", f"![x]({target})"):
        assert not re.search(r"<(?!/?p>)", html_of(note)), note


@pytest.mark.parametrize(
    "note",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "<!-- a comment --><svg onload=alert(1)>",
        '[x](https://a.b "\\"><script>")',
        "![<script>](https://a.b/c.png)",
        "```<script>\n</code><script>\n```",
        "|a|\n|-|\n|<script>|",
    ],
)
def test_html_in_a_note_is_shown_as_text(note: str) -> None:
    found = html_of(note)
    assert not re.search(r"<(script|img|svg|!--)", found)
    assert "onerror" not in re.sub(r"&lt;.*?&gt;", "", found)


def test_tables_carry_no_styles() -> None:
    found = html_of("|a|b|\n|:-:|-:|\n|1|2|\n")
    assert "style" not in found
    assert '<td class="to-right">2</td>' in found


def test_pictures_from_elsewhere_are_told_by_their_words() -> None:
    assert html_of("![a curve](https://example.org/curve.png)") == "<p>[image: a curve]</p>\n"


def test_a_very_long_note_is_shown_as_it_was_typed() -> None:
    found = html_of("*a* <b>" * MOST_RENDERED)
    assert found.startswith("<pre>*a* &lt;b&gt;")
