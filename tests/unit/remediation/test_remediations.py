"""The catalogue's loader and its check of parameters."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aiops.domain.finding import Finding
from aiops.domain.remediation import Param, Remediation
from aiops.domain.severity import Severity
from aiops.errors import ManifestError, RefusedError, UnknownError
from aiops.remediations import bind, check_params, load, resolve, schema_for_llm
from tests.plans import NOON

PLAYBOOK = """---
- name: Do it
  hosts: all
  roles: [doer]
"""
MANIFEST = """---
short_description: Do it
description: Does it.
argument_specs:
  do_it:
    short_description: Do it
    options:
      unit: {type: str, required: true, description: The unit, pattern: '[a-z]+\\.service'}
      count: {type: int, default: 3, description: How many, minimum: 1, maximum: 9}
    examples: none
    aiops:
      fixes: [{kind: service.dead, params: {unit: subject}, precedence: 5}]
      risk: low
      approval: auto
      verify: [health]
      rollback: None.
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "roles" / "doer" / "tasks").mkdir(parents=True)
    (tmp_path / "roles" / "doer" / "tasks" / "main.yml").write_text("---\n[]\n")
    playbooks = tmp_path / "playbooks"
    playbooks.mkdir()
    (playbooks / "do_it.yml").write_text(PLAYBOOK)
    (playbooks / "do_it.meta.yml").write_text(MANIFEST)
    return playbooks


def entry(**params: Param) -> Remediation:
    return Remediation(
        id="do_it",
        title="Do it",
        description="Does it.",
        risk="low",
        approval="auto",
        verify=("health",),
        rollback="None.",
        params=params,
        digest="0",
    )


def finding(**changes: Any) -> Finding:
    fields = {
        "kind": "service.dead",
        "detector": "health",
        "host": "web1",
        "subject": "nginx.service",
        "severity": Severity.CRITICAL,
        "summary": "dead",
        "seen_at": NOON,
    }
    return Finding.model_validate(fields | changes)


def refusal(remediation: Remediation, **params: Any) -> str:
    with pytest.raises(RefusedError) as refused:
        check_params(remediation, params)
    assert refused.value.reason == "params"
    return refused.value.text


def test_a_playbook_and_its_manifest_make_a_remediation(folder: Path) -> None:
    (made,) = load(folder).values()
    assert (made.id, made.title, made.risk, made.fixes[0].precedence) == ("do_it", "Do it", "low", 5)
    assert made.params["count"].maximum == 9


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("approval: auto", "approval: perhaps", "approval"),
        ("approval: auto", "approval: auto\n      color: red", "unknown keys: color"),
        ("approval: auto", "approval: auto\n      approval: human", "approval is there twice"),
        ("description: Does it.", "description: Does it.\nauthor: me", "unknown keys: author"),
        ("description: Does it.", "description: ''", "say what the playbook does"),
        ("  do_it:", "  do_that:", "must hold 'do_it'"),
        ("pattern: '[a-z]+\\.service'", "pattern: '['", "no regular expression"),
        (", pattern: '[a-z]+\\.service'", "", "needs a pattern"),
        ("minimum: 1, ", "", "needs minimum and maximum"),
        ("default: 3", "default: 30", "the default must be from 1 to 9"),
        ("default: 3", "default: '3'", "the default must be a whole number"),
        ("type: str, required", "type: dict, required", "type"),
        ("type: str, required", "type: list, required", "elements: str"),
        ("unit: {type", "Unit: {type", "no name for a parameter"),
        ("count: {type", "ansible_become_exe: {type", "no name for a parameter"),
        ("unit: subject", "unit: the_model", "none of host, subject"),
        ("{unit: subject}", "{}", "where unit comes from"),
        ("{unit: subject}", "{unit: subject, size: host}", "no option 'size'"),
        ("fixes: [", "fixes: [{kind: service.dead, params: {unit: subject}}, ", "names a kind twice"),
        ("verify: [health]", "verify: []", "verify"),
        ("approval: auto", "approval: auto\n      aliases: ['Do It']", "no name"),
        ("approval: auto", "approval: auto\n      aliases: [do_it]", "ambiguous"),
        ("approval: auto", "approval: auto\n      aliases: [old, old]", "ambiguous"),
        ("argument_specs:", "argument_specs: [", "cannot be read"),
        ("argument_specs:", f"argument_specs: {'[' * 100_000}", "nested deeper than 100 levels"),
    ],
)
def test_a_manifest_that_says_something_wrong_is_refused(folder: Path, old: str, new: str, complaint: str) -> None:
    assert old in MANIFEST
    (folder / "do_it.meta.yml").write_text(MANIFEST.replace(old, new, 1))
    with pytest.raises(ManifestError) as refused:
        load(folder)
    assert complaint in refused.value.reason
    assert refused.value.path.endswith("do_it.meta.yml")


