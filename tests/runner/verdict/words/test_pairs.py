"""Pairs of texts that two runs of one script may write: what is a difference, and what is none.

The first run is in Europe and goes on from 10:00:00 to 10:01:00 UTC on May 1, 2024; the second one is in
America, from 15:30:00 to 15:31:00 UTC on June 2. Each pair is what the first and what the second one wrote.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

import pytest

from reprise.runner.verdict.comparison_rules import Looking
from reprise.runner.verdict.values import Agreement
from reprise.runner.verdict.words.known_texts import FOLDER, Aside
from reprise.runner.verdict.words.texts import TextStyle, compare_texts, compare_words
from reprise.schemas.tolerance import Closeness, Tolerance

SAME, CLOSE, OTHER = Agreement.IDENTICAL, Agreement.WITHIN_TOLERANCE, Agreement.DIVERGED
ID_A, ID_B = "3f2a91c0" * 4, "81bb0f3d" * 4
MODEL_A, MODEL_B = "m-" + "a1" * 16, "m-" + "b2" * 16


def aside(start: datetime, names: dict[str, str], host: str, pid: int, offset: int) -> Aside:
    started = int(start.timestamp() * 1000)
    digest = hashlib.sha256(host.encode()).hexdigest()[:16]
    return Aside(names, started, started + 60_000, digest, frozenset({pid}), offset)


A = aside(
    datetime(2024, 5, 1, 10, 0, 0, tzinfo=UTC),
    {
        ID_A: "run id",
        MODEL_A: "model id",
        "/home/ann/iris": FOLDER,
        "/home/ann": "home",
        "/home/ann/.venv": "environment",
        "http://127.0.0.1:40001": "tracking address",
    },
    "ann-laptop",
    7278,
    7200,
)
B = aside(
    datetime(2024, 6, 2, 15, 30, 0, tzinfo=UTC),
    {
        ID_B: "run id",
        MODEL_B: "model id",
        "/cache/work-v1/0123abcd/iris-2": FOLDER,
        "/root": "home",
        "/cache/envs-v1/x": "environment",
        "http://127.0.0.1:50002": "tracking address",
    },
    "node17.cluster",
    912,
    -14400,
)

IN_DATA = [
    # known to the letter, each for its own role
    (f"runs/{ID_A}/best.ckpt", f"runs/{ID_B}/best.ckpt", SAME),
    (f"preds_{ID_A}.csv", f"preds_{ID_B}.csv", SAME),
    (f"models:/{MODEL_A}", f"models:/{MODEL_B}", SAME),
    ("/home/ann/iris/data.csv", "/cache/work-v1/0123abcd/iris-2/data.csv", SAME),
    ("file:///home/ann/iris/a.csv", "file:///cache/work-v1/0123abcd/iris-2/a.csv", SAME),
    ("/home/ann/.cache/x", "/root/.cache/x", SAME),
    ("/home/ann/.venv/lib/a.py", "/cache/envs-v1/x/lib/a.py", SAME),
    ("http://127.0.0.1:40001/#/runs", "http://127.0.0.1:50002/#/runs", SAME),
    ("ann-laptop", "node17.cluster", SAME),
    ("worker@ann-laptop:8", "worker@node17.cluster:8", SAME),
    # what is known of the other run, or has another role
    (ID_B, ID_A, OTHER),
    (ID_A, "c" * 32, OTHER),
    (ID_A, MODEL_B, OTHER),
    ("/home/ann/data", "/cache/envs-v1/x/data", OTHER),
    ("/home/ann/iris/a.csv", "/cache/work-v1/0123abcd/iris-2/b.csv", OTHER),
    ("/home/ann-2/data", "/root-2/data", OTHER),
    ("ann-laptop", "node18.cluster", OTHER),
    (f"x{ID_A}", f"x{ID_B}", OTHER),
    # results, whatever they look like
    ("1s", "2s", OTHER),
    ("371 ms", "402 ms", OTHER),
    ("5 min", "6 min", OTHER),
    ("0:00:12", "0:00:13", OTHER),
    ("took 3 s", "took 4 s", OTHER),
    ("30215 samples/s", "29000 samples/s", OTHER),
    ("100.6 MB", "101.2 MB", OTHER),
    ("localhost:7278", "localhost:912", OTHER),
    ("pid 7278", "pid 912", OTHER),
    ("2024-05-01 10:00:05", "2024-06-02 15:30:05", OTHER),
    ("2024-05-01", "2024-06-02", OTHER),
    ("10:00:05", "15:30:07", OTHER),
    ("1714557605", "1717342205", OTHER),
    ("20240501_100005", "20240602_153005", OTHER),
    ("/tmp/tmpab12cd34", "/tmp/tmpzz98yx76", OTHER),
    ("/tmp/ckpt-30.pt", "/tmp/ckpt-31.pt", OTHER),
    ("at 0x7f3a12345678", "at 0x7f3a87654321", OTHER),
    ("c9bf9e57-1685-4c89-bafb-ff5af830be8a", "0f8fad5b-d9cb-469f-a165-70867728950e", OTHER),
    ("deadbeef", "cafebabe", OTHER),
    ("loss=17\rdone", "loss=18\rdone", OTHER),
    ("100%|##| 3/3 [00:01<00:00, 9.9it/s]", "100%|##| 3/3 [00:02<00:00, 7.1it/s]", OTHER),
    ("yes", "no", OTHER),
    ("", "x", OTHER),
]

IN_PROSE = [
    # dates and times within the run
    ("Report of 2024-05-01", "Report of 2024-06-02", CLOSE),
    ("Made on 1 May 2024", "Made on 2 June 2024", CLOSE),
    ("Made on 01 May 2024 10:00:31", "Made on 02 June 2024 15:30:31", CLOSE),
    ("Wednesday, May 1st, 2024", "Sunday, June 2nd, 2024", CLOSE),
    ("as of 05/01/2024, 10:00:09", "as of 06/02/2024, 15:30:09", CLOSE),
    ("as of 01.05.2024 10:00:09", "as of 02.06.2024 15:30:09", CLOSE),
    ("at 10:00:48 AM", "at 03:30:48 PM", CLOSE),
    ("at 12:00 (local time)", "at 11:30 (local time)", CLOSE),
    ("<dc:date>2024-05-01T12:00:05.123456</dc:date>", "<dc:date>2024-06-02T11:30:05.5</dc:date>", CLOSE),
    ("Generated 20240501-100005", "Generated 20240602-153005", CLOSE),
    # costs behind their names
    ("train_time: 0.109", "train_time: 0.2", CLOSE),
    ("Training time: 3.2 s", "Training time: 4.1 s", CLOSE),
    ("| fit_time | 0.31 |", "| fit_time | 0.35 |", CLOSE),
    ("**Duration:** 0:00:12", "**Duration:** 0:00:15", CLOSE),
    ("Peak memory: 100.6 MB", "Peak memory: 101.9 MB", CLOSE),
    # ids of the two runs, and such as are drawn anew
    (f"Run {ID_A}", f"Run {ID_B}", SAME),
    (
        "chart c9bf9e57-1685-4c89-bafb-ff5af830be8a, again c9bf9e57-1685-4c89-bafb-ff5af830be8a",
        "chart 0f8fad5b-d9cb-469f-a165-70867728950e, again 0f8fad5b-d9cb-469f-a165-70867728950e",
        SAME,
    ),
    # another day, another time, other results
    ("born 1990-01-01", "born 1991-01-01", OTHER),
    ("Report of 2024-05-01", "Report of 2024-06-05", OTHER),
    ("Report of 2024-04-29", "Report of 2024-06-02", OTHER),
    ("best day: 12 March 2023", "best day: 13 March 2023", OTHER),
    ("opens at 08:15", "opens at 09:45", OTHER),
    ("score 3:2", "score 3:1", OTHER),
    ("best lag: 3 s", "best lag: 1 s", OTHER),
    ("The best window is 5 min.", "The best window is 6 min.", OTHER),
    ("latency of 12 ms", "latency of 19 ms", OTHER),
    ("saw 30215 samples/s", "saw 29000 samples/s", OTHER),
    ("accuracy: 0.91", "accuracy: 0.92", OTHER),
    ("weights hash 0c1a9f00", "weights hash 77aa0b12", OTHER),
    ("see /tmp/tmpab12cd34/x", "see /tmp/tmpzz98yx76/x", OTHER),
    ("pid 7278", "pid 912", OTHER),
    (
        "from c9bf9e57-1685-4c89-bafb-ff5af830be8a to c9bf9e57-1685-4c89-bafb-ff5af830be8a",
        "from 0f8fad5b-d9cb-469f-a165-70867728950e to 11111111-d9cb-469f-a165-70867728950e",
        OTHER,
    ),
    ("the winner is a", "the winner is b", OTHER),
    ("one\ntwo", "two\none", OTHER),
    ("one\ntwo", "one", OTHER),
]

U1, U2 = "c9bf9e57-1685-4c89-bafb-ff5af830be8a", "0f8fad5b-d9cb-469f-a165-70867728950e"
H1, H2 = "0f3b" * 8, "9a7c" * 8

IN_MARKUP = [
    (
        f'<div id="{U1}"></div><script>plot("{U1}")</script>',
        f'<div id="{U2}"></div><script>plot("{U2}")</script>',
        SAME,
    ),
    (
        '<style>#T_ba1df_row0 {color: red}</style><table id="T_ba1df"><td id="T_ba1df_row0">1</td></table>',
        '<style>#T_e479f_row0 {color: red}</style><table id="T_e479f"><td id="T_e479f_row0">1</td></table>',
        SAME,
    ),
    ('<table id="T_12345"><td>1</td>', '<table id="T_67890"><td>1</td>', SAME),
    (
        '<path id="m0ca116a000"/><use xlink:href="#m0ca116a000" clip-path="url(#p0011223344)"/>'
        '<clipPath id="p0011223344"/>',
        '<path id="m8f10aa91c2"/><use xlink:href="#m8f10aa91c2" clip-path="url(#pfedcba9876)"/>'
        '<clipPath id="pfedcba9876"/>',
        SAME,
    ),
    (
        f"var map_{H1} = L.map('map_{H1}'); tile_layer_{H1}.addTo(map_{H1})",
        f"var map_{H2} = L.map('map_{H2}'); tile_layer_{H2}.addTo(map_{H2})",
        SAME,
    ),
    (f'<div id="altair-viz-{H1}"></div>', f'<div id="altair-viz-{H2}"></div>', SAME),
    (
        '<div id="ldavis_el1921407353984889687846"></div>',
        '<div id="ldavis_el2841407353984881234567"></div>',
        SAME,
    ),
    (
        '<p w:rsidR="00A77427"/><p w:rsidR="00A77427"/>',
        '<p w:rsidR="00B12F3C"/><p w:rsidR="00B12F3C"/>',
        SAME,
    ),
    ("<p>Made on 2024-05-01 12:00:31</p>", "<p>Made on 2024-06-02 11:30:31</p>", CLOSE),
    # not one to one
    ('<a id="T_ba1df"/><b href="#T_ba1df"/>', '<a id="T_e479f"/><b href="#T_00000"/>', OTHER),
    (f'<a id="{U1}"/><a id="{U1}"/>', f'<a id="{U2}"/><a id="{U1}"/>', OTHER),
    # ids that were not drawn, and things that are no ids
    ('<div id="model-a"></div>', '<div id="model-b"></div>', OTHER),
    ('<tr id="customer-10001">', '<tr id="customer-10002">', OTHER),
    ('<div id="fold1-best"></div>', '<div id="fold2-best"></div>', OTHER),
    ('<div id="accuracy">1</div>', '<div id="precision">1</div>', OTHER),
    ('<td class="best">a</td>', '<td class="last">a</td>', OTHER),
    ("<p>hash 3f2a91c0</p>", "<p>hash 81bb0f3d</p>", OTHER),
    ("<td>ba1df</td>", "<td>e479f</td>", OTHER),
    ('<table id="T_ba1df"><td>0.91</td>', '<table id="T_e479f"><td>0.92</td>', OTHER),
    ('<a href="page1.html">', '<a href="page2.html">', OTHER),
    ('<path d="M 1 2"/>', '<path d="M 1 3"/>', OTHER),
]

IN_LOGS = [
    # clocks
    ("2024-05-01 10:00:05,123 INFO hi", "2024-06-02 15:30:09,001 INFO hi", CLOSE),
    ("2024-05-01T10:00:05Z hi", "2024-06-02T15:30:05Z hi", CLOSE),
    ("2024-05-01T10:00:05.123456+00:00 hi", "2024-06-02T15:30:05.5+00:00 hi", CLOSE),
    ("2024/05/01 10:00:05 INFO hi", "2024/06/02 15:30:05 INFO hi", CLOSE),
    ("2024-05-01 12:00:05.250000", "2024-06-02 11:30:05.1", CLOSE),
    ("24-05-01 10:00:05 hi", "24-06-02 15:30:05 hi", CLOSE),
    ("24/05/01 10:00:05 INFO Spark", "24/06/02 15:30:05 INFO Spark", CLOSE),
    ("[01/May/2024:10:00:05 +0000] GET", "[02/Jun/2024:15:30:05 +0000] GET", CLOSE),
    ("Wed May  1 10:00:05 2024", "Sun Jun  2 15:30:05 2024", CLOSE),
    ("Wed May  1 10:00:05 UTC 2024", "Sun Jun  2 15:30:05 UTC 2024", CLOSE),
    ("01 May 2024 10:00:05 GMT", "02 Jun 2024 15:30:05 GMT", CLOSE),
    ("05/01/2024 10:00:05 AM hi", "06/02/2024 03:30:05 PM hi", CLOSE),
    ("[10:00:05] epoch 1", "[15:30:07] epoch 1", CLOSE),
    ("10:00:48 AM start", "03:30:12 PM start", CLOSE),
    ("I0501 10:00:49.836228 18344 trainer.cc:12] hi", "I0602 15:30:49.000001 999 trainer.cc:12] hi", CLOSE),
    ("started 1714557605", "started 1717342205", CLOSE),
    ("started 1714557605.25", "started 1717342205.5", CLOSE),
    ("run-20240501_100005 begins", "run-20240602_153005 begins", CLOSE),
    ("May  1 10:00:05 host app: hi", "Jun  2 15:30:05 host app: hi", CLOSE),
    # durations, where a word or a form says so
    ("done in 0:00:00.301019", "done in 0:00:00.412", CLOSE),
    ("0:00:00.301019", "0:00:00.401020", CLOSE),
    ("elapsed: 0.184", "elapsed: 0.2", CLOSE),
    ("took 1.234561", "took 2.5", CLOSE),
    ("epoch took 3.2 s", "epoch took 4.1 s", CLOSE),
    ("waited 12 ms", "waited 13 ms", CLOSE),
    ("Elapsed 00:00:21", "Elapsed 00:00:23", CLOSE),
    (
        "Epoch 1/1 ---- 10/10 0:00:12 • 0:00:00 loss 0.5",
        "Epoch 1/1 ---- 10/10 0:00:15 • 0:00:00 loss 0.5",
        CLOSE,
    ),
    ("fit in 0m26s", "fit in 0m31s", CLOSE),
    ("train_time=0.109", "train_time=0.2", CLOSE),
    ("{'train_runtime': 12.3, 'train_loss': 0.5}", "{'train_runtime': 15.1, 'train_loss': 0.5}", CLOSE),
    ("Training time: 3.2 seconds", "Training time: 4 seconds", CLOSE),
    ("--- 12.3 seconds ---", "--- 14.9 seconds ---", CLOSE),
    ("===== 3 passed in 0.12s =====", "===== 3 passed in 0.19s =====", CLOSE),
    ("Prepared 12 packages in 300ms", "Prepared 12 packages in 1.2s", CLOSE),
    (
        "[CV] END ..C=0.1;, score=0.9 total time=   0.0s",
        "[CV] END ..C=0.1;, score=0.9 total time=   0.2s",
        CLOSE,
    ),
    ("| elapsed:    0.1s finished", "| elapsed:    0.3s finished", CLOSE),
    (
        "0:\tlearn: 0.3\ttotal: 46.5ms\tremaining: 1.2s",
        "0:\tlearn: 0.3\ttotal: 50.1ms\tremaining: 1.4s",
        CLOSE,
    ),
    ("overhead of testing was 0.001234 seconds", "overhead of testing was 0.002 seconds", CLOSE),
    ("10/10 ━━━━ 1s 4ms/step - loss: 0.3", "10/10 ━━━━ 2s 6ms/step - loss: 0.3", CLOSE),
    ("Wall time: 1.2 s", "Wall time: 1.5 s", CLOSE),
    ("CPU times: user 1 s, sys: 2 ms, total: 1 s", "CPU times: user 2 s, sys: 3 ms, total: 2 s", CLOSE),
    ("real\t0m1.200s", "real\t0m1.900s", CLOSE),
    # rates, progress, memory
    ("98.1 samples/s", "103.7 samples/s", CLOSE),
    ("speed 1.2 MB/s", "speed 1.9 MB/s", CLOSE),
    ("12.5 ms/step", "13.1 ms/step", CLOSE),
    ("100%|#####| 10/10 [00:01<00:00,  9.51it/s]", "100%|#####| 10/10 [00:02<00:00,  4.2it/s]", CLOSE),
    (
        "100%|##| 3/3 [00:01<00:00,  9.98it/s, loss=0.4821]",
        "100%|##| 3/3 [00:02<00:00,  7.01it/s, loss=0.4821]",
        CLOSE,
    ),
    ("10it [00:01,  9.98it/s]", "10it [00:02,  4.98it/s]", CLOSE),
    (" 10%|#\r 50%|##\r100% done", "100% done", CLOSE),
    ("step 1/9 loss 3\rstep 9/9 loss 1", "step 5/9 loss 2\rstep 9/9 loss 1", CLOSE),
    ("peak memory: 100.6 MB", "peak memory: 101.9 MB", CLOSE),
    ("GPU memory allocated: 1,234 MiB", "GPU memory allocated: 1,299 MiB", CLOSE),
    # names of processes, places and ports
    ("PID: 7278", "PID: 912", SAME),
    ("process 7278 started", "process 912 started", SAME),
    ("[7278] ready", "[912] ready", SAME),
    ("INFO 7278 --- hi", "INFO 912 --- hi", SAME),
    ("(7278) hi", "(912) hi", SAME),
    ("PID: 5555", "PID: 4444", CLOSE),
    ("Process ID 5555 started", "Process ID 4444 started", CLOSE),
    ("session c9bf9e57-1685-4c89-bafb-ff5af830be8a", "session 0f8fad5b-d9cb-469f-a165-70867728950e", CLOSE),
    ("<object at 0x7f3a12345678>", "<object at 0x7f3a87654321>", CLOSE),
    ("<function f at 0x7f3a12345678>", "<function f at 0x7f3a87654321>", CLOSE),
    ("saved /tmp/tmpab12cd34/model.bin", "saved /tmp/tmpzz98yx76/model.bin", CLOSE),
    ("saved /tmp/job_k3j9x0ab/model.bin", "saved /tmp/job_0a9b8c7d/model.bin", CLOSE),
    ("Serving on http://127.0.0.1:40123/", "Serving on http://127.0.0.1:5050/", CLOSE),
    ("in '/c/work-v1/0123456789abcdef/t.py'", "in '/other/c/work-v1/fedcba9876543210/t.py'", CLOSE),
    ("project iris", "project iris-2", SAME),
    ("../../../etc", "../../../../etc", SAME),
    ("/home/ann/.venv/lib/a.py:10: RuntimeWarning", "/cache/envs-v1/x/lib/a.py:10: RuntimeWarning", SAME),
    (
        f"View run at http://127.0.0.1:40001/#/runs/{ID_A}",
        f"View run at http://127.0.0.1:50002/#/runs/{ID_B}",
        SAME,
    ),
    ("one\ntwo\n", "one\r\ntwo\r\n", CLOSE),
    # findings
    ("best lag: 3 s", "best lag: 1 s", OTHER),
    ("horizon 5 h", "horizon 6 h", OTHER),
    ("distance 12 m", "distance 13 m", OTHER),
    ("speed 9.8 m/s", "speed 3.2 m/s", OTHER),
    ("window of 30 s chosen", "window of 60 s chosen", OTHER),
    ("best 0:01:23", "best 0:01:24", OTHER),
    ("best checkpoint: /tmp/ckpt-30.pt", "best checkpoint: /tmp/ckpt-31.pt", OTHER),
    ("best checkpoint: /tmp/ckpt-7278.pt", "best checkpoint: /tmp/ckpt-912.pt", OTHER),
    ("best 7278", "best 912", OTHER),
    ("saved /tmp/tmpab12cd34/a.bin", "saved /tmp/tmpzz98yx76/b.bin", OTHER),
    ("saved /tmp/best_epoch012", "saved /tmp/best_epoch013", OTHER),
    (
        "100%|##| 3/3 [00:01<00:00,  9.98it/s, loss=0.4821]",
        "100%|##| 3/3 [00:01<00:00,  9.98it/s, loss=0.9911]",
        OTHER,
    ),
    ("100%|##| 3/3 [00:01<00:00, 9.98it/s]", "100%|##| 4/4 [00:01<00:00, 9.98it/s]", OTHER),
    ("loss=17\rdone", "loss=18\rdone", OTHER),
    ("found 3\rall good", "found 4\rall good", OTHER),
    ("weights hash at 0x0c1a9f00aa", "weights hash at 0x77aa0b12cc", OTHER),
    ("sha256 0c1a9f00aa", "sha256 77aa0b12cc", OTHER),
    ("took 3 steps", "took 4 steps", OTHER),
    ("trained on 12 files in 3 folders", "trained on 12 files in 4 folders", OTHER),
    ("model 1714557605999123", "model 1714557605999124", OTHER),
    ("born 1990-01-01 00:00:00", "born 1991-01-01 00:00:00", OTHER),
    ("meeting at 08:15:00", "meeting at 08:16:00", OTHER),
    ("epoch 1", "epoch 2", OTHER),
    ("best epoch time: loss 0.3", "best epoch time: loss 0.4", OTHER),
    ("accuracy 91.2%", "accuracy 91.3%", OTHER),
    ("0.5 loss", "0.6 loss", OTHER),
    ("disk 100.6 MB", "disk 101.9 MB", OTHER),
    ("file has 512 KB", "file has 513 KB", OTHER),
    ("project other", "project another", OTHER),
    (f"run {ID_B}", f"run {ID_A}", OTHER),
    ("a\nb", "a", OTHER),
    ("a\n", "a", OTHER),
    ("a\nb", "b\na", OTHER),
    ("warning: x", "", OTHER),
]

PAIRS = [
    *((TextStyle.DATA, *row) for row in IN_DATA),
    *((TextStyle.PROSE, *row) for row in IN_PROSE),
    *((TextStyle.MARKUP, *row) for row in IN_MARKUP),
    *((TextStyle.LOG, *row) for row in IN_LOGS),
]


@pytest.mark.parametrize(("style", "a", "b", "expected"), PAIRS)
def test_pairs(style: TextStyle, a: str, b: str, expected: Agreement) -> None:
    found = compare_texts(a, b, Looking(of_a=A, of_b=B), style)
    assert found.agreement is expected, found
    if style is TextStyle.DATA:
        assert compare_words(a, b, Looking(of_a=A, of_b=B)).agreement is expected
    if found.agreement is CLOSE:
        strict = Looking(of_a=A, of_b=B, tolerance=Tolerance(strict=True))
        assert compare_texts(a, b, strict, style).agreement is OTHER or "\r" in a + b


def test_there_are_pairs_of_both_kinds() -> None:
    others = sum(expected is OTHER for *_, expected in PAIRS)
    assert len(PAIRS) >= 150 and others >= 60


@pytest.mark.parametrize(("style", "a", "b", "expected"), PAIRS)
def test_a_text_is_the_same_as_itself(style: TextStyle, a: str, b: str, expected: Agreement) -> None:
    for text in (a, b):
        assert compare_texts(text, text, Looking(of_a=A, of_b=B), style).agreement is SAME


@pytest.mark.parametrize("style", [TextStyle.PROSE, TextStyle.LOG])
def test_numbers_are_close_by_the_tolerance_alone(style: TextStyle) -> None:
    close = Looking(Closeness(1e-6), A, B)
    exactly = Looking(of_a=A, of_b=B)
    pair = ("loss=0.12345678, 3 left", "loss=0.12345679, 3 left")
    assert compare_texts(*pair, close, style).agreement is CLOSE
    assert compare_texts(*pair, close, style).note.endswith("1 number differs by up to 1e-08")
    assert compare_texts(*pair, exactly, style).agreement is OTHER
    assert compare_texts("loss=0.1234", "loss=0.1235", close, style).agreement is OTHER
    assert compare_texts("seen 10000000", "seen 10000001", close, style).agreement is OTHER
    assert compare_texts("v1.2.3", "v1.2.4", Looking(Closeness(0.5)), style).agreement is OTHER
