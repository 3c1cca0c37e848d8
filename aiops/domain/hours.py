"""A span of the day on the operator's clock: ``22:30-07:00``."""

import re
from datetime import datetime, time, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator

_CLOCK = "(?:[01][0-9]|2[0-3]):[0-5][0-9]"
_SPAN = re.compile(f"{_CLOCK}-{_CLOCK}")


def _span(text: str) -> str:
    if text:
        parts(text)
    return text


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"there is no time zone {name!r}") from None
    return name


Hours = Annotated[str, AfterValidator(_span)]
"""``HH:MM-HH:MM``; the end is not part of it, and it may lie after midnight. Empty: no span."""
Zone = Annotated[str, AfterValidator(_zone)]


def parts(text: str) -> tuple[time, time]:
    """Begin and end.

    :raises ValueError: it is no span
    """
    begin, _, end = text.partition("-")
    if not _SPAN.fullmatch(text):
        raise ValueError(f"{text!r} is no span of the day such as 22:30-07:00")
    span = time.fromisoformat(begin), time.fromisoformat(end)
    if span[0] == span[1]:
        raise ValueError(f"{text!r} begins when it ends")
    return span


def within(text: str, at: datetime, zone: str) -> bool:
    """Whether the moment lies in the span, on the clock of that zone."""
    begin, end = parts(text)
    clock = at.astimezone(ZoneInfo(zone)).time()
    return begin <= clock < end if begin < end else clock >= begin or clock < end


def end_of(text: str, at: datetime, zone: str) -> datetime:
    """When the span that holds the moment is over."""
    local = at.astimezone(ZoneInfo(zone))
    end = parts(text)[1]
    day = local.date() + timedelta(days=local.time() >= end)
    return datetime.combine(day, end, ZoneInfo(zone)).astimezone(at.tzinfo)
