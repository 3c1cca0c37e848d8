"""The labelled outputs of the reference folder, where somebody has it: every fact kept, three quarters saved."""

import json
import os
import re
from pathlib import Path
from statistics import median

import pytest

from aiops.condense import SHORT, condense

_ROOT = Path(os.environ.get("AIOPS_REFERENCE") or Path(__file__).parents[4] / "shared/reference")
_CASES = _ROOT / "filter/cases_dev.jsonl"
_TOKEN = re.compile(r"\w{1,4}|[^\w\s]")
"""Some four letters are a token: close enough for a share, and no tokenizer has to be installed."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Without the folder there are no cases, and pytest prints why."""
    reason = f"no reference cases at {_CASES}; set AIOPS_REFERENCE"
    cases = [json.loads(line) for line in _CASES.read_text().splitlines()] if _CASES.is_file() else []
    given = [cases] if cases else [pytest.param([], marks=pytest.mark.skip(reason=reason))]
    metafunc.parametrize("cases", given, ids=["reference"])


def test_every_fact_is_kept_and_three_quarters_of_the_length_are_saved(cases: list[dict[str, object]]) -> None:
    missing: list[tuple[object, str]] = []
    before: list[int] = []
    after: list[int] = []
    for case in cases:
        text = (_ROOT / "filter" / str(case["file"])).read_text(errors="replace")
        shown = condense(text, str(case["command"]), int(str(case["exit_code"]))).text
        facts = [str(fact["text"]) for fact in case["must_keep"]]  # type: ignore[attr-defined]
        missing += [(case["id"], fact) for fact in facts if fact not in shown]
        if len(text.splitlines()) < SHORT:
            assert shown == text
        before.append(len(_TOKEN.findall(text)))
        after.append(len(_TOKEN.findall(shown)))

    shares = [1 - short / whole for short, whole in zip(after, before, strict=True)]
    total = 1 - sum(after) / sum(before)
    print(f"\n{len(cases)} outputs: {len(missing)} facts missing, saved {total:.1%}, median {median(shares):.1%}")  # noqa: T201
    assert missing == []
    assert median(shares) >= 0.75
    assert total >= 0.88
