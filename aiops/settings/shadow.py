"""What a shadow takes away. Everything that is chosen afterwards is chosen from what is left, so nothing can forget to ask."""

from typing import Any

from aiops.domain.backup import Scope
from aiops.domain.shadow import LEVEL
from aiops.settings.night import Docs, Site
from aiops.settings.power import Semaphore, Session
from aiops.settings.voice import Ntfy, Telegram
from aiops.settings.watching import Ship

SILENT_WATCHER = {"telegram_token_file": None, "telegram_chat": "", "ntfy_url": "", "ping_url": ""}
"""Of ``[hermes_health]``."""


def in_shadow(settings: Any) -> dict[str, Any]:
    """The tables of ``settings`` that are others while it is ``all`` or ``untaken``; nothing when it is off.

    ``all``: no bot, no backup, no site, nothing pushed, no ping, no repair. ``untaken``: the night work, which has no ledger to
    ask, publishes nothing.
    """
    unpublished = {"site": Site(), "docs": Docs()}
    if settings.shadow != "all":
        return unpublished if settings.shadow == "untaken" else {}
    quiet_records = {"transcripts_remote": "", "journal_remote": ""}
    return {
        "mqtt": settings.mqtt.model_copy(update={"prefix": f"{settings.mqtt.prefix}/{LEVEL}"}),
        "telegram": Telegram(),
        "ntfy": Ntfy(),
        "backup": Scope(),
        "semaphore": Semaphore(),
        "session": Session(),
        **unpublished,
        "ship": Ship(),
        "mcp": settings.mcp.model_copy(update={"allow": ()}),
        "records": settings.records.model_copy(update=quiet_records),
        "watch": settings.watch.model_copy(update={"ping_url": ""}),
        "hermes_health": settings.hermes_health.model_copy(update=SILENT_WATCHER),
        "floor": settings.floor.model_copy(update={"shadow": True}),
    }