def test_an_older_name_leads_to_the_playbook_and_no_other_name_does(folder: Path) -> None:
    text = MANIFEST.replace("approval: auto", "approval: auto\n      aliases: [do_that]")
    (folder / "do_it.meta.yml").write_text(text)
    catalogue = load(folder)
    assert resolve(catalogue, "do_that") == "do_it"
    assert resolve(catalogue, "do_it") == "do_it"
    assert resolve(catalogue, "do_what") == "do_what"
    assert list(catalogue) == ["do_it"]


def test_an_alias_that_two_playbooks_claim_is_refused(folder: Path) -> None:
    text = MANIFEST.replace("approval: auto", "approval: auto\n      aliases: [old]")
    (folder / "do_it.meta.yml").write_text(text)
    (folder / "do_more.yml").write_text(PLAYBOOK)
    (folder / "do_more.meta.yml").write_text(text.replace("do_it:", "do_more:"))
    with pytest.raises(ManifestError, match=r"do_more\.meta\.yml: the alias 'old' is ambiguous: do_it"):
        load(folder)


BACK = MANIFEST.replace("do_it:", "undo_it:").replace(
    "fixes: [{kind: service.dead, params: {unit: subject}, precedence: 5}]\n      ", ""
)


@pytest.mark.parametrize(
    ("undo", "back", "complaint"),
    [
        ("{playbook: nobody}", {}, "no playbook 'nobody'"),
        ("{playbook: undo_it}", {"approval: auto": "approval: human"}, "where unit comes from"),
        ("{playbook: undo_it, params: {size: unit}}", {"approval: auto": "approval: human"}, "no option 'size'"),
        ("{playbook: undo_it, params: {unit: size}}", {"approval: auto": "approval: human"}, "neither an option"),
        ("{playbook: undo_it, params: {unit: unit}}", {}, "needs approval: human"),
        (
            "{playbook: undo_it, params: {unit: unit}}",
            {"approval: auto": "approval: human\n      fixes: [{kind: x.y, params: {unit: subject}}]"},
            "does nothing else",
        ),
        ("{playbook: do_it, params: {unit: unit}}", {}, "does nothing else"),
    ],
)
def test_a_way_back_that_leads_nowhere_is_refused(
    folder: Path, undo: str, back: dict[str, str], complaint: str
) -> None:
    text = BACK
    for old, new in back.items():
        text = text.replace(old, new)
    (folder / "undo_it.yml").write_text(PLAYBOOK)
    (folder / "undo_it.meta.yml").write_text(text)
    (folder / "do_it.meta.yml").write_text(MANIFEST.replace("rollback: None.", f"rollback: None.\n      undo: {undo}"))
    with pytest.raises(ManifestError, match=complaint):
        load(folder)


def test_a_way_back_is_read_with_where_its_parameters_come_from(folder: Path) -> None:
    (folder / "undo_it.yml").write_text(PLAYBOOK)
    (folder / "undo_it.meta.yml").write_text(BACK.replace("approval: auto", "approval: human"))
    undo = "undo: {playbook: undo_it, params: {unit: unit}}"
    (folder / "do_it.meta.yml").write_text(MANIFEST.replace("rollback: None.", f"rollback: None.\n      {undo}"))
    made = load(folder)["do_it"].undo
    assert made
    assert (made.playbook, made.params) == ("undo_it", {"unit": "unit"})


