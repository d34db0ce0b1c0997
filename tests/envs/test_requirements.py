"""Requirement lines: what they include, install from this machine, and bring along."""

from __future__ import annotations

from pathlib import Path

import pytest

from reprise.envs import requirements
from reprise.envs.requirements import LocalProject, Requirements
from reprise.errors import ProjectError


def read(*lines: str) -> Requirements:
    return requirements.read(lines, Path.cwd(), Path.cwd() / "python_env.yaml")


@pytest.mark.parametrize(
    "line", ["-r a.txt", "-ra.txt", "--requirement a.txt", "--requirement=a.txt", "-r  a.txt # x"]
)
def test_includes_in_every_spelling(line: str) -> None:
    Path("a.txt").write_text("numpy\n")
    found = read(line)
    assert found.files == ((Path.cwd() / "a.txt", "numpy\n"),)
    assert found.lines == (f"-r {Path.cwd() / 'a.txt'}",)


def test_includes_are_relative_to_the_file_that_names_them() -> None:
    Path("deep/er").mkdir(parents=True)
    Path("deep/a.txt").write_text("-c er/b.txt\n")
    Path("deep/er/b.txt").write_text("numpy<2\n")
    assert [path.relative_to(Path.cwd()).as_posix() for path, _ in read("-r deep/a.txt").files] == [
        "deep/a.txt",
        "deep/er/b.txt",
    ]


def test_files_that_include_each_other_are_read_once() -> None:
    Path("a.txt").write_text("-r b.txt\n")
    Path("b.txt").write_text("-r a.txt\n")
    assert len(read("-r a.txt").files) == 2


@pytest.mark.parametrize(
    "line",
    [
        "numpy",
        "numpy>=1,<2 ; python_version < '3.9'",
        "pkg @ https://host/dir/pkg-1.0.tar.gz",
        "git+https://host/team/pkg.git@main#egg=pkg",
        "https://host/pkg-1.0-py3-none-any.whl",
        "-r https://host/requirements.txt",
        "requests[socks]",
    ],
)
def test_what_lies_elsewhere_is_left_to_uv(line: str) -> None:
    assert read(line) == Requirements((line,), (), (), ())


@pytest.mark.parametrize(
    ("line", "path", "editable"),
    [
        (".", ".", False),
        ("./lib", "lib", False),
        ("-e .", ".", True),
        ("-e lib", "lib", True),
        ("--editable=./lib", "lib", True),
        ("-e .[dev,test]", ".", True),
        ("./lib[dev] ; python_version > '3'", "lib", False),
        ("dist/x-1.0-py3-none-any.whl", "dist/x-1.0-py3-none-any.whl", False),
        ("x @ file://{here}/lib", "lib", False),
        ("file://{here}/lib", "lib", False),
    ],
)
def test_local_projects(line: str, path: str, editable: bool) -> None:
    Path("lib").mkdir()
    Path("dist").mkdir()
    Path("dist/x-1.0-py3-none-any.whl").touch()
    found = read(line.format(here=Path.cwd()))
    assert found.local == (LocalProject(Path.cwd() / path, editable),)


def test_sources_of_included_files_come_along() -> None:
    Path("deep/wheels").mkdir(parents=True)
    Path("deep/a.txt").write_text(
        "-i https://host/simple\n--extra-index-url=https://b/simple\n-f wheels\n--pre\n"
    )
    assert read("-r deep/a.txt", "--no-binary numpy").sources == (
        "--index-url https://host/simple",
        "--extra-index-url https://b/simple",
        f"--find-links {Path.cwd() / 'deep/wheels'}",
        "--no-binary numpy",
    )


def test_written_hashes_are_noted_by_package() -> None:
    Path("a.txt").write_text("Num_Py==1.0 \\\n --hash=sha256:ab \\\n --hash=sha256:cd\nscipy\n")
    assert read("-r a.txt").hashes == (("num-py", "sha256:ab"), ("num-py", "sha256:cd"))


def test_comments_blanks_and_continuations() -> None:
    Path("a.txt").write_text("# nothing\n\n-r \\\n  b.txt\nx @ https://host/x.zip#egg=x\n")
    Path("b.txt").write_text("numpy")
    assert [path.name for path, _ in read("-r a.txt").files] == ["a.txt", "b.txt"]


@pytest.mark.parametrize(
    "line", ["-r nowhere.txt", "-e ./nowhere", "./nowhere.whl", "-c nowhere.txt", "-f nowhere"]
)
def test_what_does_not_exist_is_named(line: str) -> None:
    with pytest.raises(ProjectError, match=r"python_env\.yaml: .* names .*nowhere.*, which does not exist"):
        read(line)


def test_the_file_that_names_a_missing_one_is_named() -> None:
    Path("a.txt").write_text("-r nowhere.txt\n")
    with pytest.raises(ProjectError, match=r"a\.txt: .* names .*nowhere\.txt"):
        read("-r a.txt")


def test_unreadable_files_are_told() -> None:
    Path("a.txt").write_bytes(b"\xff\xfe\x00bad")
    Path("folder").mkdir()
    for name in ("a.txt", "folder"):
        with pytest.raises(ProjectError, match="cannot be read"):
            read(f"-r {name}")


@pytest.mark.parametrize(
    ("written", "taken"),
    [
        ("-e git+ssh://git@host/pkg.git#egg=pkg", "pkg @ git+ssh://git@host/pkg.git"),
        (
            "--editable=git+https://host/pkg.git@v1#egg=pkg[extra]&subdirectory=lib",
            "pkg[extra] @ git+https://host/pkg.git@v1#subdirectory=lib",
        ),
        ("-e git+https://host/pkg.git", "git+https://host/pkg.git"),
    ],
)
def test_editable_repositories_are_taken_as_plain_ones(written: str, taken: str, tmp_path: Path) -> None:
    assert read(written).lines == (taken,)
    (tmp_path / "inner.txt").write_text(f"numpy\n{written}\n")
    (tmp_path / "outer.txt").write_text("-r inner.txt\nscipy\n")
    found = requirements.read(["-r outer.txt"], tmp_path, None)
    assert found.lines == ("numpy", taken, "scipy")
    assert [path.name for path, _ in found.files] == ["outer.txt", "inner.txt"]
