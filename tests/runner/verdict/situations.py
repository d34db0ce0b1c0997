"""Situations with their right answers: pairs of runs in a store, and scripts that are performed twice."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

SAME, DIFFERS, FAILED = "same", "differs", "failed alike"


class Situation(NamedTuple):
    """Facts of two runs, as ``Made.run`` takes them, and what is to be said of them."""

    answer: str
    a: dict[str, Any]
    b: dict[str, Any]


def _metrics(a: dict[str, float], b: dict[str, float], answer: str) -> Situation:
    one, other = ({"metrics": {name: (value,) for name, value in values.items()}} for values in (a, b))
    return Situation(answer, one, other)


def _files(name: str, a: str, b: str, answer: str) -> Situation:
    beside = {"same.txt": b"same"}
    return Situation(
        answer, {"files": {name: a.encode(), **beside}}, {"files": {name: b.encode(), **beside}}
    )


def _json(a: dict[str, Any], b: dict[str, Any], answer: str) -> Situation:
    return _files("r.json", json.dumps(a), json.dumps(b), answer)


def _logged(a: str, b: str, answer: str, name: str = "best") -> Situation:
    return Situation(answer, {"logged": {name: a}}, {"logged": {name: b}})


def _printed(a: str, b: str, answer: str, **facts: Any) -> Situation:
    return Situation(answer, {"output": a.encode(), **facts}, {"output": b.encode(), **facts})


def _page(first: str, second: str, named: str) -> str:
    return f'<p id="{first}"></p><p id="{second}"></p><a href="#{named}">best</a>'


def _notebook(cell: str, executed: str, output: str) -> str:
    metadata = {"execution": {"iopub.execute_input": executed}}
    outputs = [{"output_type": "stream", "text": output}]
    cells = [{"cell_type": "code", "id": cell, "metadata": metadata, "outputs": outputs, "source": "x"}]
    return json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})


ONE, TWO = "6c84fb90-12c4-41e1-840d-7b25c5ee775a", "2fc1a1de-3c9b-4f4c-9e53-9d0c7d2a7f11"
THREE, FOUR = "110ec58a-a0f2-4ac4-8393-c866d813b8d1", "7d793037-a076-4b8e-91b9-1d3f1a3f3b1a"
ACC = {"metrics": {"acc": (0.5,)}}

PAIRS: dict[str, Situation] = {
    "a metric": _metrics({"acc": 0.5}, {"acc": 0.6}, DIFFERS),
    "a metric that is new": _metrics({"acc": 0.5}, {"acc": 0.5, "f1": 0.1}, DIFFERS),
    "a duration as a metric": _metrics({"acc": 0.5, "fit_time": 1.0}, {"acc": 0.5, "fit_time": 2.0}, SAME),
    "a rate as a metric": _metrics({"acc": 0.5, "tokens/s": 1.0}, {"acc": 0.5, "tokens/s": 2.0}, SAME),
    "memory as a metric": _metrics(
        {"acc": 0.5, "peak_memory_mb": 1.0}, {"acc": 0.5, "peak_memory_mb": 2.0}, SAME
    ),
    "a metric of the machine": _metrics(
        {"acc": 0.5, "system/cpu": 1.0}, {"acc": 0.5, "system/cpu": 2.0}, SAME
    ),
    "a lag as a metric": _metrics(
        {"acc": 0.5, "best_lag_ms": 1.0}, {"acc": 0.5, "best_lag_ms": 2.0}, DIFFERS
    ),
    "a lead time as a metric": _metrics(
        {"acc": 0.5, "lead_time": 1.0}, {"acc": 0.5, "lead_time": 2.0}, DIFFERS
    ),
    "a step size as a metric": _metrics(
        {"acc": 0.5, "time_step": 1.0}, {"acc": 0.5, "time_step": 2.0}, DIFFERS
    ),
    "a zero with a sign": _metrics({"acc": 0.0}, {"acc": -0.0}, SAME),
    "not a number": _metrics({"acc": float("nan")}, {"acc": float("nan")}, SAME),
    "nothing but a throughput": _metrics({"throughput": 1.0}, {"throughput": 2.0}, DIFFERS),
    "nothing but a duration": _metrics({"fit_time": 1.0}, {"fit_time": 2.0}, DIFFERS),
    "a parameter": _logged("3", "4", DIFFERS),
    "a window in seconds": _logged("1 s", "2 s", DIFFERS),
    "a lag in milliseconds": _logged("371 ms", "402 ms", DIFFERS),
    "an address as a parameter": _logged("localhost:8123", "localhost:8124", DIFFERS),
    "a duration as a parameter": Situation(
        SAME, {"logged": {"took": "1.2"}, **ACC}, {"logged": {"took": "1.3"}, **ACC}
    ),
    "a given parameter with the name of a duration": Situation(
        DIFFERS, {"params": {"max_time": "1"}, **ACC}, {"params": {"max_time": "2"}, **ACC}
    ),
    "a number in JSON": _json({"a": 1}, {"a": 2}, DIFFERS),
    "the order of names in JSON": _json({"a": 1, "b": 2}, {"b": 2, "a": 1}, SAME),
    "a duration in JSON": _json({"a": 1, "train_time": 1.5}, {"a": 1, "train_time": 2.5}, SAME),
    "a lag in JSON": _json({"optimal_lag": "12 ms"}, {"optimal_lag": "13 ms"}, DIFFERS),
    "a key of JSON that is new": _json({"a": 1}, {"a": 1, "b": 1}, DIFFERS),
    "a latency alone in a file": Situation(
        DIFFERS,
        {"files": {"slo.json": b'{"p99_latency": 17}'}},
        {"files": {"slo.json": b'{"p99_latency": 18}'}},
    ),
    "a cell": _files("t.csv", "a,b\n1,2\n", "a,b\n1,3\n", DIFFERS),
    "a column of durations": _files("t.csv", "a,mean_fit_time\n1,2\n", "a,mean_fit_time\n1,3\n", SAME),
    "a column of predictions": _files(
        "t.csv", "a,predicted_time\n1,2\n", "a,predicted_time\n1,3\n", DIFFERS
    ),
    "rows in another order": _files("t.csv", "a\n1\n2\n", "a\n2\n1\n", DIFFERS),
    "a word in a report": _files("r.md", "the best is a\n", "the best is b\n", DIFFERS),
    "a cell behind semicolons": _files("t.csv", "a;fit_time\n1;2\n", "a;fit_time\n3;2\n", DIFFERS),
    "a duration behind semicolons": _files("t.csv", "a;fit_time\n1;2\n", "a;fit_time\n1;3\n", SAME),
    "a date of the data": _files("t.csv", "date,y\n2020-01-01,1\n", "date,y\n2020-01-02,1\n", DIFFERS),
    "a timestamp of the data": _json({"timestamp": ["2020-01-01"]}, {"timestamp": ["2020-01-02"]}, DIFFERS),
    "a duration in TOML": _files("r.toml", "a = 1\nfit_time = 1.5\n", "a = 1\nfit_time = 2.5\n", SAME),
    "a number in TOML": _files("r.toml", "a = 1\nfit_time = 1.5\n", "a = 2\nfit_time = 1.5\n", DIFFERS),
    "a duration in an INI file": _files("r.ini", "[a]\nfit_time = 1\n", "[a]\nfit_time = 2\n", SAME),
    "a value in an INI file": _files("r.ini", "[a]\nb = 1\n", "[a]\nb = 2\n", DIFFERS),
    "ids of a page": _files("r.html", _page(ONE, TWO, ONE), _page(THREE, FOUR, THREE), SAME),
    "a link to another id of a page": _files(
        "r.html", _page(ONE, TWO, ONE), _page(THREE, FOUR, FOUR), DIFFERS
    ),
    "the ids and times of a notebook": _files(
        "r.ipynb", _notebook("a1b2", "2024-05-01T10:00:01", "0.5"), _notebook("c3d4", "", "0.5"), SAME
    ),
    "an output of a notebook": _files(
        "r.ipynb", _notebook("a1b2", "", "0.5"), _notebook("c3d4", "", "0.6"), DIFFERS
    ),
    "a file that is new": Situation(DIFFERS, {"files": {"a": b"1"}}, {"files": {"a": b"1", "b": b"1"}}),
    "a file below our folder": Situation(
        DIFFERS, {"files": {"reprise/a.json": b"1"}}, {"files": {"reprise/a.json": b"2"}}
    ),
    "a tag": Situation(DIFFERS, {**ACC, "own_tags": {"won": "a"}}, {**ACC, "own_tags": {"won": "b"}}),
    "a tag of MLflow": Situation(
        SAME, {**ACC, "own_tags": {"mlflow.note": "a"}}, {**ACC, "own_tags": {"mlflow.note": "b"}}
    ),
    "a log beside a result": _printed("loss 1\n", "loss 2\n", SAME, **ACC),
    "a log beside a file": _printed("loss 1\n", "loss 2\n", SAME, files={"a": b"1"}),
    "nothing but a log": _printed("loss 1\n", "loss 2\n", DIFFERS),
    "a log beside a given parameter": _printed("loss 1\n", "loss 2\n", DIFFERS, params={"C": "1"}),
    "a log beside a tag": _printed("loss 1\n", "loss 2\n", DIFFERS, own_tags={"team": "a"}),
    "a process in a log": _printed("PID: 4711 ready\n", "PID: 4712 ready\n", SAME),
    "a duration in a log": _printed("took 0.21 s\n", "took 0.22 s\n", SAME),
    "a lag in a log": _printed("best lag: 3 s\n", "best lag: 1 s\n", DIFFERS),
    "a uuid in a log": _printed(
        "session 6c84fb90-12c4-11e1-840d-7b25c5ee775a\n",
        "session 110ec58a-a0f2-4ac4-8393-c866d813b8d1\n",
        SAME,
    ),
    "a progress bar": _printed(
        "\r100%|##| 3/3 [00:01<00:00,  9.98it/s]\n", "\r100%|##| 3/3 [00:02<00:00,  7.12it/s]\n", SAME
    ),
    "an epoch of Keras": _printed(
        "3/3 - 1s - 12ms/step - loss: 0.5\n", "3/3 - 2s - 14ms/step - loss: 0.5\n", SAME
    ),
    "a loss of Keras": _printed(
        "3/3 - 1s - 12ms/step - loss: 0.5\n", "3/3 - 1s - 12ms/step - loss: 0.6\n", DIFFERS
    ),
    "a loss in a progress bar": _printed(
        "\r100%|##| 3/3 [00:01<00:00,  9.98it/s, loss=0.48]\n",
        "\r100%|##| 3/3 [00:01<00:00,  9.98it/s, loss=0.51]\n",
        DIFFERS,
    ),
    "stdout and stderr in another order": Situation(
        SAME,
        {"output": b"o\ne\n", "streams": "0 o\n2 e\n"},
        {"output": b"e\no\n", "streams": "0 e\n2 o\n"},
    ),
    "the exit code": Situation(DIFFERS, ACC, {**ACC, "exit_code": 1}),
    "the same failure": Situation(FAILED, {**ACC, "exit_code": 1}, {**ACC, "exit_code": 1}),
    "another failure": Situation(
        DIFFERS, {"output": b"no file\n", "exit_code": 1}, {"output": b"no module\n", "exit_code": 1}
    ),
}

CLIENT = """\
import json, os, sys, time, urllib.request
R, U, E = (os.environ[f"MLFLOW_{name}"] for name in ("RUN_ID", "TRACKING_URI", "EXPERIMENT_ID"))

