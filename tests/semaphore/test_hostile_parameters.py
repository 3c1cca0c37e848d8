"""What tries to be code in a parameter never reaches Semaphore: it would be a template there."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from aiops import remediations
from aiops.adapters.semaphore_guard import against_params
from aiops.domain.remediation import Remediation
from tests.attacks import example, texts
from tests.remediation.test_executor import CANARIES
from tests.semaphore.conftest import Desk, remediation

pytestmark = pytest.mark.slow

HARMLESS = {"yes", "2026-11-23"}
"""Of the executor's corpus: words that YAML reads as something else. Semaphore is sent JSON, in which they are texts."""
MORE = [
    "{{7*7}}",
    "{ {7*7} }",
    "{%raw%}",
    "a}}",
    "#}",
    "${IFS}",
    "$HOME",
    "a&&b",
    "a&b",
    "a>b",
    "a<b",
    "a\nb",
    "a\rb",
    "a\x00b",
    "a\u2028b",
    "\u202egpj.exe",
    "\uff5b\uff5b7*7\uff5d\uff5d",
    "ünïcode",
    "[1, 2]",
    "['a']",
    "(1)",
    "!!python/object/apply:os.system [x]",
    "*alias",
    "&anchor",
    "a; b",
    "a | b",
    "a`b`",
    '"',
    "'",
    "a#b",
    "?",
    "x" * 1001,
]


@pytest.mark.parametrize("text", [text for text in [*CANARIES, *MORE] if text not in HARMLESS])
def test_a_text_that_could_be_code_is_never_sent_even_where_the_manifest_allows_all(desk: Desk, text: str) -> None:
    outcome = desk.run(params={"word": text.replace("CANARY", "/tmp/canary")})
    assert (outcome.status, outcome.started_at) == ("failure", None)
    assert "nothing was started" in outcome.reason
    assert desk.server.sent == []


@pytest.mark.parametrize("text", sorted(HARMLESS))
def test_a_word_that_yaml_would_misread_is_sent_as_a_text(desk: Desk, text: str) -> None:
    assert desk.run(params={"word": text}).status == "success"
    assert [json.loads(task["environment"]) for task in desk.server.sent] == [{"word": text}] * 2


def _catalogue() -> dict[str, Remediation]:
    return dict(remediations.load(remediations.SHIPPED))


@pytest.mark.parametrize("name", sorted(_catalogue()))
def test_no_playbook_of_the_catalogue_lets_one_through(desk: Desk, name: str) -> None:
    entry = _catalogue()[name]
    desk.templates = {name: 9}
    desk.server.template(9, name)
    honest = example(entry)
    for param, spec in entry.params.items():
        for _, text in texts():
            value = ["fine", text] if spec.type == "list" else text
            outcome = desk.run(entry=entry, params=honest | {param: value})
            assert outcome.status == "failure"
            assert f"{param!r}" in outcome.reason
    assert desk.server.asked == [], "Semaphore was not even asked for its template"


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"word": "x", "other": "y"},
        {"word": 7},
        {"word": True},
        {"word": ["x"]},
        {"ansible_become_exe": "x", "word": "x"},
    ],
)
def test_parameters_that_the_manifest_does_not_know_are_not_sent(desk: Desk, params: dict[str, Any]) -> None:
    entry = remediation(params={"word": {"description": "", "pattern": "[a-z]+", "required": True}})
    assert desk.run(entry=entry, params=params).status == "failure"
    assert desk.server.asked == []


def test_a_plan_cannot_even_hold_a_mapping(desk: Desk) -> None:
    with pytest.raises(ValidationError):
        desk.run(params={"word": {"__ansible_vault": "x"}})


@pytest.mark.parametrize("name", ["ansible_become_exe", "semaphore_vars", "Word", "a-b", "", "__x", "é"])
def test_a_manifest_cannot_name_a_parameter_that_ansible_would_obey(name: str) -> None:
    assert against_params({name: "x"})


@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=300)
@given(st.text())
def test_whatever_is_let_through_holds_no_sign_of_a_template_or_a_shell(text: str) -> None:
    if not against_params({"word": text, "words": [text]}):
        assert text.isascii()
        assert text.isprintable() or not text
        assert not set(text) & set("{}[]()<>$`'\"!&|;*?#^")
