from __future__ import annotations

import pytest

from reprise.redact import redact


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://user:pass@host/x.git", "https://host/x.git"),
        ("https://user@host/x", "https://host/x"),
        ("https://x-access-token:ghs_abc@github.com/t/p", "https://github.com/t/p"),
        ("git+https://tok@host/x", "git+https://host/x"),
        ("HTTPS://u:p@host", "HTTPS://host"),
        ("https://u:p%40ss%2F@host:81/x@y", "https://host:81/x@y"),
        ("https://u:p@ss@host/x", "https://host/x"),
        ("fatal: unable to access 'https://u:p@h/x/': no", "fatal: unable to access 'https://h/x/': no"),
        ("clone https://u:p@h/x and https://v@h/y", "clone https://h/x and https://h/y"),
        ("next=https%3A%2F%2Fu%3Ap%40host%2Fx", "next=https%3A%2F%2Fhost%2Fx"),
        ("postgresql://me:pw@db/x", "postgresql://db/x"),
        ("ssh://git@host/x.git", "ssh://git@host/x.git"),
        ("ssh://git:pw@host/x.git", "ssh://host/x.git"),
        ("git@host:t/p.git", "git@host:t/p.git"),
        ("-H 'Authorization: Bearer abc.def' x", "-H 'Authorization: ***' x"),
        ("authorization: Basic dTpw\nnext line", "authorization: ***\nnext line"),
        ('{"Authorization": "token abc", "a": 1}', '{"Authorization": "***", "a": 1}'),
        ("Proxy-Authorization: Digest a=1, b=2", "Proxy-Authorization: ***"),
        ("http://h/x.zip?token=abc&v=1#y", "http://h/x.zip?token=***&v=1#y"),
        ("http://h/?v=1&access_token=abc", "http://h/?v=1&access_token=***"),
        ("http://h/?sv=1&sig=a%2Fb", "http://h/?sv=1&sig=***"),
        (
            "http://h/?X-Amz-Credential=c&X-Amz-Signature=s&X-Amz-Security-Token=t&X-Amz-Date=d",
            "http://h/?X-Amz-Credential=***&X-Amz-Signature=***&X-Amz-Security-Token=***&X-Amz-Date=d",
        ),
        ("http://h/?private_token=abc", "http://h/?private_token=***"),
    ],
)
def test_secrets_are_removed(text: str, shown: str) -> None:
    assert redact(text) == shown
    assert redact(shown) == shown


@pytest.mark.parametrize(
    "text",
    [
        "",
        "https://host/x@y/z",
        "mail me@host.example",
        "tokens=5 -P design=x",
        "http://h/?design=1&significance=2",
        "authorization is needed",
        "a://b",
        "path/with:colon@at",
    ],
)
def test_other_text_is_kept(text: str) -> None:
    assert redact(text) == text


def test_a_long_text_takes_no_long_time() -> None:
    for piece in ("https://", "a-", "a" * 50, "%3A%2F%2F", "?token", "Authorization:"):
        redact(piece * 20_000)
