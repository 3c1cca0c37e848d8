"""The base of everything that travels between processes."""

import hashlib
import json
import secrets
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, PlainSerializer


class Fact(BaseModel):
    """An immutable record that survives JSON unchanged.

    Unknown fields are dropped, so that containers one version apart still understand each other; what must not be
    altered on its way is signed as text (see ``plan.SignedPlan``), never as a model.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    def __json__(self) -> dict[str, Any]:
        """What Celery puts into a message when the model stands in a later signature of a chain."""
        return self.model_dump(mode="json")


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)


def iso(moment: datetime) -> str:
    """ISO 8601 in UTC with milliseconds and a ``Z``: the form the operator's subscribers already read."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


Moment = Annotated[AwareDatetime, AfterValidator(_utc), PlainSerializer(iso, when_used="json")]
"""A time-zone aware moment, kept in UTC."""


def utcnow() -> datetime:
    """The wall clock in UTC."""
    return datetime.now(UTC)


def canonical(value: Any) -> str:
    """JSON with sorted keys and no blanks: the same value gives the same bytes on every host."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def digest(value: Any) -> str:
    """SHA-256, in hex, of the canonical JSON of ``value``."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()


_LETTERS = "abcdefghjkmnpqrstvwxyz23456789"


def new_id(prefix: str, moment: datetime) -> str:
    """An identifier that a human can read aloud and that sorts by day: ``inc-20261123-k3f9qd``."""
    tail = "".join(secrets.choice(_LETTERS) for _ in range(6))
    return f"{prefix}-{moment.astimezone(UTC):%Y%m%d}-{tail}"
