"""headscale nodes list: the machines of the VPN, on the host that coordinates it."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from aiops.probes import MIB, Probe, UnreadableError


@dataclass(frozen=True)
class Node:
    """``seen`` and ``expiry`` in Unix time: when it went away or was made, and when its key ends, 0 for never."""

    name: str
    addresses: tuple[str, ...]
    online: bool
    seen: float
    expiry: float
    tagged: bool


def _read(text: str) -> tuple[Node, ...] | None:
    """None where there is no headscale."""
    if not text:
        return None
    try:
        said = json.loads(text)
    except ValueError:
        raise UnreadableError(f"headscale printed no JSON: {text.strip()[:120]!r}") from None
    if isinstance(said, dict) and said.get("error"):
        raise UnreadableError(
            f"headscale answers: {str(said['error'])[:120]}", "look at headscale's journal: does it run?"
        )
    rows = [] if said is None else said  # Go prints an empty list so
    if not isinstance(rows, list):
        raise UnreadableError(f"headscale printed no list of nodes: {text.strip()[:120]!r}")
    return tuple(_node(row) for row in rows)


def _node(row: Any) -> Node:
    if not isinstance(row, dict) or not isinstance(name := row.get("given_name") or row.get("name"), str):
        raise UnreadableError(f"headscale printed a node without a name: {str(row)[:120]!r}")
    tags = [tag for key in ("tags", "valid_tags", "forced_tags") for tag in row.get(key) or ()]
    return Node(
        name=name,
        addresses=tuple(str(address) for address in row.get("ip_addresses") or ()),
        online=row.get("online") is True,  # left out where it is not
        seen=_moment(row.get("last_seen")) or _moment(row.get("created_at")),
        expiry=_moment(row.get("expiry")),
        tagged=bool(tags),
    )


def _moment(said: Any) -> float:
    """Seconds since 1970 as protobuf or JSON has it; 0 for none, which Go also writes as the year 1."""
    if isinstance(said, dict):
        seconds = said.get("seconds", 0)
        return float(max(seconds, 0)) if isinstance(seconds, int) else 0.0
    if not isinstance(said, str):
        return 0.0
    try:
        moment = datetime.fromisoformat(said)
    except ValueError:
        raise UnreadableError(f"headscale printed a moment that is none: {said[:60]!r}") from None
    return max(moment.replace(tzinfo=moment.tzinfo or UTC).timestamp(), 0.0)


# 127: there is no headscale here. What it answers is never empty: without nodes it is ``null``.
NODES = Probe(
    name="headscale-nodes",
    argv=("/usr/bin/headscale", "nodes", "list", "-o", "json"),
    read=_read,
    sudo=True,
    codes=(0, 127),
    limit=4 * MIB,
    remedy="run headscale nodes list on the host, and look at its journal",
)