def test_what_is_destructive_is_never_automatic_and_never_on_two_hosts(folder: Path) -> None:
    for change in ("approval: auto", "approval: human\n      max_hosts: 2"):
        text = MANIFEST.replace("approval: auto", f"{change}\n      destructive: true")
        (folder / "do_it.meta.yml").write_text(text)
        with pytest.raises(ManifestError, match="destructive needs"):
            load(folder)


def test_a_playbook_without_its_manifest_is_refused_and_the_other_way_round(folder: Path) -> None:
    (folder / "lonely.yml").write_text(PLAYBOOK)
    with pytest.raises(ManifestError, match=r"lonely\.meta\.yml: is missing"):
        load(folder)
    (folder / "lonely.yml").rename(folder / "lonely.meta.yml")
    with pytest.raises(ManifestError, match=r"lonely\.yml: is missing"):
        load(folder)


def test_other_files_beside_the_playbooks_are_refused(folder: Path) -> None:
    (folder / "group_vars").mkdir()
    with pytest.raises(ManifestError, match="group_vars"):
        load(folder)


def test_an_empty_catalogue_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="nothing"):
        load(tmp_path)


@pytest.mark.parametrize("word", ["include_tasks", "ansible.builtin.import_tasks", "vars_files", "import_playbook"])
def test_a_playbook_that_reads_files_outside_its_digest_is_refused(folder: Path, word: str) -> None:
    (folder / "do_it.yml").write_text(f"{PLAYBOOK}  tasks:\n    - {word}: other.yml\n")
    with pytest.raises(ManifestError, match="does not cover"):
        load(folder)


def test_a_role_that_is_not_there_is_refused(folder: Path) -> None:
    (folder / "do_it.yml").write_text(PLAYBOOK.replace("doer", "nobody"))
    with pytest.raises(ManifestError, match="nobody"):
        load(folder)


def test_the_digest_is_stable_and_covers_playbook_manifest_and_every_role_reached(folder: Path) -> None:
    def digest() -> str:
        return load(folder)["do_it"].digest

    roles = folder.parent / "roles"
    (roles / "inner").mkdir()
    (roles / "inner" / "file").write_text("a")
    (roles / "stranger").mkdir()
    (roles / "doer" / "tasks" / "main.yml").write_text("---\n- ansible.builtin.include_role:\n    name: inner\n")
    seen = {digest(), digest()}
    assert len(seen) == 1
    (roles / "stranger" / "file").write_text("not reached")
    assert digest() in seen
    for path in (folder / "do_it.yml", folder / "do_it.meta.yml", roles / "doer/tasks/main.yml", roles / "inner/file"):
        path.write_text(path.read_text() + "\n")
        assert digest() not in seen
        seen.add(digest())
    (roles / "inner" / "file").rename(roles / "inner" / "renamed")
    assert digest() not in seen


def test_defaults_are_filled_in_and_nothing_else_is_changed() -> None:
    remediation = entry(
        unit=Param(description="", required=True, pattern=".+"),
        count=Param(description="", type="int", default=3, minimum=1, maximum=9),
        note=Param(description="", pattern=".*"),
    )
    assert check_params(remediation, {"unit": "a.service"}) == {"unit": "a.service", "count": 3}


def test_unknown_and_missing_parameters_are_refused() -> None:
    remediation = entry(unit=Param(description="", required=True, pattern=".+"))
    assert "no parameter 'size'" in refusal(remediation, unit="a", size="b")
    assert "needs 'unit'" in refusal(remediation)
    assert "needs 'unit'" in refusal(remediation, unit=None)


@pytest.mark.parametrize("value", [1, True, 1.5, ["a"], {"a": 1}, b"a"])
def test_a_text_must_be_a_text(value: Any) -> None:
    assert "must be a text" in refusal(entry(p=Param(description="", pattern=".*")), p=value)


