"""Requirement lines: what they include, install from this machine, and bring along."""

from __future__ import annotations

from pathlib import Path

import pytest

from reprise.envs.project_files import requirement_files
from reprise.envs.project_files.requirement_text import join_lines
from reprise.envs.project_files.requirements import LocalProject, RequirementOrigin, Requirements
from reprise.errors import ProjectError


def read(*lines: str) -> Requirements:
    return requirement_files.read_requirements(lines, Path.cwd(), Path.cwd() / "python_env.yaml")


@pytest.mark.parametrize(
    "line", ["-r a.txt", "-ra.txt", "--requirement a.txt", "--requirement=a.txt", "-r  a.txt # x"]
)
def test_includes_in_every_spelling(line: str) -> None:
    Path("a.txt").write_text("numpy\n")
    found = read(line)
    assert found.files == ((Path.cwd() / "a.txt", "numpy\n"),)
    assert found.lines == ("numpy",)
    assert found.origins == (RequirementOrigin(Path.cwd() / "a.txt", 1, "numpy"),)


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
    assert read(line)[:5] == ((line,), (), (), (), ())


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
    with pytest.raises(
        ProjectError, match=r"python_env\.yaml: .* refers to .*nowhere.*, which does not exist"
    ):
        read(line)


def test_the_file_that_names_a_missing_one_is_named() -> None:
    Path("a.txt").write_text("-r nowhere.txt\n")
    with pytest.raises(ProjectError, match=r"^a\.txt:1:1  .* refers to .*nowhere\.txt"):
        read("-r a.txt")


def test_unreadable_files_are_told() -> None:
    Path("a.txt").write_bytes(b"\xff\xfe\x00")
    Path("folder").mkdir()
    for name in ("a.txt", "folder"):
        with pytest.raises(ProjectError, match="cannot read"):
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
    found = requirement_files.read_requirements(["-r outer.txt"], tmp_path, None)
    assert found.lines == ("numpy", taken, "scipy")
    assert [path.name for path, _ in found.files] == ["outer.txt", "inner.txt"]


@pytest.mark.parametrize(
    "content",
    [
        "numpy==1.0\n".encode("utf-16"),
        b"\xfe\xff" + "numpy==1.0\n".encode("utf-16-be"),
        "numpy==1.0\n".encode("utf-32"),
        b"\xef\xbb\xbfnumpy==1.0\r\n",
        "# -*- coding: latin-1 -*-\n# für die Übung\nnumpy==1.0\n".encode("latin-1"),
    ],
)
def test_every_encoding_that_pip_reads(content: bytes) -> None:
    Path("a.txt").write_bytes(content)
    assert read("-r a.txt").lines == ("numpy==1.0",)


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("numpy \\\n  >=1.0\\\n,<3\n", ("numpy   >=1.0,<3",)),
        ("numpy==1.\\\n26\n", ("numpy==1.26",)),
        ("numpy \\\n# a comment\n==1.0\n", ("numpy", "==1.0")),
        ("numpy==1.0 \\", ("numpy==1.0",)),
        ("\\\nnumpy\n", ("numpy",)),
    ],
)
def test_lines_are_continued_as_for_pip(text: str, lines: tuple[str, ...]) -> None:
    assert tuple(join_lines(text.splitlines())) == lines


def test_variables_are_put_in_anywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IV", "3.7")
    monkeypatch.setenv("WHERE", "deep")
    Path("deep").mkdir()
    Path("deep/a.txt").write_text("idna==${IV}\n")
    found = read("-r ${WHERE}/a.txt")
    assert found.lines == ("idna==3.7",)
    assert found.variables == (("IV", "3.7"), ("WHERE", "deep"))


def test_a_variable_that_is_not_set_is_named() -> None:
    with pytest.raises(ProjectError, match=r'"idna==\$\{NOT_SET\}" contains a variable that is not set'):
        read("idna==${NOT_SET}")


