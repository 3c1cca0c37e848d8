"""journal, transcripts, playbooks: the paper trail, and what can be proposed."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field

from aiops import bootstrap
from aiops.errors import UnknownError
from aiops.ports.offers import Offer, Talk
from aiops.remediations import schema_for_llm
from tasks.offers.desk import Arguments, Desk, Nothing

_LONGEST = 60_000
"""Characters of one file; its end is what is newest."""


class Month(Arguments):
    """One month of the journal."""

    month: str = Field(
        default="", pattern=r"^([0-9]{4}-(0[1-9]|1[0-2]))?$", description="such as 2026-11; empty: the newest"
    )


class Filed(Arguments):
    """Which transcripts."""

    incident: str = Field(default="", max_length=80, description="only of this incident, with their text")
    count: int = Field(default=30, ge=1, le=200, description="how many")


def offers(desk: Desk) -> tuple[Offer, ...]:
    """The tools."""

    def journal(asked: Month, _: Talk) -> Mapping[str, Any]:
        folder = desk.settings.state / "records" / "journal" / "journal"
        months = sorted(file.stem for file in folder.glob("????-??.md")) if folder.is_dir() else []
        month = asked.month or (months[-1] if months else "")
        if month not in months:
            raise UnknownError(
                "month in the journal", month, f"there are {', '.join(months) or 'none on this container'}"
            )
        return {"month": month, "months": months, **_end(folder / f"{month}.md")}

    def transcripts(asked: Filed, _: Talk) -> Mapping[str, Any]:
        if not (desk.settings.state / "executions.sqlite").exists():
            raise UnknownError(
                "record", "of repairs", "they are kept on CT196; ask there, or the git repository they go to"
            )
        folder = desk.settings.state / "records" / "transcripts"
        filed = bootstrap.executions(desk.settings).filed(1000 if asked.incident else asked.count)
        found = [one for one in filed if asked.incident in ("", one.incident)][: asked.count]
        texts = [_end(folder / one.file) if asked.incident else {} for one in found]
        told = [one.model_dump(mode="json") | text for one, text in zip(found, texts, strict=True)]
        return {"transcripts": told}

    def playbooks(_: Nothing, __: Talk) -> Mapping[str, Any]:
        told = []
        for entry in desk.services.catalogue.values():
            known = {"id", "title", "description", "risk", "approval", "max_hosts", "rollback", "destructive"}
            told.append({**entry.model_dump(mode="json", include=known), "params": schema_for_llm(entry)})
        return {"playbooks": told}

    return (
        Offer("journal", "Read a month of the ops journal: what was repaired, when, and how it ended.", Month, journal),
        Offer(
            "transcripts",
            "List the transcripts of repairs and sessions; with an incident, their text too.",
            Filed,
            transcripts,
        ),
        Offer(
            "playbooks", "List the catalogue: everything that can be proposed, with its parameters.", Nothing, playbooks
        ),
    )


def _end(file: Path) -> dict[str, Any]:
    text = file.read_text(encoding="utf-8", errors="replace") if file.is_file() else ""
    return {"text": text[-_LONGEST:], "left_out": max(0, len(text) - _LONGEST)}