def call(path, data, method="POST"):
    headers = {"Authorization": "Bearer " + os.environ["MLFLOW_TRACKING_TOKEN"]}
    headers["Content-Type"] = "application/json"
    request = urllib.request.Request(U + "/api/2.0/" + path, data, headers, method=method)
    with urllib.request.urlopen(request) as response:
        return json.loads(response.read() or b"{}")

def post(path, **body):
    return call("mlflow/runs/" + path, json.dumps(body).encode())

def metric(key, value, step=0, run=R):
    post("log-metric", run_id=run, key=key, value=value, step=step, timestamp=int(time.time() * 1000))

def param(key, value, run=R):
    post("log-parameter", run_id=run, key=key, value=str(value))

def artifact(name, text):
    call(f"mlflow-artifacts/artifacts/{E}/{R}/artifacts/{name}", text.encode(), "PUT")

def child(name):
    tags = [{"key": "mlflow.parentRunId", "value": R}, {"key": "mlflow.runName", "value": name}]
    made = post("create", experiment_id=E, start_time=int(time.time() * 1000), tags=tags)
    return made["run"]["info"]["run_id"]
"""

SCRIPTS: dict[str, tuple[str, str]] = {
    "children": (SAME, "for n in range(2):\n    metric('acc', n, run=child(f'fold {n}'))\n"),
    "metric_of_a_child": (DIFFERS, "metric('best', 1)\nmetric('acc', os.getpid(), run=child('fold'))\n"),
    "number_of_children": (
        DIFFERS,
        "metric('best', 1)\nn = len(os.listdir('count')) if os.path.isdir('count') else 0\n"
        "os.makedirs(f'count/{n}')\nfor i in range(n + 1):\n    metric('acc', 1, run=child('fold'))\n",
    ),
    "child_named_in_a_parameter": (
        SAME,
        "c = child('fold')\nmetric('acc', 1, run=c)\nparam('best_run', c)\n",
    ),
    "time_in_the_name_of_a_file": (SAME, "artifact(time.strftime('p_%Y%m%d_%H%M%S.csv'), 'a\\n1\\n')\n"),
    "run_in_the_name_of_a_file": (SAME, "artifact(f'p_{R}.csv', 'a\\n1\\n')\n"),
    "date_in_a_report": (
        SAME,
        "artifact('r.md', time.strftime('made %Y-%m-%d %H:%M:%S') + '\\nacc 0.5\\n')\n",
    ),
    "time_in_a_column": (DIFFERS, "artifact('f.csv', 'peak_at\\n' + str(time.time()) + '\\n')\n"),
    "clock_in_a_column": (SAME, "artifact('f.csv', 'a,created_at\\n1,' + str(time.time()) + '\\n')\n"),
    "epoch_as_a_number": (DIFFERS, "artifact('r.json', '{\"customer\": %d}' % (time.time() * 1000))\n"),
    "log_of_times": (SAME, "import datetime\nprint(datetime.datetime.now(), 'done')\nmetric('acc', 1)\n"),
    "nothing_but_times": (SAME, "import datetime\nprint(datetime.datetime.now(), 'epoch 1 done')\n"),
    "nothing_but_places": (SAME, "print(os.getcwd(), R, sys.prefix)\n"),
    "nothing_but_a_random_number": (DIFFERS, "import random\nprint(random.random())\n"),
    "two_streams": (
        SAME,
        "for n in range(200):\n    print('o', n, flush=True)\n"
        "    print('e', n, file=sys.stderr, flush=True)\n",
    ),
    "steps_by_threads": (
        SAME,
        "import random, threading\n\ndef log(n):\n"
        "    time.sleep(random.random() / 20)\n    metric('l', n / 10, step=n)\n"
        "threads = [threading.Thread(target=log, args=(n,)) for n in range(8)]\n"
        "[t.start() for t in threads]\n[t.join() for t in threads]\n",
    ),
    "the_same_failure": (FAILED, "open('not/here')\n"),
    "another_failure": (DIFFERS, "sys.exit(f'no {os.getpid()} here')\n"),
}
