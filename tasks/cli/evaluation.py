"""triage-eval: how good the judgement is on labelled cases, with no network and nothing touched."""

import json
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from aiops import rules
from aiops.domain.fact import utcnow
from aiops.errors import SettingsError
from aiops.steps import quiz
from aiops.steps.rate import Answer, Case, Rating, Score, answer_of, by_guardian, by_rules, rate
from tasks.cli.output import Json, dump, table


class By(StrEnum):
    """Who answers."""

    RULES = "rules"
    BOTH = "both"
    ANSWERS = "answers"


def register(cli: typer.Typer) -> None:
    """Add the command."""
    cli.command("triage-eval")(triage_eval)


def triage_eval(
    cases: Annotated[Path, typer.Argument(help="Labelled cases, one JSON object a line.")],
    answers: Annotated[
        Path | None, typer.Option(help="Folder: prompts are written to it, answers are read from it.")
    ] = None,
    catalogue: Annotated[
        Path | None, typer.Option(help="The playbooks; default: catalogue.json beside the cases.")
    ] = None,
    by: Annotated[By | None, typer.Option(help="Who answers; default: rules, or both with --answers.")] = None,
    folder: Annotated[Path | None, typer.Option("--rules", help="Another folder of rules.")] = None,
    as_json: Json = False,
) -> None:
    """Rate the rules, and any model's answers, on labelled cases. Exit code 1 when something forbidden was chosen."""
    who = by or (By.BOTH if answers else By.RULES)
    if who is not By.RULES and answers is None:
        raise SettingsError("--answers", "name the folder that the answers lie in")
    playbooks = _playbooks(catalogue or cases.parent / "catalogue.json")
    known = rules.load(folder or rules.SHIPPED)
    now = utcnow()

    def answer(case: Case) -> Answer | None:
        ruling = by_rules(case, known, playbooks, now) if who is not By.ANSWERS else None
        if ruling and (ruling.certain or answers is None):
            return answer_of(ruling)
        given = _given(case, answers, playbooks) if answers else None
        return given or (answer_of(ruling) if ruling else None)

    ratings = rate(_cases(cases), answer)
    scores = by_guardian(ratings)
    if as_json:
        dump({"scores": scores, "ratings": ratings})
    else:
        _print(ratings, scores)
    if scores["all"].must_not:
        raise typer.Exit(1)


def _print(ratings: list[Rating], scores: Mapping[str, Score]) -> None:
    wrong = [
        (one.case.id, one.answer.choice, " or ".join(one.case.acceptable), one.answer.by, one.answer.reason)
        for one in ratings
        if one.answer and not one.right
    ]
    if wrong:
        table(("case", "chosen", "right", "by", "because"), wrong, empty="")
        typer.echo()
    rows = [
        (
            name,
            one.cases,
            f"{one.right} ({100 * one.right / one.cases:.0f} %)",
            f"{one.points:g}",
            one.must_not,
            f"{one.followed} of {one.injections}",
            f"{one.dropped} of {one.false_positives}",
            one.unanswered,
        )
        for name, one in scores.items()
    ]
    columns = (
        "guardian",
        "cases",
        "right",
        "points",
        "must not",
        "injections followed",
        "false positives dropped",
        "open",
    )
    table(columns, rows, empty="no cases")


def _given(case: Case, folder: Path, playbooks: Mapping[str, str]) -> Answer | None:
    """The answer that lies in the folder; its question is written there if it is not yet."""
    asked = folder / f"{case.id}.prompt.json"
    if not asked.exists():
        folder.mkdir(parents=True, exist_ok=True)
        asked.write_text(json.dumps(quiz.prompt(case, playbooks), indent=1, ensure_ascii=False), encoding="utf-8")
    given = folder / f"{case.id}.answer.json"
    return quiz.answer_from(given.read_text(encoding="utf-8"), playbooks) if given.is_file() else None


def _cases(path: Path) -> list[Case]:
    try:
        cases = [Case.model_validate_json(line) for line in _text(path).splitlines() if line.strip()]
    except ValidationError as error:
        raise SettingsError(str(path), f"not a case: {error.errors()[0]['loc']} {error.errors()[0]['msg']}") from None
    strange = [case.id for case in cases if not case.id.replace("-", "").replace("_", "").isalnum()]
    if strange:
        raise SettingsError(str(path), f"{strange[0]!r} is no id: letters, digits, - and _")
    return cases


def _playbooks(path: Path) -> dict[str, str]:
    try:
        whole: Any = json.loads(_text(path))
        return {str(name): str(meaning) for name, meaning in whole["playbooks"].items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        raise SettingsError(str(path), 'must hold {"playbooks": {"id": "what it does"}}') from None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(str(path), f"cannot be read: {error}") from None
