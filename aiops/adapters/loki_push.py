"""Loki's push API: JSON, compressed, one request per batch."""

import gzip
import json
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

from aiops.adapters.json_api import JsonApi
from aiops.domain.shipped import Pushed
from aiops.errors import BusError, SettingsError
from aiops.ports import Spooled

PUSH: Final = "/loki/api/v1/push"
LONGEST_REST: Final = 300.0
"""Seconds. A server that asks for more is asked again all the same."""
_FOR_GOOD: Final = frozenset({400, 413, 422})
"""Loki's words for lines it will never take: too old, too long, no labels, a body that is too large."""


class LokiPush:
    """Port ``LogStore``."""

    def __init__(self, api: JsonApi) -> None:
        self._api = api

    def push(self, batch: Sequence[Spooled]) -> Pushed:
        streams: dict[str, list[list[str]]] = defaultdict(list)
        for one in batch:
            streams[one.line.labels].append([str(one.line.at), one.line.text])
        body = {"streams": [{"stream": json.loads(labels), "values": values} for labels, values in streams.items()]}
        content = gzip.compress(json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode(), 6)
        headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
        try:
            reply = self._api.post(PUSH, content, headers)
        except (BusError, SettingsError) as error:
            return Pushed(reason=str(error))
        if 200 <= reply.status < 300:  # noqa: PLR2004 - HTTP's own class
            return Pushed(taken=True)
        reason = f"{reply.status} {' '.join(reply.content.decode(errors='replace').split())[:300]}".strip()
        return Pushed(refused=reply.status in _FOR_GOOD, reason=reason, rest=rest(reply.headers.get("retry-after", "")))


def rest(header: str, now: datetime | None = None) -> float | None:
    """The seconds of a Retry-After: a number, or a date; None where it is neither."""
    if header.strip().isdigit():
        return min(float(header), LONGEST_REST)
    try:
        until = parsedate_to_datetime(header)
    except ValueError:
        return None
    until = until if until.tzinfo else until.replace(tzinfo=UTC)
    return min(max(0.0, (until - (now or datetime.now(UTC))).total_seconds()), LONGEST_REST)
