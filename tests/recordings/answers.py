"""The recorded answers of other systems, read by the real adapters: only HTTP is left out.

A recording has them below ``answers``: source, then what was asked (path, and the parameters that hold no time), then the
JSON that came, or ``refused: text`` and ``silent: text`` for what did not.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from aiops.adapters.loki_witness import LokiWitness
from aiops.adapters.pbs_witness import PbsWitness
from aiops.adapters.prometheus_witness import PrometheusWitness, Query
from aiops.adapters.proxmox_witness import ProxmoxWitness
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


def witnesses(recording: Mapping[str, Any], now: datetime) -> dict[str, Witness]:
    """The adapters of the sources that the recording has answers of."""
    options = recording.get("options", {})

    def clock() -> float:
        return now.timestamp()

    made: Mapping[str, Callable[[Recorded], Witness]] = {
        "proxmox": lambda said: ProxmoxWitness([(options.get("node", "pve1:8006"), said)], "", clock),
        "pbs": lambda said: PbsWitness(said, options.get("home", "pbs"), clock),
        "loki": lambda said: LokiWitness(said, options.get("home", "loki"), clock=clock),
        "metrics": lambda said: PrometheusWitness(
            said, options.get("home", "monitoring"), [Query(**query) for query in options.get("queries", [])]
        ),
    }
    return {name: made[name](Recorded(name, said)) for name, said in recording.get("answers", {}).items()}
