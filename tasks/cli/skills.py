"""skills: what was learned, and a human's word on it."""

import difflib
from getpass import getuser
from typing import Annotated

import typer

from aiops import bootstrap
from aiops.domain.skill import Lesson
from aiops.errors import UnknownError
from aiops.ports import IncidentServices
from aiops.settings import load_settings
from aiops.steps.learned import approve_skill, expired, reject_skill, usable
from tasks.cli.output import Json, clock, dump, table

skills = typer.Typer(invoke_without_command=True, help="What was learned: list, diff, approve, reject.")


def register(cli: typer.Typer) -> None:
    """Add the group."""
    cli.add_typer(skills, name="skills")


@skills.callback()
def listed(context: typer.Context, as_json: Json = False) -> None:
    """List every skill: shipped, learned, and drafts that wait for a human."""
    if context.invoked_subcommand:
        return
    services = _services()
    lessons = {lesson.name: lesson for lesson in services.ledger.lessons()}
    in_use = {skill.name for skill in usable(services)}
    shipped = {skill.name: skill for skill in services.skills}
    if as_json:
        dump({"in_use": sorted(in_use), "shipped": sorted(shipped), "lessons": list(lessons.values())})
        return
    rows = [
        (name, "yes" if name in in_use else "no", *_record(lessons.get(name), services))
        for name in sorted({*shipped, *lessons})
    ]
    table(("skill", "in use", "standing", "successes", "relapses", "confirmed"), rows, empty="no skills")


@skills.command()
def diff(name: Annotated[str, typer.Argument(help="A skill with a draft.")]) -> None:
    """Show what the draft would change."""
    lesson = _services().ledger.lesson(name)
    if lesson is None or not lesson.draft:
        raise UnknownError("draft of", name, "`aiops skills` lists what waits")
    lines = difflib.unified_diff(
        lesson.text.splitlines(), lesson.draft.splitlines(), f"{name} (in use)", f"{name} (draft)", lineterm=""
    )
    typer.echo("\n".join(lines))


@skills.command()
def show(name: str, as_json: Json = False) -> None:
    """Print a skill as it is used, else its draft."""
    services = _services()
    lesson = services.ledger.lesson(name)
    shipped = next((skill.text for skill in services.skills if skill.name == name), "")
    text = (lesson and (lesson.text or lesson.draft)) or shipped
    if not text:
        raise UnknownError("skill", name, "`aiops skills` lists them")
    if as_json:
        dump({"name": name, "text": text, "lesson": lesson})
    else:
        typer.echo(text)


@skills.command()
def approve(name: str, as_json: Json = False) -> None:
    """Approve the draft, or a skill that was demoted: from now on it is used by itself."""
    lesson = approve_skill(name, getuser(), _services())
    _said(lesson, f"{name} is in use", as_json)


@skills.command()
def reject(name: str, as_json: Json = False) -> None:
    """Throw the draft away; what was approved before stays."""
    lesson = reject_skill(name, getuser(), _services())
    _said(lesson, f"the draft of {name} is gone", as_json)


def _said(lesson: Lesson, text: str, as_json: bool) -> None:
    if as_json:
        dump(lesson)
    else:
        typer.echo(text)


def _record(lesson: Lesson | None, services: IncidentServices) -> tuple[str, str, str, str]:
    if lesson is None:
        return "shipped", "", "", ""
    standing: str = "expired" if lesson.standing == "approved" and expired(lesson, services) else lesson.standing
    if lesson.draft and lesson.standing != "draft":
        standing += " (a draft waits)"
    return standing, str(len(lesson.successes)), str(len(lesson.relapses)), clock(lesson.confirmed_at)


def _services() -> IncidentServices:
    return bootstrap.incidents(load_settings())
