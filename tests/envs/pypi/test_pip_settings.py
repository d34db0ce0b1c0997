"""pip's settings carried over to uv."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from reprise.envs.pypi import pip_settings


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    """An environment whose only pip configuration is what a test writes."""
    return {"HOME": str(tmp_path), "XDG_CONFIG_DIRS": str(tmp_path / "xdg")}


@pytest.fixture(autouse=True)
def no_machine_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    real = pip_settings._list_files
    monkeypatch.setattr(
        pip_settings,
        "_list_files",
        lambda environ: [p for p in real(environ) if "tmp" in p.parts or "tmp" in str(p)],
    )


def configure(home: dict[str, str], text: str, name: str = ".config/pip/pip.conf") -> None:
    path = Path(home["HOME"]) / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_nothing_configured_is_nothing_carried(home: dict[str, str]) -> None:
    assert pip_settings.for_uv(home) == {}


def test_indexes_of_a_configuration_file(home: dict[str, str]) -> None:
    configure(
        home,
        "[global]\nindex-url = https://a/simple\nextra-index-url =\n  https://b/simple\n  https://c/simple\n"
        "find-links = /wheels /more\ntrusted-host = a\ncert = /ca.pem\n",
    )
    assert pip_settings.for_uv(home) == {
        "UV_DEFAULT_INDEX": "https://a/simple",
        "UV_INDEX": "https://b/simple https://c/simple",
        "UV_INDEX_STRATEGY": "unsafe-best-match",
        "UV_FIND_LINKS": "/wheels,/more",
        "UV_INSECURE_HOST": "a",
        "SSL_CERT_FILE": "/ca.pem",
    }


def test_variables_win_over_files_and_user_over_machine(home: dict[str, str]) -> None:
    configure(home, "[global]\nindex-url = https://machine\nfind-links = /machine\n", "xdg/pip/pip.conf")
    configure(home, "[install]\nindex_url = https://user\n")
    assert pip_settings.for_uv(home) == {"UV_DEFAULT_INDEX": "https://user", "UV_FIND_LINKS": "/machine"}
    found = pip_settings.for_uv({**home, "PIP_INDEX_URL": "https://variable"})
    assert found["UV_DEFAULT_INDEX"] == "https://variable"


def test_what_uv_was_told_wins(home: dict[str, str]) -> None:
    configure(home, "[global]\nindex-url = https://a/simple\ncert = /ca.pem\n")
    told = {**home, "UV_INDEX": "https://mine/simple", "SSL_CERT_FILE": "/mine.pem"}
    assert pip_settings.for_uv(told) == {}


def test_no_index(home: dict[str, str]) -> None:
    assert not pip_settings.no_index(home)
    assert pip_settings.no_index({**home, "PIP_NO_INDEX": "1"})
    assert not pip_settings.no_index({**home, "PIP_NO_INDEX": "1", "UV_DEFAULT_INDEX": "https://mine"})
    configure(home, "[install]\nno-index = true\n")
    assert pip_settings.no_index(home)


def test_named_file_and_switched_off(home: dict[str, str], tmp_path: Path) -> None:
    configure(home, "[global]\nindex-url = https://user\n")
    (tmp_path / "mine.conf").write_text("[global]\nindex-url = https://named\n")
    named = {**home, "PIP_CONFIG_FILE": str(tmp_path / "mine.conf")}
    assert pip_settings.for_uv(named)["UV_DEFAULT_INDEX"] == "https://named"
    assert pip_settings.for_uv({**home, "PIP_CONFIG_FILE": os.devnull}) == {}


@pytest.mark.parametrize(
    "text", ["no section\n", "[global\n", "[global]\nindex-url\n", "[other]\ncert = /x\n"]
)
def test_broken_files_give_nothing(home: dict[str, str], text: str) -> None:
    configure(home, text)
    assert pip_settings.for_uv(home) == {}


def test_ca_bundle_of_other_tools_is_used(home: dict[str, str]) -> None:
    assert pip_settings.for_uv({**home, "REQUESTS_CA_BUNDLE": "/ca.pem"}) == {"SSL_CERT_FILE": "/ca.pem"}


def test_section_of_the_command_wins_over_global_of_any_file(home: dict[str, str]) -> None:
    configure(home, "[install]\nindex-url = https://machine\n[download]\nproxy = x\n", "xdg/pip/pip.conf")
    configure(home, "[global]\nindex-url = https://user\n")
    assert pip_settings.for_uv(home) == {"UV_DEFAULT_INDEX": "https://machine"}


def test_a_named_file_stands_in_for_the_users_and_not_for_the_machines(
    home: dict[str, str], tmp_path: Path
) -> None:
    configure(home, "[global]\nfind-links = /machine\n", "xdg/pip/pip.conf")
    configure(home, "[global]\ncert = /user.pem\n")
    (tmp_path / "mine.conf").write_text("[global]\nindex-url = https://named\n")
    named = {**home, "PIP_CONFIG_FILE": str(tmp_path / "mine.conf")}
    assert pip_settings.for_uv(named) == {
        "UV_FIND_LINKS": "/machine",
        "UV_DEFAULT_INDEX": "https://named",
    }
    missing = {**home, "PIP_CONFIG_FILE": str(tmp_path / "missing.conf")}
    assert pip_settings.for_uv(missing) == {"UV_FIND_LINKS": "/machine", "SSL_CERT_FILE": "/user.pem"}


def test_connection(home: dict[str, str]) -> None:
    configure(home, "[global]\nproxy = http://proxy:3128\ntimeout = 60\nclient-cert = /client.pem\n")
    assert pip_settings.for_uv(home) == {
        "HTTPS_PROXY": "http://proxy:3128",
        "HTTP_PROXY": "http://proxy:3128",
        "UV_HTTP_TIMEOUT": "60",
        "SSL_CLIENT_CERT": "/client.pem",
    }
    told = pip_settings.for_uv({**home, "https_proxy": "http://other"})
    assert "HTTPS_PROXY" not in told


def test_which_files_may_be_taken(home: dict[str, str]) -> None:
    configure(home, "[install]\nonly-binary = :all:\nno-binary = alpha,beta\npre = yes\n")
    assert pip_settings.for_uv(home) == {
        "UV_NO_BUILD": "1",
        "UV_NO_BINARY_PACKAGE": "alpha beta",
        "UV_PRERELEASE": "allow",
    }


def test_relative_paths_are_seen_from_here_as_pip_does(home: dict[str, str]) -> None:
    given = {**home, "PIP_CONSTRAINT": "c.txt", "PIP_FIND_LINKS": "wheels https://host/wheels"}
    assert pip_settings.for_uv(given) == {
        "UV_CONSTRAINT": str(Path.cwd() / "c.txt"),
        "UV_FIND_LINKS": f"{Path.cwd() / 'wheels'},https://host/wheels",
    }


def test_the_text_of_a_constraint_file_decides_too(home: dict[str, str]) -> None:
    given = {**home, "PIP_CONSTRAINT": "c.txt"}
    Path("c.txt").write_text("beta<2\n")
    before = pip_settings.decisive_settings(given)
    Path("c.txt").write_text("beta<3\n")
    assert pip_settings.decisive_settings(given) != before
