"""The recorded answers of other systems, read by the real adapters: only HTTP is left out.

A recording has them below ``answers``: source, then what was asked (path, and the parameters that hold no time), then the
JSON that came, or ``refused: text`` and ``silent: text`` for what did not.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from aiops.adapters.git_refs import refs
from aiops.adapters.json_api import JsonApi, Reply
from aiops.adapters.loki_witness import LokiWitness
from aiops.adapters.mirrors_witness import Copy, MirrorsWitness
from aiops.adapters.pbs_witness import PbsWitness
from aiops.adapters.prometheus_witness import PrometheusWitness, Query
from aiops.adapters.proxmox_witness import ProxmoxWitness
from aiops.adapters.release_feed import Pauses, ReleaseFeed
from aiops.adapters.releases_witness import ReleasesWitness, Watched
from aiops.errors import BusError, SettingsError
from aiops.ports import Witness

TIMES = frozenset({"since", "start", "end", "limit"})


def key(path: str, parameters: Mapping[str, Any]) -> str:
    """What stands in the recording for a request."""
    told = "&".join(f"{name}={value}" for name, value in sorted(parameters.items()) if name not in TIMES)
    return f"{path}?{told}" if told else path


@dataclass(frozen=True)
class Recorded:
    """Transport over what is recorded; whatever is not there is silent."""

    source: str
    said: Mapping[str, Any]

    def get(self, path: str, **parameters: str | float) -> Any:
        wanted = key(path, parameters)
        if wanted not in self.said:
            raise BusError(self.source, f"nothing is recorded for {wanted}")
        answer = self.said[wanted]
        if isinstance(answer, dict) and "refused" in answer:
            raise SettingsError(f"{self.source} {path}", answer["refused"])
        if isinstance(answer, dict) and "silent" in answer:
            raise BusError(f"{self.source} {path}", answer["silent"])
        return answer

    def text(self, path: str) -> str:
        return str(self.get(path))


class RecordedApi(JsonApi):
    """Answers with status, headers and body as recorded; everything but the connection is the real adapter."""

    def __init__(self, url: str, said: Mapping[str, Any]) -> None:
        super().__init__(urlsplit(url).hostname or "", url)
        self._said = said

    def _ask(
        self,
        method: str,
        target: str,
        more: Mapping[str, str] | None = None,
        body: bytes | None = None,
        left: float | None = None,
    ) -> Reply:
        answer = self._said[target]
        if "silent" in answer:
            raise BusError(self.name, answer["silent"])
        said = answer["body"]
        content = said if isinstance(said, str) else json.dumps(said)
        return Reply(answer["status"], answer.get("headers", {}), content.encode())


def _releases(options: Mapping[str, Any], said: Mapping[str, Any], now: datetime) -> ReleasesWitness:
    pauses = Pauses(now.timestamp)

    def watched(one: Mapping[str, Any]) -> Watched:
        feed = ReleaseFeed(RecordedApi(one["feed"], said), one.get("form", "github"), pauses)
        itself = RecordedApi(one["version_url"], said) if "version_url" in one else None
        return Watched(one["name"], one["host"], feed, one.get("package", ""), itself)

    return ReleasesWitness([watched(one) for one in options["applications"]], "")


@dataclass(frozen=True)
class RecordedRefs:
    """What git printed for an address, or why it printed nothing."""

    said: Mapping[str, Any]

    def show(self, url: str) -> Mapping[str, str]:
        answer = self.said[url]
        if "refused" in answer:
            raise SettingsError(url, answer["refused"])
        if "silent" in answer:
            raise BusError(url, answer["silent"])
        return refs(url, answer["shown"])


def witnesses(recording: Mapping[str, Any], now: datetime) -> dict[str, Witness]:
    """The adapters of the sources that the recording has answers of."""
    options = recording.get("options", {})

    def clock() -> float:
        return now.timestamp()

    made: Mapping[str, Callable[[Recorded], Witness]] = {
        "proxmox": lambda said: ProxmoxWitness([(options.get("node", "pve1:8006"), said)], "", clock),
        "pbs": lambda said: PbsWitness(said, options.get("home", "pbs"), clock),
        "loki": lambda said: LokiWitness(said, options.get("home", "loki"), own=options.get("own", False), clock=clock),
        "mirrors": lambda said: MirrorsWitness(
            [Copy(**copy) for copy in options["repositories"]], "", RecordedRefs(said.said)
        ),
        "metrics": lambda said: PrometheusWitness(
            said, options.get("home", "monitoring"), [Query(**query) for query in options.get("queries", [])]
        ),
    }
    told = recording.get("answers", {})
    found = {name: made[name](Recorded(name, said)) for name, said in told.items() if name in made}
    return found | ({"releases": _releases(options, told["releases"], now)} if "releases" in told else {})
