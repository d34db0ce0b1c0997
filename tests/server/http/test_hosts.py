"""By which names a server answers."""

from __future__ import annotations

import pytest

from reprise.errors import UsageError
from reprise.server.http.hosts import Hosts, read_hosts


def admits(words: tuple[str, ...], host: str, listening: str = "127.0.0.1") -> bool:
    hosts = read_hosts(words, listening)
    return hosts is None or hosts.admit(host)


@pytest.mark.parametrize(
    ("word", "host"),
    [
        ("*", "anything.example"),
        ("*.corp.example", "a.corp.example"),
        ("*.corp.example", "a.b.corp.example:8443"),
        ("ML.corp.example", "ml.Corp.example:5000"),
        ("ml.example", "ml.example."),
        ("ml.example:5000", "ml.example:5000"),
        ("ml.example:*", "ml.example:5000"),
        ("ml.example:443", "ml.example"),
        ("192.168.*", "192.168.7.1:5000"),
        ("10.0.0.1", "10.0.0.1"),
        ("[2001:db8::1]", "[2001:DB8::1]:5000"),
        ("2001:db8::1", "[2001:db8::1]"),
        ("[fd00:*]:5000", "[fd00::7]:5000"),
        ("a.example, b.example", "b.example"),
        ("a_b.example", "a_b.example"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("other.example", "localhost:5000"),
        ("other.example", "[::1]:5000"),
        ("other.example", "127.0.0.1"),
    ],
)
def test_a_pattern_admits(word: str, host: str) -> None:
    assert admits((word,), host)


@pytest.mark.parametrize(
    ("word", "host"),
    [
        ("*.corp.example", "corp.example"),
        ("*.corp.example", "corp.example.evil.example"),
        ("*.corp.example", "acorp.example"),
        ("ml.example", "xml.example"),
        ("ml.example", "mlxexample"),
        ("ml.example:5000", "ml.example:6000"),
        ("ml.example:5000", "ml.example"),
        ("[2001:db8::1]", "[2001:db8::11]"),
        ("a.example,b.example", "c.example"),
        ("ml.example", ""),
        ("ml.example", "localhost.evil.example"),
        ("ml.example", "127.0.0.1.evil.example"),
    ],
)
def test_a_pattern_admits_no_other(word: str, host: str) -> None:
    assert not admits((word,), host)


@pytest.mark.parametrize(
    "word",
    [
        "",
        " , ",
        "http://a",
        "a/b",
        "a:0",
        "a:99999",
        "a:x",
        "a:",
        "[::1",
        "[::1]x",
        "a b",
        "a..b",
        ".a",
        "[a]",
    ],
)
def test_what_names_no_host_is_refused(word: str) -> None:
    with pytest.raises(UsageError, match="--allowed-host"):
        read_hosts((word,), "127.0.0.1")


def test_one_senseless_name_among_others_is_refused_also_beside_any() -> None:
    with pytest.raises(UsageError, match="a/b"):
        read_hosts(("*,a/b",), "127.0.0.1")


def test_without_names_loopback_is_strict_and_another_address_is_not() -> None:
    assert not admits((), "evil.example")
    assert admits((), "ml.example", listening="0.0.0.0")


def test_the_address_it_listens_on_is_a_name() -> None:
    assert admits(("ml.example",), "192.0.2.7:5000", listening="192.0.2.7")
    assert not admits(("ml.example",), "192.0.2.8:5000", listening="192.0.2.7")


def test_the_loopback_names_are_always_there() -> None:
    assert all(map(Hosts.of(()).admit, ("localhost", "127.0.0.1:80", "[::1]")))
