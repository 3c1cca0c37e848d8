"""The watcher from outside, the metrics, and the logs."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from aiops.settings.section import Section


class HermesHealth(Section):
    """The program that watches hermes from outside; it reads this table by itself, see docs/watchers.md."""

    silent_minutes: float = Field(
        default=30, gt=0, le=1440, description="hermes silent for longer is told to the human"
    )
    record: Path = Field(
        default=Path("/var/lib/hermes-health/state.json"), description="file in which it remembers what it told"
    )
    telegram_api: str = Field(default="https://api.telegram.org", description="the Bot API")
    telegram_token_file: Path | None = Field(
        default=None, description="file that holds the bot's token; empty: no Telegram"
    )
    telegram_chat: str = Field(default="", description="the human's numeric chat id")
    ntfy_url: str = Field(default="", description="a topic of ntfy, as a second way; empty: none")
    ping_url: str = Field(
        default="", description="external watcher of this program, healthchecks protocol; empty: none"
    )


class Exporter(Section):
    """Metrics for Prometheus or VictoriaMetrics: one port per scrape target, each served by one process; see docs/metrics.md."""

    listen: str = Field(default="127.0.0.1", description="address on which metrics are served")
    incidents_port: int = Field(
        default=0, ge=0, le=65535, description="CT190's port, served by workers.metrics_incidents; 0: nothing listens"
    )
    detect_port: int = Field(
        default=0, ge=0, le=65535, description="CT192's port, served by the detect worker; 0: nothing listens"
    )
    remediation_port: int = Field(
        default=0, ge=0, le=65535, description="CT196's port, served by workers.metrics_remediation; 0: nothing listens"
    )
    bridge_port: int = Field(
        default=0, ge=0, le=65535, description="the bridge's port, served by the bridge itself; 0: nothing listens"
    )


class Log(Section):
    """How the processes log."""

    level: Literal["debug", "info", "warning", "error"] = Field(default="info", description="what is logged")
    form: Literal["json", "console"] = Field(default="json", description="JSON lines, or text for a terminal")
