"""A placeholder that nothing can fill is told with the way to write it."""

from __future__ import annotations

import pytest

from reprise.schemas.template import template_faults


@pytest.mark.parametrize(
    "command",
    [
        "python train.py --C {C} --batch-size {batch-size}",
        "echo $HOME $(echo {C}) `pwd` | tee log && echo {{literal}} ${{HOME}}",
        "python x.py \\\n  --C {C} \\\n",
        "python main.py steps=\\'{C}\\'",
        "awk '{{print $1}}'",
        "echo {with space}",
        "",
    ],
)
def test_what_can_be_filled(command: str) -> None:
    assert list(template_faults(command, {"C", "batch-size", "with space"})) == []


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        ("x {alpah}", '"{alpah}" is not a declared parameter; did you mean "alpha"?'),
        ("x {zzz}", '"{zzz}" is not a declared parameter; declare it below "parameters:"'),
        ("x { alpha }", '"{ alpha }" is not a declared parameter; did you mean "alpha"?'),
        ("x {}", '"{}" has no name; write the name of a parameter, or {{}} for the braces'),
        ("x {0}", '"{0}" has no name; write the name of a parameter, or {{0}} for the braces'),
        ("x {alpha!r}", '"{alpha!r}" has a format; a parameter is passed as it is, write {alpha}'),
        ("x {alpha:.3f}", '"{alpha:.3f}" has a format; a parameter is passed as it is, write {alpha}'),
        ("x {alpha.real}", '"{alpha.real}" looks into a parameter, which is only text; write {alpha}'),
        ("x {alpha[0]}", '"{alpha[0]}" looks into a parameter, which is only text; write {alpha}'),
        (
            "x ${HOME}",
            '"${HOME}" is read as a parameter, which is not declared; '
            "the shell's own is written $HOME or ${{HOME}}",
        ),
        (
            "x ${A:-b}",
            '"${A:-b}" is read as a parameter, which is not declared; '
            "the shell's own is written ${{A:-b}}",
        ),
        (
            "awk '{print $1}'",
            '"{print $1}" is not a declared parameter; literal braces are written {{ and }}',
        ),
        ("x '{\"a\": 1}'", '"{"a": 1}" is not a declared parameter; literal braces are written {{ and }}'),
        ("x {", 'a single "{"; write a literal brace as {{'),
        ("x {alpha", 'a single "{"; write a literal brace as {{'),
        ("x }", 'a single "}"; write a literal brace as }}'),
        ("x {alpha!}", 'a single "{"; write a literal brace as {{'),
    ],
)
def test_what_cannot(command: str, sentence: str) -> None:
    assert list(template_faults(command, {"alpha"})) == [sentence]


def test_each_placeholder_is_told_once() -> None:
    assert len(list(template_faults("{a} {a} {b}", {}))) == 2
