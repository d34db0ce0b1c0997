"""Values in commands, as the real bash sees them: each arrives as it is, or is refused."""

from __future__ import annotations

import random
import string
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from reprise.runner.shell.filling import Unwritable, fill_command

NASTY = "a 'b' \"c\" $d ; e\nf `g` $(touch pwned) \\ * {i} é ! #x"
ATOMS = (
    *"'\"$`\\!;|&(){}#*?~<>=[],^ab \n\t",
    *("EOF", "é", "日", "$(id)", "`id`", "${HOME}", "\\n", "''", '""', "\\'", '\\"', "\nEOF\n", "..", "$'"),
)

# Templates in which {x} stands at every kind of place, and what they print of its value V.
ARRIVES = {
    "printf %s. {x}": "V.",
    "printf %s. '{x}'": "V.",
    'printf %s. "{x}"': "V.",
    "printf %s. $'{x}'": "V.",
    "printf %s. $'\\t{x}'": "\tV.",
    'printf %s. $"{x}"': "V.",
    "printf %s. a'b{x}c'd": "abVcd.",
    "printf %s. \\'{x}\\'": "'V'.",
    "printf %s. '{x}''{x}'\"{x}\"{x}": "VVVV.",
    "printf %s. \"$H{x}\" $H'{x}' $H{x}": "hV.hV.hV.",
    'printf %s. "${{H}}{x}" "$((1 + 2)){x}" "$?{x}"': "hV.3V.0V.",
    "printf %s. {{1,{x}}}": "1.V.",
    'printf %s. "\\{x}"': "\\V.",
    'printf %s. "$(printf %s. {x})"': "V..",
    'printf %s. "$(printf %s. \'{x}\')" "$(printf %s. "{x}")"': "V..V..",
    'printf %s. "`printf %s. {x}`"': "V..",
    'printf %s. "`printf %s. \'{x}\'`" "`printf %s. "{x}"`"': "V..V..",
    "A=`printf %s. $'{x}'`; printf %s. \"$A\"": "V..",
    "cat <(printf %s. '{x}') <<<'{x}' - <<< \"{x}.\"": "V.V.\n",
    "cat <<EOF\na {x} b\nEOF\n": "a V b\n",
    "cat <<'EOF'; printf '{x}'\na {x} b\nEOF\n": None,
    "cat <<A; cat <<-'B'\n{x}\nA\n\t{x}!\n\tB\nprintf %s. '{x}'": "V\nV!\nV.",
    "cat <<EOF\n$(printf %s. '{x}')\nEOF\n": "V.\n",
    "printf ok # {x}": "ok",
    "printf ok #'{x}\nprintf %s. '{x}'": "okV.",
    "bash -c \"printf %s. '{x}!'\"": "V!.",
    "bash -c 'printf %s. \"{x}!\" {x}'": "V!.V.",
    'env Z=\'{x}\' bash -ec \'bash -c "printf %s. \\"{x}!\\" \\"\\$Z\\""\'': "V!.V.",
    "eval \"printf %s. '{x}!'\"; trap 'printf %s. \"{x}!\"' EXIT": "V!.V!.",
    "bash -c 'printf %s. \"$1\"' _ '{x}'": "V.",
    "echo bash -c '{x}.' >/dev/null; printf %s. '{x}'": "V.",
    "python3 -c 'import sys; print(*sys.argv[1:])' '{x}' -c \"{x}!\"": "V -c V!\n",
    "python3 -c 'import sys; print(sys.argv[2])' -c \"conf/{x}\"": "conf/V\n",
    "awk -v n=1 'BEGIN{{printf \"%s.\", ARGV[1]}}' '{x}'": "V.",
    "if true; then printf %s. \"{x}\"; fi; case a in a) printf %s. '{x}';; esac": "V.V.",
    "A=('{x}' \"{x}\"); printf %s. \"${{A[@]}}\" \\\n  '{x}' 2>&1": "V.V.V.",
    "[[ \"{x}\" == '{x}' ]] && printf %s. '\"{x}\"' \"'{x}'\"": "\"V\".'V'.",
    'f() {{ printf %s. "$1"; }}; f \'{x}\' && (f "{x}")': "V.V.",
    "printf %s. $# a'#'{x} $$'{x}' >/dev/null; printf %s. '{x}'": "V.",
}
REFUSED = {
    "echo $(( {x} ))": "arithmetic",
    "(( {x} > 1 )) && echo": "arithmetic",
    "let 'n={x}'": "program of arithmetic",
    "echo ${{Y:-{x}}}": "in ${...}",
    "echo \"${{Y:-'a'}} {x}\"": "does not make clear",
    "echo `echo \\`echo '{x}'\\``": "does not make clear",
    "echo $(case a in a) echo '{x}';; esac)": "does not make clear",
    "echo $(echo a # it's\n) '{x}'": "does not make clear",
    "echo ${x}": "follows a $",
    "echo $'\\{x}'": "follows a backslash",
    "cat <<{x}\na\n{x}\n": "delimiter of a here-document",
    "python -c \"print('{x}')\"": "program of Python",
    "/usr/bin/python3.11 -W ignore -Ec \"print('{x}')\"": "program of Python",
    "perl -ne 'print \"{x}\"'": "program of Perl",
    "Rscript -e \"cat('{x}')\"": "program of R",
    "awk '{{print \"{x}\"}}' file": "program of awk",
    "ssh host \"ls '{x}'\"": "shell of another machine",
    "sh -c \"echo $'{x}'\"": "may not support",
}


