"""Every kind of project comes out as it should be told: no false alarm, and never a false ``identical``."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from reprise.schemas import tags
from tests.envs import conda_channel, docker_engine, wheels
from tests.fakes.repositories import commit, git
from tests.golden.conftest import Golden

pytestmark = pytest.mark.slow

LOCAL = "--env-manager=local"


def test_deterministic(golden: Golden) -> None:
    script = (
        "for step in range(5):\n    track.metric('loss', 1 / (step + 1), step)\n"
        "track.artifact('m.txt', 'weights')\n"
    )
    run = golden.run(golden.project(script), LOCAL)
    again = golden.again(run)
    assert (again.exit_code, again.verdict) == (0, "identical"), again
    assert again.parts("metric") == {"loss": "identical"}
    assert again.parts("artifact") == {"m.txt": "identical"}
    new, original = golden.runs()
    assert (new.run_id, original.run_id) == (again.data["run_id"], run)
    assert new.tags[tags.REPRODUCES] == run
    assert new.tags[tags.VERDICT] == original.tags[tags.VERDICT] == "identical"
    assert json.loads(golden.artifact(new.run_id, "reprise/verdict.json"))["verdict"] == "identical"
    assert new.experiment_id == original.experiment_id
    assert tags.PARENT_RUN_ID not in new.tags


def test_seeded(golden: Golden) -> None:
    script = (
        "import random, sys\nchance = random.Random(int(sys.argv[1]))\n"
        "for step in range(9):\n    track.metric('loss', chance.random(), step)\nprint({*'abcdefgh'})\n"
    )
    project = golden.project(
        script,
        MLproject="entry_points:\n  main:\n    parameters:\n      seed: {type: int, default: 1}\n"
        "    command: python train.py {seed}\n",
    )
    again = golden.again(golden.run(project, LOCAL, "-P", "seed=42"))
    # the order of a set of texts depends on the hash seed, which is the run's too
    assert (again.exit_code, again.verdict) == (0, "identical"), again


def test_unseeded_diverges_at_its_first_random_step(golden: Golden) -> None:
    script = (
        "import random\nfor step in range(6):\n"
        "    track.metric('loss', 0.5 if step < 3 else random.random(), step)\n"
        "    track.metric('same', 1, step)\n"
    )
    run = golden.run(golden.project(script), LOCAL)
    again = golden.again(run)
    assert (again.exit_code, again.verdict) == (7, "diverged"), again
    assert again.data["verdict"]["where"] == "metric loss, step 3"
    assert again.parts("metric") == {"loss": "diverged", "same": "identical"}
    assert all(run.tags[tags.VERDICT].startswith("diverged") for run in golden.runs())


def test_times_and_places_in_the_output_are_no_difference(golden: Golden) -> None:
    script = (
        "import datetime, os\nnow = datetime.datetime.now()\nprint(now, 'epoch done in', os.getcwd())\n"
        "track.artifact('report.txt', f'made {now.isoformat()}\\naccuracy 0.5\\n')\n"
    )
    again = golden.again(golden.run(golden.project(script), LOCAL))
    assert (again.exit_code, again.verdict) == (0, "within tolerance"), again
    assert again.parts("artifact") == {"report.txt": "within tolerance"}
    assert again.parts("output log") == {"": "within tolerance"}


def test_dirty_tree(golden: Golden) -> None:
    project = golden.project("import params\ntrack.metric('rate', params.rate)\n", params__py="rate = 1\n")
    (project / "params.py").write_text("rate = 2\n")
    (project / "data.bin").write_bytes(bytes(range(256)))
    git(project, "add", "data.bin")
    run = golden.run(project, LOCAL)
    git(project, "reset", "--quiet", "--hard")
    (project / "params.py").write_text("rate = 3\n")
    again = golden.again(run)
    assert (again.exit_code, again.verdict) == (0, "identical"), again
    assert (project / "params.py").read_text() == "rate = 3\n"  # the user's tree is nobody's business
    assert git(project, "status", "--porcelain") == "M params.py"


def test_untracked_module(golden: Golden) -> None:
    project = golden.project("import model\ntrack.metric('layers', model.layers)\n")
    (project / "model").mkdir()
    (project / "model" / "__init__.py").write_text("layers = 7\n")
    (project / "latest").symlink_to("model")
    run = golden.run(project, LOCAL)
    shutil.rmtree(project / "model")
    again = golden.again(run)
    assert (again.exit_code, again.verdict) == (0, "identical"), again
    assert again.parts("source") and set(again.parts("source").values()) == {"identical"}


def test_submodule(golden: Golden) -> None:
    part = golden.project("", name="part", value__py="value = 1\n")
    project = golden.project(
        "import sys\nsys.path.insert(0, 'part')\nimport value\ntrack.metric('value', value.value)\n"
    )
    git(project, "submodule", "--quiet", "add", str(part), "part")
    git(project, "commit", "--quiet", "--message", "part")
    newer = commit(part, {"value.py": "value = 2\n"}, "newer")
    git(project / "part", "fetch", "--quiet")
    git(project / "part", "checkout", "--quiet", newer)  # another commit than the project's names
    (project / "part" / "value.py").write_text("value = 3\n")
    run = golden.run(project, LOCAL)
    git(project / "part", "checkout", "--quiet", "--force", "HEAD~1")
    again = golden.again(run)
    assert (again.exit_code, again.verdict) == (0, "identical"), again


def test_submodule_that_is_not_committed(golden: Golden) -> None:
    part = golden.project("", name="part", value__py="value = 1\n")
    project = golden.project(
        "import sys\nsys.path.insert(0, 'part')\nimport value\ntrack.metric('value', value.value)\n"
    )
    git(project, "submodule", "--quiet", "add", str(part), "part")
    run = golden.run(project, LOCAL)
    git(project, "reset", "--quiet", "--hard")
    shutil.rmtree(project / "part", ignore_errors=True)
    again = golden.again(run)
    assert (again.exit_code, again.verdict) == (0, "identical"), again


def test_deleted_remote(golden: Golden) -> None:
    project = golden.project("track.metric('loss', 0.25)\n")
    served = golden.folder / "served.git"
    git(golden.folder, "clone", "--quiet", "--bare", str(project), str(served))
    run = golden.run(served.as_uri(), LOCAL)
    shutil.rmtree(served)
    shutil.rmtree(project)
    again = golden.again(run)
    assert (again.exit_code, again.verdict) == (0, "identical"), again
    assert "restored from the files stored with the run" in again.err


def test_project_without_git_that_moved(golden: Golden) -> None:
    folder = golden.folder / "plain"
    folder.mkdir()
    project = golden.project("track.metric('loss', 0.25)\n")
    for name in ("MLproject", "train.py", "track.py"):
        shutil.move(project / name, folder / name)
    shutil.rmtree(project)
    run = golden.run(folder, LOCAL)
    shutil.rmtree(folder)
    again = golden.again(run)
    assert (again.exit_code, again.verdict) == (0, "identical"), again


def test_newer_release(golden: Golden, index: Path) -> None:
    project = golden.project(
        "import alpha, beta\ntrack.artifact('versions.txt', f'{alpha.__version__} {beta.__version__}')\n",
        python_env__yaml="dependencies:\n- alpha\n",
        MLproject="python_env: python_env.yaml\nentry_points:\n  main:\n    command: python train.py\n",
    )
    run = golden.run(project)
    wheels.make(index, "alpha", "9.0", requires=["beta"])
    wheels.make(index, "beta", "9.0")
    again = golden.again(run)
    assert (again.exit_code, again.verdict) == (0, "identical"), again
    assert golden.artifact(again.data["run_id"], "versions.txt") == "1.0 2.0"
    # the project itself would get others today
    assert golden.artifact(golden.run(project), "versions.txt") == "9.0 9.0"


def test_changed_input_is_refused_before_anything_runs(golden: Golden) -> None:
    project = golden.project(
        "import sys\ntrack.metric('size', len(open(sys.argv[1]).read()))\n",
        MLproject="entry_points:\n  main:\n    parameters:\n      data: path\n"
        "    command: python train.py {data}\n",
    )
    data = golden.folder / "data.csv"
    data.write_text("1,2\n")
    run = golden.run(project, LOCAL, "-P", "data=data.csv")
    same = golden.again(run)
    assert (same.exit_code, same.verdict) == (0, "identical"), same
    data.write_text("1,3\n")
    again = golden.again(run)
    assert again.exit_code == 2
    assert f"input data has changed: {data} is sha256:" in again.err and "it was sha256:" in again.err
    assert len(golden.runs()) == 2
    data.unlink()
    assert f"input data is missing: {data}" in golden.again(run).err


def test_conda(golden: Golden, index: Path, tmp_path: Path) -> None:
    channel = tmp_path / "channel"
    shutil.copytree(Path(conda_channel.shared().removeprefix("file://")), channel)
    project = golden.project(
        "import greeter\ntrack.artifact('greeter.txt', greeter.__version__)\n",
        conda__yaml=f"channels: [{channel.as_uri()}, nodefaults]\ndependencies: [python, greeter]\n",
        MLproject="conda_env: conda.yaml\nentry_points:\n  main:\n    command: python train.py\n",
    )
    run = golden.run(project)
    newer = conda_channel.module("greeter", "2.0")
    conda_channel.package(channel, "greeter", "2.0", newer, depends=["python >=3"], noarch="python")
    again = golden.again(run)
    assert (again.exit_code, again.verdict) == (0, "identical"), again
    assert golden.artifact(again.data["run_id"], "greeter.txt") == "1.1"


@pytest.mark.docker
def test_docker(golden: Golden) -> None:
    project = golden.project(
        "track.metric('loss', 0.5)\n",
        MLproject=f"docker_env:\n  image: {docker_engine.IMAGE}\nentry_points:\n"
        "  main:\n    command: python train.py\n",
    )
    again = golden.again(golden.run(project))
    assert (again.exit_code, again.verdict) == (0, "identical"), again