@pytest.mark.parametrize("value", ["3", True, 3.0, [3], 0, 10])
def test_a_number_must_be_a_whole_number_within_its_limits(value: Any) -> None:
    assert "must be" in refusal(entry(p=Param(description="", type="int", minimum=1, maximum=9)), p=value)


@pytest.mark.parametrize("value", ["true", 1, 0, "yes"])
def test_a_switch_must_be_true_or_false(value: Any) -> None:
    assert "true or false" in refusal(entry(p=Param(description="", type="bool")), p=value)


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        ("a", "a list"),
        ([], "a list"),
        (["a"] * 101, "a list"),
        (["a", "a"], "twice"),
        (["a", 1], "a text"),
        (["a", "B"], "match"),
        (("a",), "a list"),
    ],
)
def test_a_list_must_hold_texts_that_are_allowed(value: Any, complaint: str) -> None:
    param = Param(description="", type="list", elements="str", pattern="[a-z]+")
    assert complaint in refusal(entry(p=param), p=value)


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        ("a; reboot", "match"),
        ("a\n", "invisible"),
        ("ok\x00", "invisible"),
        ("ok\u202e", "invisible"),
        ("{{ lookup('pipe','id') }}", "template"),
        ("{% if 1 %}", "template"),
        ("{# x #}", "template"),
        ("a" * 1001, "longer"),
        ("xok", "match"),
        ("okx", "match"),
    ],
)
def test_a_text_must_match_its_whole_pattern_and_be_plain(value: str, complaint: str) -> None:
    assert complaint in refusal(entry(p=Param(description="", pattern="ok")), p=value)


def test_a_choice_must_be_one_of_them() -> None:
    assert "one of a, b" in refusal(entry(p=Param(description="", choices=("a", "b"))), p="c")


@settings(deadline=None)
@given(st.text(max_size=30))
def test_whatever_passes_is_plain_and_matches(text: str) -> None:
    remediation = entry(p=Param(description="", pattern=r"[^/]*"))
    try:
        checked = check_params(remediation, {"p": text})
    except RefusedError:
        return
    assert checked == {"p": text}
    assert "{{" not in text
    assert text.isprintable() or "\u00a0" in text or " " in text or not text.isascii()
    assert "\n" not in text


def test_parameters_come_from_the_finding(folder: Path) -> None:
    made = load(folder)["do_it"]
    assert bind(made, finding(subject="nginx.service")) == {"unit": "nginx.service", "count": 3}


def test_host_evidence_and_literals_are_sources_too(folder: Path) -> None:
    manifest = MANIFEST.replace("unit: subject", "unit: evidence.unit, where: host, how: =soft").replace(
        "count: {",
        "where: {type: str, description: Where, pattern: '.+'}\n"
        "      how: {type: str, description: How, choices: [soft, hard]}\n      count: {",
    )
    (folder / "do_it.meta.yml").write_text(manifest)
    made = load(folder)["do_it"]
    found = finding(evidence={"unit": "cron.service"})
    assert bind(made, found) == {"unit": "cron.service", "where": "web1", "how": "soft", "count": 3}
    with pytest.raises(RefusedError, match="needs 'unit'"):
        bind(made, finding(evidence={}))


def test_a_finding_with_a_hostile_subject_is_refused(folder: Path) -> None:
    with pytest.raises(RefusedError, match="match"):
        bind(load(folder)["do_it"], finding(subject="a.service; reboot"))


def test_a_finding_of_another_kind_is_not_bound(folder: Path) -> None:
    with pytest.raises(UnknownError):
        bind(load(folder)["do_it"], finding(kind="disk.space"))


def test_the_schema_allows_nothing_else(folder: Path) -> None:
    schema = schema_for_llm(load(folder)["do_it"])
    assert schema["additionalProperties"] is False
    assert schema["required"] == ["unit"]
    assert schema["properties"]["unit"]["pattern"] == r"^(?:[a-z]+\.service)$"
    assert schema["properties"]["count"] == {
        "type": "integer",
        "description": "How many",
        "default": 3,
        "minimum": 1,
        "maximum": 9,
    }