def parts_of(template: str) -> list[tuple[str, str | None]]:
    return [(text, name) for text, name, _, _ in string.Formatter().parse(template)]


def fill(template: str, value: str) -> str:
    return fill_command(parts_of(template), {"x": value})


def said_by_bash(command: str, folder: Path) -> str:
    environ = {"PATH": "/usr/bin:/bin", "HOME": "/home/h", "H": "h", "LC_ALL": "C.UTF-8"}
    done = subprocess.run(
        ["bash", "-c", command], env=environ, cwd=folder, capture_output=True, check=False
    )
    return done.stdout.decode()


@pytest.mark.parametrize("template", ARRIVES)
def test_values_arrive_as_they_are(template: str, tmp_path: Path) -> None:
    chosen = random.Random(template)
    values = [NASTY, "", "x", "two words", "it's", *("".join(chosen.choices(ATOMS, k=4)) for _ in range(4))]
    expected = ARRIVES[template]
    for value in values:
        try:
            command = fill(template, value)
        except Unwritable:
            assert value not in ("x", "two words", "it's")
            continue
        said = said_by_bash(command, tmp_path)
        if expected is not None:
            assert said == expected.replace("V", value), command
        assert not (tmp_path / "pwned").exists()


@pytest.mark.parametrize("template", REFUSED)
def test_where_a_value_cannot_be_quoted_it_is_refused(template: str) -> None:
    for value in ("two words", NASTY, "'; echo", ""):
        with pytest.raises(Unwritable) as caught:
            fill(template, value)
        assert REFUSED[template] in caught.value.reasons["x"]
    assert fill(template, "7") == template.format(x="7")


@pytest.mark.parametrize("template", [*ARRIVES, *REFUSED])
def test_a_harmless_value_stays_as_it_is(template: str) -> None:
    if "$H{x}" not in template:
        assert fill(template, "-1.5e3/a_b@c") == template.format(x="-1.5e3/a_b@c")


@pytest.mark.parametrize(
    ("template", "value"),
    [
        ("cat <<EOF\n{x}\nEOF\n", "EOF"),
        ("cat <<EOF\n{x}F\nEOF\n", "EO"),
        ("cat <<'EOF'\n{x}\nEOF\n", "a\nEOF\nb"),
        ("cat <<-EOF\n\t{x}\nEOF\n", "a\n\tEOF\nb"),
        ("cat <<EOF\n{x}", "EOF\ntouch pwned"),
        ("true # {x}", "a\ntouch pwned"),
        ("echo \\{x}", ""),
        ("echo \\{x}", "\ntouch pwned"),
    ],
)
def test_a_value_that_would_end_what_it_stands_in_is_refused(template: str, value: str) -> None:
    with pytest.raises(Unwritable):
        fill(template, value)


