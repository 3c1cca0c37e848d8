"""A usage database of some months, made by arithmetic: the same every time."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.night.usage import usage_db

BEGIN = datetime(2026, 8, 3, tzinfo=UTC)


def usage_year(path: Path) -> Path:
    """Evenings, nights and weekends of sixteen weeks."""
    sessions, turns = [], []
    for day in range(112):
        late = (day * 7) % 5
        for part in range(1 + (day % 7 >= 5) + (day % 3 == 0)):
            begin = BEGIN + timedelta(days=day, hours=19 - 5 * part + late / 2)
            length = timedelta(minutes=40 + (day * 37 + part * 53) % 150)
            form = "%Y-%m-%dT%H:%M:%S.000Z"
            sessions.append(
                (begin.strftime(form), (begin + length).strftime(form), 900 + day, 4000, 90_000 + 500 * day, 3000)
            )
            turns += [(begin + length * n / 24).strftime(form) for n in range(24)]
    return usage_db(path, *sessions, turns=turns)
