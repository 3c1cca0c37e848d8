"""Moments as the execution ledger keeps them: milliseconds since 1970, which SQLite compares and adds."""

from datetime import UTC, datetime, timedelta

_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


def ms(moment: datetime) -> int:
    """Whole milliseconds since 1970."""
    return (moment - _BEGINNING) // timedelta(milliseconds=1)


def from_ms(number: int) -> datetime:
    """The moment again, in UTC."""
    return _BEGINNING + timedelta(milliseconds=number)