def nested(chosen: random.Random, depth: int) -> tuple[str, str]:
    """A template of programs in programs, and what it prints."""
    if depth == 0:
        word, said = chosen.choice(
            [
                ("{x}", "V"),
                ("'{x}'", "V"),
                ('"{x}"', "V"),
                ("$'{x}'", "V"),
                ("p'{x}'q", "pVq"),
                ('"$H{x}"', "hV"),
            ]
        )
        return f"printf %s. {word}", f"{said}."
    inner, said = nested(chosen, depth - 1)
    single, double, backtick = f"""'{inner.replace("'", "'" + chr(92) + "''")}'""", inner, inner
    for char in '\\"$`':
        double = double.replace(char, f"\\{char}")
    for char in "\\`$":
        backtick = backtick.replace(char, f"\\{char}")
    return chosen.choice(
        [
            (f"bash -c {single}", said),
            (f'bash -c "{double}"', said),
            (f"eval {single}", said),
            (f"( {inner} )", said),
            (f'printf %s. "$( {inner} )"', f"{said}."),
            (f'printf %s. "`{backtick}`"', f"{said}."),
            (f"{inner}; printf %s. '{{x}}'", f"{said}V."),
        ]
    )


def test_programs_in_programs_get_values_as_they_are(tmp_path: Path) -> None:
    chosen = random.Random(20240229)
    arrived = 0
    for number in range(120):
        template, expected = nested(chosen, 1 + number % 4)
        value = "".join(chosen.choices(ATOMS, k=chosen.randint(0, 5)))
        try:
            command = fill(template, value)
        except Unwritable:
            continue
        assert said_by_bash(command, tmp_path) == expected.replace("V", value), (template, value)
        arrived += 1
    assert arrived > 100


def test_arguments_follow_where_they_can() -> None:
    texts: Mapping[str, str] = {"x": "1", "more": "a b"}
    assert fill_command(parts_of("run {x}"), texts, ["more"]) == "run 1 --more 'a b'"
    assert fill_command(parts_of("run '{x}'"), {**texts, "x": "it's"}, ["more"]).endswith(" --more 'a b'")
    for command in ("run {x} # why", "run '{x}", "run {x} \\", "cat <<E\n{x}\nE"):
        with pytest.raises(Unwritable, match="no argument can follow"):
            fill_command(parts_of(command), texts, ["more"])


def test_masks_are_shown_everywhere() -> None:
    texts = {"x": "******"}
    assert fill_command(parts_of("run {x} '{x}'"), texts, masked={"x"}) == "run '******' '******'"
    assert fill_command(parts_of("echo $(({x}))"), texts, masked={"x"}) == "echo $((******))"


def test_all_values_that_are_refused_are_named() -> None:
    with pytest.raises(Unwritable) as caught:
        fill_command(parts_of("echo $(({a})) ${{B:-{b}}} '{c}'"), {"a": "1 2", "b": "3 4", "c": "5 6"})
    assert caught.value.reasons.keys() == {"a", "b"}


def test_a_command_of_many_layers_is_no_trouble() -> None:
    template = "echo " + "$(echo " * 5000 + "{x}" + ")" * 5000
    with pytest.raises(Unwritable, match="too deep"):
        fill(template, "two words")


def test_a_value_that_is_all_of_a_program_is_that_program(tmp_path: Path) -> None:
    for template in ("bash -c {x}", "bash -c '{x}'", 'bash -c "{x}"', "eval {x}", "$(echo {x})"):
        assert said_by_bash(fill(template, "printf '%s.' 1"), tmp_path).strip("'") == "1."
