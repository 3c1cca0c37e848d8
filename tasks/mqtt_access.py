"""One table: which topics each process may write and read on MQTT. Nothing of ours lies outside our own prefix.

Mosquitto refuses a topic by saying nothing, so a right that is missing shows only in what does not arrive.
"""

import base64
import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ACCOUNT: Final = "aiops-{}"
"""The broker may serve others too, whose accounts have names like ours."""
_ITERATIONS, _SALT_BYTES = 101, 12
"""As mosquitto_passwd makes them; the passwords are 24 random bytes, which no dictionary holds."""


@dataclass(frozen=True)
class Topics:
    """Below the prefix."""

    writes: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()


def _worker(name: str) -> Topics:
    return Topics(writes=(f"worker/{name}/state", "doctor"))


TOPICS: Final[Mapping[str, Topics]] = {
    **{name: _worker(name) for name in ("detect", "incidents", "triage", "remediation", "notify", "night")},
    "bridge": Topics(
        writes=(
            *("guardian/#", "security/#", "claude-ct196/response/#", "quarantine", "bridge/state", "doctor"),
            *("shadow/guardian/#", "shadow/security/#"),
        )
    ),
    "brief": Topics(writes=("agents/reply", "worker/brief/state", "doctor"), reads=("agents/brief",)),
    "beat": Topics(writes=("doctor",)),
    "listen": Topics(writes=("doctor",)),
    "ingest": Topics(writes=("doctor",)),
    "hermes-health": Topics(reads=("worker/incidents/state",)),
    "operator": Topics(writes=("doctor",), reads=("#",)),
}


def acl(prefix: str) -> str:
    """The lines for Mosquitto's ACL file."""
    lines = []
    for name, topics in TOPICS.items():
        lines.append(f"user {ACCOUNT.format(name)}")
        lines += [f"topic write {prefix}/{topic}" for topic in topics.writes]
        lines += [f"topic read {prefix}/{topic}" for topic in topics.reads]
    return "\n".join(lines) + "\n"


def passwords(folder: Path) -> str:
    """The lines for Mosquitto's password file; the passwords themselves lie in ``folder/<process>.password``.

    One that is missing is made, readable by nobody else; Mosquitto knows one per account, so only the first line of each file
    counts. The salt follows from the password, so that the lines stay the same.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    lines = []
    for name in TOPICS:
        file = folder / f"{name}.password"
        if not file.exists():
            file.touch(mode=0o600)
            file.write_text(secrets.token_urlsafe(24), encoding="utf-8")
        password = file.read_bytes().split()[0]
        salt = hashlib.sha256(b"aiops mqtt salt" + name.encode() + password).digest()[:_SALT_BYTES]
        mark = hashlib.pbkdf2_hmac("sha512", password, salt, _ITERATIONS)
        encoded = (base64.b64encode(part).decode("ascii") for part in (salt, mark))
        lines.append(f"{ACCOUNT.format(name)}:$7${_ITERATIONS}${'$'.join(encoded)}")
    return "\n".join(lines) + "\n"
