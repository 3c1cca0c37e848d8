"""What a human does around a change of a key, in order.

``{start}`` is how processes come to what is new, ``{call}`` our command.
"""

from collections.abc import Mapping
from typing import Final

_THEN_USE: Final = "{call} use {name}"
_THEN_RETIRE: Final = "{call} retire {name}"
_HOSTS: Final = "aiops enroll HOST...   # every host of the fleet: it brings all public keys that lie beside {place}"

STEPS: Final[Mapping[str, Mapping[str, tuple[str, ...]]]] = {
    "signing": {
        "rotate": ("{start}   # CT196 believes both from now on", _THEN_USE),
        "use": (
            "{start}   # CT190 signs with the new one",
            "wait an hour: what was signed before is through",
            _THEN_RETIRE,
        ),
        "retire": ("{start}   # CT196 refuses the old one",),
    },
    "ears": {
        "rotate": ("{start}   # `incidents` believes both from now on", _THEN_USE),
        "use": (
            "{start}   # `listen` signs with the new one",
            "wait an hour: what was heard before is through",
            _THEN_RETIRE,
        ),
        "retire": ("{start}   # `incidents` refuses the old one",),
    },
    "redis": {
        "rotate": (
            "a Redis of your own: `aiops redis-acl --passwords {folder} --server VERSION` into its ACL file; ACL LOAD",
            "{start}   # Redis takes both, and each process uses the new one",
            "`aiops doctor` on each container: `redis account` is ok",
            _THEN_RETIRE,
        ),
        "retire": (
            "a Redis of your own: the same lines again, now without the old password; ACL LOAD",
            "{start}   # the old one is refused",
        ),
    },
    "mqtt": {
        "rotate": (
            "a Mosquitto of your own: `aiops mqtt-acl --passwords {folder}` into its password file; SIGHUP",
            "do the next step at once: Mosquitto knows one password per account, and the bridge waits meanwhile",
            "{start}   # each process uses the new one; what the bridge kept is sent",
            _THEN_RETIRE,
        ),
        "retire": ("nothing: Mosquitto forgot the old one when it took the new one",),
    },
    "hosts": {
        "rotate": (_HOSTS, _THEN_USE),
        "use": (
            "{start}   # the new one logs in",
            "`aiops sweep`, or a repair that you ask for: it still works",
            _THEN_RETIRE,
        ),
        "retire": (f"{_HOSTS}; the old one is gone from them",),
    },
    "git": {
        "rotate": ("add {place}.next.pub at the git server, beside the old key, with the same rights", _THEN_USE),
        "use": (
            "{start}   # the new one pushes and reads",
            "`aiops doctor`: `night` and `records` are ok",
            _THEN_RETIRE,
        ),
        "retire": ("take the old key away at the git server",),
    },
    "accepted": {
        "rotate": (
            "{start}   # both are accepted from now on; `[ingest]` reads the file at every request",
            "give who sends the new one: the first line of {place}",
            _THEN_RETIRE,
        ),
        "retire": ("{start}   # the old one is refused",),
    },
    "elsewhere": {
        "rotate": (
            "make a new one where the old one was made: {maker}",
            "put it into {place}, as the only line, mode 0600",
            "{start}",
            "`aiops doctor`: what it serves is ok",
            "take the old one away where it was made",
        ),
    },
    "recipients": {
        "rotate": (
            "on the machine that opens archives: age-keygen -o NEW; it prints the public half, age1...",
            "add it to `recipients` in [playbooks.archive_configuration], beside the old one",
            "{start}",
            "wait for the next archive; `aiops archive verify` opens it with NEW",
            "take the old one out of `recipients`",
            "{start}",
            "keep the old private half until the last archive that was made for it alone is gone (`keep`)",
        ),
    },
}
"""By sort of key, then by what was just done."""

MAKERS: Final[Mapping[str, str]] = {
    "telegram": "BotFather, /revoke: the old token ends at once, so do the next steps directly",
    "hermes_health": "BotFather, /revoke: the old token ends at once; it may be the same bot as [telegram]",
    "ntfy": "ntfy token add",
    "llm": "the provider's console",
    "session": "the console of the endpoint in session.api_base",
    "semaphore": "Semaphore, User settings, API tokens",
    "proxmox": "pveum user token add, with the role PVEAuditor",
    "pbs": "proxmox-backup-manager user generate-token, with the role Audit",
    "netbox": "NetBox, API tokens, without the right to write",
    "loki": "whoever lets in to Loki",
    "ship": "whoever lets in to Loki",
    "metrics": "whoever lets in to Prometheus or VictoriaMetrics",
    "site": "Cloudflare, API tokens: Workers KV Storage, Edit, of that namespace",
    "usage": "CT190: `aiops keys rotate ingest.sources.NAME.key_file` there; the first line is the new one",
    "mcp": "the server's own way to make tokens, with no right but to read",
}
"""Where a secret that is not ours is made, by the table of the settings that names it."""
