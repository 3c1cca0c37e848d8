"""Long outputs in the evidence: the prompt holds what went wrong in them, and the whole is found again on our side."""

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from aiops import steps
from aiops.adapters.file_archive import FileArchive
from aiops.adapters.llm_prompt import DATA_CHARACTERS, prompt_for
from aiops.adapters.llm_text import OUTPUT_CHARACTERS, Room
from aiops.condense import squeeze
from aiops.steps.brief import brief
from tests.incident_world import World
from tests.unit.condense.test_condense import MUST_KEEP, OUTPUTS

REFERENCE = Path(os.environ.get("AIOPS_REFERENCE") or Path(__file__).parents[3] / "shared/reference") / "filter"


def asked_about(folder: Path, *outputs: tuple[str, str], named: bool = True) -> tuple[dict[str, Any], FileArchive]:
    """The data block of the prompt that an incident with these outputs in its evidence leads to."""
    archive = FileArchive(folder / "archive")
    world = World(folder, llm=True, archive=archive)
    found = [
        world.finding(
            kind="task.failed",
            subject=f"task-{number}",
            cause="c",
            evidence={"output": text} | ({"command": command} if named else {}),
        )
        for number, (command, text) in enumerate(outputs)
    ]
    (question,) = steps.correlate(world.sweep(*found, kinds=["task.failed"]), world.services).questions
    content = prompt_for(brief(question, world.services)).messages[1]["content"]
    assert len(content) < DATA_CHARACTERS + 1_000
    return json.loads(content.partition("```json\n")[2].rpartition("\n```")[0]), archive


def shown(data: dict[str, Any]) -> list[str]:
    return [finding["evidence"]["output"] for finding in data["incident"]["findings"]]


@pytest.mark.parametrize("named", [True, False], ids=["by its command", "by its look"])
@pytest.mark.parametrize(("name", "command", "code", "facts"), MUST_KEEP, ids=[case[0] for case in MUST_KEEP])
def test_what_a_long_output_says_reaches_the_model_and_the_whole_stays_here(
    tmp_path: Path, name: str, command: str, code: int, facts: tuple[str, ...], *, named: bool
) -> None:
    text = (OUTPUTS / f"{name}.txt").read_text()

    data, archive = asked_about(tmp_path, (command, text), named=named)

    (told,) = shown(data)
    assert [fact for fact in facts if fact not in told and fact != f"exit code {code}"] == []
    digest = re.search(r"whole: aiops raw (\w{16})", told)
    assert digest
    assert archive.find(digest[1]).splitlines() == text.splitlines()


def test_a_secret_in_an_output_reaches_neither_the_model_nor_the_archive(tmp_path: Path) -> None:
    text = "\n".join([*(f"step {n} is well" for n in range(40)), "ERROR: login failed: password=hunter2-of-the-house"])

    data, archive = asked_about(tmp_path, ("deploy", text))

    told = json.dumps(data)
    assert "login failed" in told
    kept = archive.find(re.findall(r"aiops raw (\w{16})", told)[0])
    assert "hunter2" not in told + kept


def test_an_output_that_is_all_errors_still_leaves_the_prompt_within_its_limit(tmp_path: Path) -> None:
    text = "\n".join(f"ERROR: {word * 9} cannot be {word}" for word in (f"w{n:04}" for n in range(2_000)))
    text = re.sub(r"\d", lambda digit: "abcdefghij"[int(digit[0])], text)

    data, _ = asked_about(tmp_path, ("deploy", text), ("deploy", text + "\nERROR: and one more"))

    told = shown(data)[0]
    assert "lines cut here]" in told
    assert told.splitlines()[-1] == text.splitlines()[-1]


def test_a_text_that_is_squeezed_keeps_its_ends_and_its_errors() -> None:
    lines = [f"line {n} is well" for n in range(500)]
    lines[250] = "fatal: the one thing that matters"

    short = squeeze("\n".join(lines), 2_000)

    assert len(short) <= 2_000
    assert short.splitlines()[0] == lines[0]
    assert short.splitlines()[-1] == lines[-1]
    assert lines[250] in short
    assert re.search(r"\[\d+ lines cut here\]", short)


def test_there_is_room_for_one_large_output_and_what_comes_after_it_is_cut_and_says_so() -> None:
    room, text = Room(), "\n".join(f"FAILED test_{n}" for n in range(400))
    first = room.take(text)
    rest = [room.take(text) for _ in range(20)]

    assert first == text
    assert "cut" in rest[-1]
    assert sum(map(len, (first, *rest))) < OUTPUT_CHARACTERS + 20 * 650


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Without the reference folder there are no cases, and pytest prints why."""
    if "case" in metafunc.fixturenames:
        file = REFERENCE / "cases_dev.jsonl"
        cases = [json.loads(line) for line in file.read_text().splitlines()] if file.is_file() else []
        reason = f"no reference cases at {file}; set AIOPS_REFERENCE"
        given = cases or [pytest.param({}, marks=pytest.mark.skip(reason=reason))]
        metafunc.parametrize("case", given, ids=[case["id"] for case in cases] or ["reference"])


def test_every_fact_of_the_reference_outputs_reaches_the_model(tmp_path: Path, case: dict[str, Any]) -> None:
    text = (REFERENCE / case["file"]).read_text(errors="replace")

    data, _ = asked_about(tmp_path, (case["command"], text))

    (told,) = shown(data)
    assert [fact["text"] for fact in case["must_keep"] if fact["text"] not in told] == []
