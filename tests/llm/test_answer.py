import json
from typing import Any

import jsonschema
import pytest

from aiops.adapters.llm_answer import verdict_from
from aiops.adapters.llm_prompt import DATA_CHARACTERS, answer_schema, messages, prompt_for
from aiops.domain.severity import Severity
from aiops.domain.verdict import Budget
from aiops.errors import ProviderError
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
        ({"playbook": "wipe"}, "'wipe', not offered"),
        ({"action": "investigate", "playbook": "wipe"}, "'wipe', not offered"),
        ({"playbook": ""}, "names no playbook"),
        ({"playbook": "none"}, "names no playbook"),
        ({"evidence": ["0123456789abcdef"]}, "evidence that does not exist: '0123456789abcdef'"),
        ({"params": {"package": "wazuh-agent"}}, "parameters that were not offered"),
        ({"params": {"package": "wazuh-manager", "force": True}}, "parameters that were not offered"),
        ({"params": {"package": ["wazuh-manager"]}}, "parameters that were not offered"),
        ({"playbook": "restart_service", "params": {"package": "wazuh-manager"}}, "parameters that were not offered"),
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


@pytest.mark.parametrize("params", [None, {}, {"package": None}, {"package": "wazuh-manager"}])
def test_parameters_may_be_left_out_or_be_ours(params: dict[str, str] | None) -> None:
    asked = question()
    assert verdict_from(answer(asked, params=params), asked, "llm:stub").action == "remediate"


def test_what_a_human_reads_of_the_reason_has_no_control_or_direction_characters_and_an_end() -> None:
    asked = question()
    reason = "fine\x1b[2J\u202egnp.exe\u200b\x00 " + "x" * 3_000
    said = verdict_from(answer(asked, reason=reason), asked, "llm:stub").reason
    assert said.startswith("fine[2Jgnp.exe ")
    assert said.endswith("[cut, 3019 characters]")
    assert len(said) < 1_100


@pytest.mark.parametrize(
    "text",
    [
        "The package should be reinstalled.",
        "null",
        "[]",
        '{"action": "remediate"}',
        '{"action": "remediate", "playbook": "reinstall_package", "reason": "r", "confidence": "high", "evidence": [1]}',
        '{"action": "destroy", "playbook": "", "reason": "r", "confidence": "high", "evidence": []}',
        '{"action": "drop", "playbook": "", "reason": "", "confidence": "high", "evidence": []}',
        '{"action": "drop", "playbook": "", "reason": "r", "confidence": "high", "evidence": [], "command": "rm"}',
        "[" * 60_000,
    ],
)
def test_what_has_not_the_asked_form_is_no_answer(text: str) -> None:
    with pytest.raises(ProviderError, match="has not the asked form") as raised:
        verdict_from(text, question(), "llm:stub")
    assert raised.value.trouble == "invalid"


@pytest.mark.parametrize(("text", "why"), [("", "is empty"), (" \n", "is empty"), ("[" * 100_000, "characters long")])
def test_nothing_or_far_too_much_is_no_answer(text: str, why: str) -> None:
    with pytest.raises(ProviderError, match=why):
        verdict_from(text, question(), "llm:stub")


def test_the_schema_that_is_sent_closes_playbooks_and_evidence() -> None:
    asked = question(finding(), finding("rsyslog"))
    schema = answer_schema(asked)
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(json.loads(answer(asked, params={"package": "wazuh-manager"}, playbook="none")), schema)
    for wrong in (
        {"playbook": "wipe"},
        {"params": {"package": "x"}},
        {"params": {}},
        {"evidence": ["0123456789abcdef"]},
        {"action": "destroy"},
        {"command": "rm"},
    ):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(json.loads(answer(asked, **wrong)), schema)


def test_text_from_machines_stays_inside_the_data_however_it_is_written() -> None:
    asked = question(finding(log=HOSTILE, many=[HOSTILE] * 100, long="x" * 1_000_000))
    system, user = messages(asked)
    first, fence, *data, close, last = user["content"].split("\n")
    assert (first, fence, close) == (last, "```json", "```")
    assert first in system["content"]
    parsed = json.loads("\n".join(data))
    assert first not in "\n".join(data)
    evidence = parsed["incident"]["findings"][0]["evidence"]
    assert evidence["log"] == HOSTILE
    assert len(evidence["many"]) == 20
    assert len(user["content"]) < 30_000
    assert "rm -rf" not in system["content"]
    assert messages(asked)[1]["content"].split("\n")[0] != first


def test_control_direction_and_invisible_characters_do_not_reach_the_model() -> None:
    asked = question(finding("a\x1b[31mb\u202ec\u200bd\x00ef", **{"k\x07ey": "v\u2066alue"}))
    content = messages(asked)[1]["content"]
    assert "a\ufffd[31mbcd\ufffdef" in content
    assert '"key": "value"' in content
    assert content.encode()


def test_the_block_has_a_limit_however_much_was_found_and_says_what_it_left_out() -> None:
    many = [finding(f"package-{n}", **{f"key{k}": "x" * 900 for k in range(30)}) for n in range(60)]
    asked = question(*many)
    content = messages(asked)[1]["content"]
    assert len(content) < DATA_CHARACTERS + 1_000
    incident = _data(content)["incident"]
    assert len(incident["findings"]) + incident["findings_left_out"] == 60
    assert incident["findings"][0]["evidence"]["key0"].endswith("[cut, 900 characters]")


def test_the_reason_is_asked_for_in_the_operators_language() -> None:
    assert "in French" in messages(question(), "fr")[0]["content"]
    assert "in English" in messages(question())[0]["content"]


def test_our_rules_hold_no_word_that_came_from_a_machine() -> None:
    poisoned = question(finding(HOSTILE, log=HOSTILE)).model_copy(
        update={"history": (HOSTILE,), "similar": (HOSTILE,), "changes": (HOSTILE,)}
    )
    clean, marked = messages(question())[0]["content"], messages(poisoned)[0]["content"]
    assert clean.partition("=== data")[0] == marked.partition("=== data")[0]
    assert "SYSTEM" not in marked


def test_the_same_question_has_the_same_key_whatever_may_be_spent() -> None:
    asked = question()
    assert prompt_for(asked).key == prompt_for(asked.model_copy(update={"budget": Budget(day=0.1)})).key
    assert prompt_for(asked).key != prompt_for(question(finding("rsyslog"))).key


def test_the_prompt_holds_findings_history_and_choices() -> None:
    asked = question(*(finding(f"package-{number}") for number in range(60)))
    asked = asked.model_copy(update={"similar": ("ct9 the same",), "changes": ("apt removed it",)})
    parsed = _data(messages(asked)[1]["content"])
    assert parsed["incident"]["findings"][0]["fingerprint"] == asked.incident.findings[0].fingerprint
    assert (len(parsed["incident"]["findings"]), parsed["incident"]["findings_left_out"]) == (40, 20)
    assert (parsed["similar_incidents_elsewhere"], parsed["changed_lately"]) == (["ct9 the same"], ["apt removed it"])
    assert parsed["earlier_incidents_of_the_host"] == ["2026-11-20 disk full on ct234, resolved"]
    assert [choice["playbook"] for choice in parsed["playbooks_offered"]] == ["reinstall_package", "restart_service"]


def _data(content: str) -> Any:
    return json.loads(content.partition("```json\n")[2].rpartition("\n```")[0])
