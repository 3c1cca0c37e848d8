import json

import jsonschema
import pytest

from aiops.adapters.litellm_answer import answer_schema, messages, verdict_from
from aiops.domain.severity import Severity
from aiops.errors import ThinkerError
from tests.llm.questions import HOSTILE, answer, finding, question


def test_a_good_answer_is_the_verdict() -> None:
    asked = question()
    verdict = verdict_from(answer(asked), asked, "llm:stub")
    assert (verdict.action, verdict.playbook, verdict.confidence) == ("remediate", "reinstall_package", "high")
    assert verdict.incident == asked.incident.id
    assert verdict.evidence == (asked.incident.findings[0].fingerprint,)
    assert verdict.source == "llm:stub"


@pytest.mark.parametrize(
    "wrapped", ["```json\n{}\n```", "```\n{}\n```", "<think>The user wants {{...}}\n</think>\n\n{}", "  \n{}\n  "]
)
def test_a_fence_or_thoughts_around_the_answer_are_taken_off(wrapped: str) -> None:
    asked = question()
    verdict = verdict_from(wrapped.replace("{}", answer(asked)), asked, "llm:stub")
    assert verdict.playbook == "reinstall_package"


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"playbook": "wipe"}, "'wipe', which was not offered"),
        ({"action": "investigate", "playbook": "wipe"}, "'wipe', which was not offered"),
        ({"playbook": ""}, "names no playbook"),
        ({"evidence": ["0123456789abcdef"]}, "evidence that does not exist: 0123456789abcdef"),
    ],
)
def test_what_lies_outside_the_question_becomes_a_call_for_a_human_with_the_reason(
    changes: dict[str, str], why: str
) -> None:
    asked = question()
    verdict = verdict_from(answer(asked, **changes), asked, "llm:stub")
    assert (verdict.action, verdict.playbook, verdict.evidence, verdict.confidence) == ("alert_human", "", (), "low")
    assert why in verdict.reason
    assert "removed by mistake" in verdict.reason
    assert verdict.source == "llm:stub"


def test_a_model_may_drop_a_warning_but_no_critical_incident() -> None:
    warning, critical = question(), question(severity=Severity.CRITICAL)
    drop = {"action": "drop", "playbook": ""}
    assert verdict_from(answer(warning, **drop), warning, "llm:stub").action == "drop"
    assert verdict_from(answer(critical, **drop), critical, "llm:stub").action == "alert_human"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "The package should be reinstalled.",
        "null",
        "[]",
        '{"action": "remediate"}',
        '{"action": "remediate", "playbook": "reinstall_package", "reason": "r", "confidence": "high", "evidence": [1]}',
        '{"action": "destroy", "playbook": "", "reason": "r", "confidence": "high", "evidence": []}',
        '{"action": "drop", "playbook": "", "reason": "", "confidence": "high", "evidence": []}',
        '{"action": "drop", "playbook": "", "reason": "r", "confidence": "high", "evidence": [], "command": "rm"}',
        "[" * 100_000,
    ],
)
def test_what_has_not_the_asked_form_is_no_answer(text: str) -> None:
    with pytest.raises(ThinkerError, match="has not the asked form"):
        verdict_from(text, question(), "llm:stub")


def test_the_schema_that_is_sent_closes_playbooks_and_evidence() -> None:
    asked = question(finding(), finding("rsyslog"))
    schema = answer_schema(asked)
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(json.loads(answer(asked)), schema)
    for wrong in ({"playbook": "wipe"}, {"evidence": ["0123456789abcdef"]}, {"action": "destroy"}, {"command": "rm"}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(json.loads(answer(asked, **wrong)), schema)


def test_text_from_machines_stays_inside_the_data_however_it_is_written() -> None:
    asked = question(finding(log=HOSTILE, many=[HOSTILE] * 100, long="x" * 1_000_000))
    system, user = messages(asked)
    first, *data, last = user["content"].split("\n")
    assert first == last
    assert first in system["content"]
    parsed = json.loads("\n".join(data))
    assert first not in "\n".join(data)
    evidence = parsed["incident"]["findings"][0]["evidence"]
    assert evidence["log"] == HOSTILE
    assert len(evidence["many"]) == 20
    assert len(user["content"]) < 30_000
    assert "rm -rf" not in system["content"]
    assert messages(asked)[1]["content"].split("\n")[0] != first


def test_the_prompt_holds_findings_history_and_choices() -> None:
    asked = question(*(finding(f"package-{number}") for number in range(60)))
    parsed = json.loads(messages(asked)[1]["content"].partition("\n")[2].rpartition("\n")[0])
    assert parsed["incident"]["findings"][0]["fingerprint"] == asked.incident.findings[0].fingerprint
    assert (len(parsed["incident"]["findings"]), parsed["incident"]["findings_left_out"]) == (40, 20)
    assert parsed["earlier_incidents"] == ["2026-11-20 disk full on ct234, resolved"]
    assert [choice["playbook"] for choice in parsed["playbooks_offered"]] == ["reinstall_package", "restart_service"]
