"""Project folders as people have them become projects."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from reprise.errors import ProjectError, UsageError
from reprise.schemas.environment import CondaEnv, DockerEnv, PythonEnv
from reprise.schemas.loader import find_entry_point, load_project
from reprise.schemas.project import EntryPoint, Parameter, Project


def load(root: Path, source: str, **files: str) -> Project:
    (root / "MLproject").write_text(source)
    for name, content in files.items():
        (root / name.replace("__", ".")).write_text(content)
    return load_project(root)


def test_the_classic(tmp_path: Path) -> None:
    project = load(
        tmp_path,
        "name: tutorial\n\nconda_env: conda.yaml\n\n"
        "entry_points:\n"
        "  main:\n"
        "    parameters:\n"
        "      alpha: {type: float, default: 0.00001}\n"
        "      l1-ratio: float\n"
        "      data:\n"
        "        type: path\n"
        "        description: A table\n"
        '    command: "python train.py {alpha} {l1-ratio} {data}"\n',
        conda__yaml="name: t\nchannels: [defaults]\ndependencies: [python=3.8, {pip: [mlflow]}]\n",
    )
    main = EntryPoint(
        "main",
        "python train.py {alpha} {l1-ratio} {data}",
        {
            "alpha": Parameter("alpha", "float", "0.00001"),
            "l1-ratio": Parameter("l1-ratio", "float"),
            "data": Parameter("data", "path", description="A table"),
        },
    )
    assert project == Project(
        root=tmp_path,
        file=tmp_path / "MLproject",
        name="tutorial",
        entry_points={"main": main},
        environment=CondaEnv(
            tmp_path, tmp_path / "conda.yaml", "t", ("defaults",), ("python=3.8",), ("mlflow",)
        ),
        environment_reason="MLproject -> conda_env: conda.yaml",
    )
    assert list(main.parameters) == ["alpha", "l1-ratio", "data"]


@pytest.mark.parametrize("name", ["MLproject", "MLProject", "mlproject", "MLPROJECT"])
def test_the_file_name_in_any_case(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("entry_points: {main: {command: x}}\nfoo: 1\n")
    project = load_project(tmp_path)
    assert project.file == tmp_path / name
    assert project.warnings == (f'{name}:2:1  unknown key "foo" is ignored',)


def test_of_two_project_files_the_exact_name_is_read(tmp_path: Path) -> None:
    for name in ("MLProject", "MLproject", "mlproject"):
        (tmp_path / name).write_text(f"name: {name}\n")
    project = load_project(tmp_path)
    assert project.name == "MLproject"
    assert project.warnings == (
        'MLproject:1:1  "MLProject" is ignored; it differs in upper and lower case only',
        'MLproject:1:1  "mlproject" is ignored; it differs in upper and lower case only',
    )


def test_a_folder_called_mlproject_is_no_project_file(tmp_path: Path) -> None:
    (tmp_path / "mlproject").mkdir()
    assert load_project(tmp_path).file is None


def test_a_wrong_ending_is_pointed_out(tmp_path: Path) -> None:
    (tmp_path / "MLproject.yaml").write_text("name: x\n")
    project = load_project(tmp_path)
    assert project.file is None
    assert project.warnings == (
        'MLproject:1:1  "MLproject.yaml" is ignored; the file is called "MLproject"',
    )


@pytest.mark.parametrize("source", ["name: x\n", "name:\nentry_points:\n", "entry_points: {}\n"])
def test_no_entry_points_leaves_scripts(tmp_path: Path, source: str) -> None:
    assert load(tmp_path, source).entry_points == {}


def test_commands_over_several_lines(tmp_path: Path) -> None:
    project = load(
        tmp_path,
        "entry_points:\n"
        "  literal:\n    parameters: {a: int}\n    command: |\n      python x.py \\\n        --a {a} \\\n"
        "  folded:\n    command: >-\n      python x.py\n      --b\n"
        '  quoted:\n    command: "python x.py \\\n      --c"\n'
        "  plain:\n    command: PYTHONPATH=src python -m x\n      | tee log\n",
    )
    assert {name: point.command for name, point in project.entry_points.items()} == {
        "literal": "python x.py \\\n  --a {a} \\\n",
        "folded": "python x.py --b",
        "quoted": "python x.py --c",
        "plain": "PYTHONPATH=src python -m x | tee log",
    }


def test_names_that_yaml_takes_for_something_else_are_texts(tmp_path: Path) -> None:
    project = load(
        tmp_path,
        "name: 010\nentry_points:\n  1: {command: 'x {on}', parameters: {on: bool}}\n  yes: {command: y}\n",
    )
    assert project.name == "010"
    assert list(project.entry_points) == ["1", "yes"]
    assert list(project.entry_points["1"].parameters) == ["on"]


def test_anchors_and_merges_in_a_project_file(tmp_path: Path) -> None:
    project = load(
        tmp_path,
        "common: &common\n  seed: {type: int, default: 010}\n"
        "entry_points:\n"
        "  main:\n    command: x {seed} {raw}\n"
        "    parameters:\n      <<: *common\n      raw: {type: path, default: &raw data/raw}\n"
        "  etl:\n    command: y {raw}\n    parameters: {raw: {default: *raw}}\n",
    )
    assert project.entry_points["main"].parameters["seed"].default == "010"
    assert project.entry_points["etl"].parameters["raw"].default == "data/raw"
    assert project.warnings == ('MLproject:1:1  unknown key "common" is ignored',)


def test_windows_line_ends_and_byte_order_mark(tmp_path: Path) -> None:
    (tmp_path / "MLproject").write_bytes(
        b"\xef\xbb\xbfname: x\r\nentry_points:\r\n  main:\r\n    command: |\r\n      a\r\n      b\r\n"
    )
    assert load_project(tmp_path).entry_points["main"].command == "a\nb\n"


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match="there is no project folder"):
        load_project(tmp_path / "absent")


def environment(root: Path) -> tuple[object, str]:
    project = load_project(root)
    assert project.warnings == ()
    return project.environment, project.environment_reason


def test_environments_that_are_found_in_their_order(tmp_path: Path) -> None:
    assert environment(tmp_path) == (
        PythonEnv(tmp_path),
        "no file says the environment: Python without packages",
    )
    requirements = tmp_path / "requirements.txt"
    requirements.write_text("numpy\n")
    assert environment(tmp_path) == (
        PythonEnv(tmp_path, requirements, dependencies=("-r requirements.txt",)),
        "requirements.txt (found in the project folder)",
    )
    pyproject = tmp_path / "pyproject.toml"
    pyproject.write_text("[tool.ruff]\nline-length = 100\n")
    assert environment(tmp_path)[1] == "requirements.txt (found in the project folder)"
    pyproject.write_text('[project]\nname = "x"\nversion = "1"\n')
    expected = PythonEnv(tmp_path, pyproject, pyproject=pyproject)
    assert environment(tmp_path) == (expected, "pyproject.toml (found in the project folder)")
    (tmp_path / "uv.lock").write_text("")
    assert environment(tmp_path) == (expected, "pyproject.toml with uv.lock (found in the project folder)")
    conda = tmp_path / "conda.yaml"
    conda.write_text("dependencies: [numpy]\n")
    assert environment(tmp_path) == (
        CondaEnv(tmp_path, conda, dependencies=("numpy",)),
        "conda.yaml (found in the project folder)",
    )
    python_env = tmp_path / "python_env.yaml"
    python_env.write_text("python: 3.10\n")
    assert environment(tmp_path) == (
        PythonEnv(tmp_path, python_env, "3.10"),
        "python_env.yaml (found in the project folder)",
    )
    (tmp_path / "MLproject").write_text("docker_env: {image: an/image}\n")
    assert environment(tmp_path) == (DockerEnv(tmp_path, "an/image"), "MLproject -> docker_env: an/image")


def test_a_pyproject_that_is_no_toml_is_a_fault_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[project]\nname = x\n")
    with pytest.raises(ProjectError) as caught:
        load_project(tmp_path)
    (fault,) = caught.value.faults
    assert fault.startswith("pyproject.toml:2:8  not TOML: ")


def test_an_environment_file_may_lie_outside_or_deeper(tmp_path: Path) -> None:
    (tmp_path / "environment.yml").write_text("dependencies: [a]\n")
    root = tmp_path / "mlflow"
    (root / "envs").mkdir(parents=True)
    (root / "envs" / "p.yaml").write_text("python: '3.11'\ndependencies: ['-r requirements.txt']\n")
    (root / "MLproject").write_text("conda_env: ../environment.yml\n")
    assert load_project(root).environment == CondaEnv(
        root, root / "../environment.yml", dependencies=("a",)
    )
    (root / "MLproject").write_text("python_env: envs/p.yaml\n")
    assert load_project(root).environment == PythonEnv(
        root, root / "envs/p.yaml", "3.11", dependencies=("-r requirements.txt",)
    )


def test_faults_of_an_environment_file_name_that_file(tmp_path: Path) -> None:
    (tmp_path / "e").mkdir()
    (tmp_path / "e" / "c.yaml").write_text("dependencies:\n  - {npm: [x]}\n")
    (tmp_path / "MLproject").write_text("conda_env: e/c.yaml\n")
    with pytest.raises(
        ProjectError, match=r"^e/c\.yaml has a fault\n  e/c\.yaml:2:6  dependencies -> item 1"
    ):
        load_project(tmp_path)


@pytest.mark.parametrize(("key", "kind"), [("conda_env", CondaEnv), ("python_env", PythonEnv)])
def test_without_the_environment_check_the_file_is_only_named(
    tmp_path: Path, key: str, kind: type[PythonEnv] | type[CondaEnv]
) -> None:
    (tmp_path / "MLproject").write_text(f"{key}: absent.yaml\n")
    project = load_project(tmp_path, check_environment_files=False)
    assert project.environment == kind(tmp_path, tmp_path / "absent.yaml")
    (tmp_path / "absent.yaml").write_text("]broken")
    assert load_project(tmp_path, check_environment_files=False) == project


SCRIPTS = {
    "train.py": "python train.py",
    "sub/my train.py": "python 'sub/my train.py'",
    "-x.py": "python ./-x.py",
    "a{b}.py": "python 'a{{b}}.py'",
    "run.sh": '"${{SHELL:-bash}}" run.sh',
    "fit.R": "Rscript -e 'mlflow::mlflow_source('\"'\"'fit.R'\"'\"')' --args",
}


@pytest.mark.parametrize(("name", "command"), SCRIPTS.items())
def test_a_script_is_an_entry_point(tmp_path: Path, name: str, command: str) -> None:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("")
    assert find_entry_point(load_project(tmp_path), name) == EntryPoint(name, command, {})


def test_the_command_of_a_script_runs_it(tmp_path: Path) -> None:
    (tmp_path / "a {b}.sh").write_text('echo "$0 $*"\n')
    command = find_entry_point(load_project(tmp_path), "a {b}.sh").command.format()
    done = subprocess.run(
        ["bash", "-c", f"{command} --k v"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout == "a {b}.sh --k v\n"


def test_a_declared_name_comes_before_a_script(tmp_path: Path) -> None:
    project = load(tmp_path, "entry_points: {train.py: {command: declared}}\n", train__py="")
    assert find_entry_point(project, "train.py").command == "declared"


def test_an_unknown_entry_point_is_told_with_those_that_there_are(tmp_path: Path) -> None:
    project = load(tmp_path, "entry_points: {main: {command: x}, train: {command: y}}\n")
    with pytest.raises(ProjectError) as caught:
        find_entry_point(project, "trian")
    assert caught.value.message == f'there is no entry point "trian" in {tmp_path}'
    assert caught.value.hint == (
        "entry points are main, train; a script of the project (.py, .sh, .R) can be named too; "
        'did you mean "train"?'
    )
    with pytest.raises(ProjectError, match=r'there is no script "train.py" in'):
        find_entry_point(project, "train.py")


def test_a_folder_without_project_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(ProjectError) as caught:
        find_entry_point(load_project(tmp_path), "main")
    assert caught.value.hint == (
        "there is no MLproject file; a script of the project (.py, .sh, .R) can be named too"
    )


def test_a_script_stays_inside_the_project(tmp_path: Path) -> None:
    root = tmp_path / "project"
    (root / "x").mkdir(parents=True)
    outside = tmp_path / "outside.py"
    outside.write_text("")
    (root / "link.py").symlink_to(outside)
    project = load_project(root)
    for name in ("../outside.py", str(outside), "link.py", "x/../../outside.py"):
        with pytest.raises(UsageError, match="leaves"):
            find_entry_point(project, name)


@pytest.mark.parametrize(
    "name", ["absent.py", "folder.py", f"{'x' * 300}.py", "nul\0.py", "loop.py", "", "train.txt"]
)
def test_what_is_no_script_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder.py").mkdir()
    (tmp_path / "train.txt").write_text("")
    (tmp_path / "loop.py").symlink_to("loop.py")
    with pytest.raises(ProjectError):
        find_entry_point(load_project(tmp_path), name)