def test_constraints_stay_constraints_down_all_includes() -> None:
    Path("c.txt").write_text("numpy<2\n-r more.txt\n")
    Path("more.txt").write_text("scipy<1.12\n")
    found = read("-c c.txt", "numpy")
    assert (found.lines, found.constraints) == (("numpy",), ("numpy<2", "scipy<1.12"))


def test_options_become_those_of_uv_or_are_told() -> None:
    Path("a.txt").write_text(
        "-i https://host/simple --extra-index-url=https://b/simple --trusted-host b\n"
        "--pre\n--prefer-binary\n--use-feature=fast-deps\n"
        'numpy==1.0 --hash=sha256:ab --config-settings="a=b"\n'
    )
    found = read("-r a.txt")
    assert found.lines == (
        "--index-url https://host/simple",
        "--extra-index-url https://b/simple",
        "numpy==1.0 --hash=sha256:ab",
    )
    assert found.options == ("--allow-insecure-host", "b", "--prerelease", "allow")
    assert [note.split('"')[1] for note in found.notes] == ["--prefer-binary", "--config-settings a=b"]


def test_closed_protocol_of_github_becomes_https() -> None:
    found = read("git+git://github.com/mlflow/mlflow", "x @ git+git://github.com/a/x@v1")
    assert found.lines == ("git+https://github.com/mlflow/mlflow", "x @ git+https://github.com/a/x@v1")
    assert all("GitHub has closed the git protocol" in note for note in found.notes)


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("foo bar baz", '"foo bar baz" is not a requirement'),
        ("x; touch /tmp/P", '"x; touch /tmp/P" is not a requirement'),
        ("numpy=1.26", 'write "numpy==1.26"'),
        ("numpy ^1.26", '"^" is not an operator here'),
        ("numpy>=1.26.x", "is not a requirement"),
        ("numpy>=1.*", "is not a requirement"),
        ("numpy~=1", "is not a requirement"),
        ("numpy==", "is not a requirement"),
        ("numpy,scipy", "is not a requirement"),
        ("numpy scipy", "is not a requirement"),
        ("- numpy", "is not an option"),
        ("--frobnicate", "--frobnicate is not an option of a requirements file"),
        ("-r", "--requirement needs a value"),
        ("numpy; python_version", "is not a requirement"),
        ("numpy; nonsense == '1'", "is not a requirement"),
        ('"numpy"', "is not a requirement"),
        ("<<<<<<< HEAD", "is not a requirement"),
    ],
)
def test_malformed_lines_are_named_with_their_place(line: str, sentence: str) -> None:
    Path("r.txt").write_text(f"# first\nnumpy\n{line}\n")
    with pytest.raises(ProjectError) as caught:
        read("-r r.txt")
    assert caught.value.message.startswith("r.txt:3:1  ")
    assert sentence in caught.value.message


@pytest.mark.parametrize(
    "line",
    [
        "numpy (>=1.0)",
        "numpy>=1.0,",
        "Num.Py_x[a,b] >= 1.0rc1, != 1.1.*; sys_platform == 'linux' and python_version < '4'",
        "numpy===1.0-odd",
        "numpy==1!2.0+local.1",
        "numpy<2.0.dev0",
        "x@https://host/x.zip",
        "x[y] @ git+ssh://git@host/x.git@main#subdirectory=a",
    ],
)
def test_odd_lines_that_pip_takes_are_taken(line: str) -> None:
    assert read(line).lines == (line,)


def test_all_malformed_lines_are_told_at_once() -> None:
    Path("python_env.yaml").write_text("dependencies:\n  - -r r.txt\n  - a=1\n")
    Path("r.txt").write_text("foo bar\nnumpy\nb=2\n")
    with pytest.raises(ProjectError) as caught:
        read("-r r.txt", "a=1")
    places = [fault.split("  ")[0] for fault in caught.value.faults]
    assert places == ["r.txt:1:1", "r.txt:3:1", "python_env.yaml:3:1"]
