"""Plays a recording back as if a host had printed it: the whole way through frames, readers and checks."""

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

from aiops.detectors import Detector
from aiops.domain.certificate import Certificate, Served
from aiops.domain.event import Event
from aiops.domain.host import Host
from aiops.domain.sweep import Patrol, Sweep
from aiops.errors import UnknownError
from aiops.ports import DetectionServices, Page, Printed
from aiops.probes.readings import Readings
from aiops.steps.detect import detect
from tests.recordings import answers

FOLDER = Path(__file__).parent


def cases() -> list[Path]:
    """Every recording."""
    return sorted(FOLDER.glob("*/*.yml"))


def load(path: Path) -> dict[str, Any]:
    """One of them."""
    recording: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return recording


@dataclass(frozen=True)
class Playing:
    """A shell, a web and an inventory of one host that say what is recorded."""

    recording: Mapping[str, Any]
    detector: Detector

    def run(self, host: Host, script: str, seconds: float) -> Printed:
        found = re.search(r"^mark=(\w+)$", script, re.MULTILINE)
        assert found
        lines = [f"{found[1]} start"]
        for number, probe in enumerate(self.detector.probes):
            answer = self.recording["probes"][probe.name]
            if answer.get("powerless"):
                lines.append(f"{found[1]} {number} powerless")
                continue
            lines.append(f"{found[1]} {number} out {_base64(answer.get('stdout', ''))}")
            lines.append(f"{found[1]} {number} end {_base64(answer.get('stderr', ''))}:{answer.get('code', 0)}:")
        return Printed("\n".join(["", *lines, ""]).encode(), b"", 0, 0.1)

    def get(self, url: str, seconds: float) -> Page:
        for page in self.recording.get("pages", []):
            if page["url"] == url:
                return Page(url, page["status"], page["reason"], page["seconds"])
        raise UnknownError("recorded page", url)

    def certificate(self, endpoint: str, seconds: float) -> Served:
        for shown in self.recording.get("handshakes", []):
            if shown["endpoint"] == endpoint:
                return Served(endpoint, shown["name"], _certificate(shown["certificate"]), shown["problem"])
        raise UnknownError("recorded handshake", endpoint)

    def hosts(self) -> Sequence[Host]:
        return tuple(Host(**host) for host in (self.recording["host"], *self.recording.get("neighbours", [])))

    def find(self, name: str) -> Host:
        return self.hosts()[0]

    def publish(self, event: Event) -> None:
        raise AssertionError(f"detection publishes nothing, but here is {event}")

    def close(self) -> None:
        """Nothing is open."""


def _certificate(recorded: dict[str, Any] | None) -> Certificate | None:
    if recorded is None:
        return None
    first, last = (datetime.fromisoformat(recorded[name]) for name in ("not_before", "not_after"))
    return Certificate(**recorded | {"names": tuple(recorded["names"]), "not_before": first, "not_after": last})


def _base64(output: str | bytes) -> str:
    return base64.b64encode(output.encode() if isinstance(output, str) else output).decode()


def play(recording: Mapping[str, Any], detectors: Mapping[str, Detector], readings: Readings | None = None) -> Sweep:
    """The sweep that comes of it. ``readings`` are those of earlier sweeps; none by default."""
    detector = detectors[recording["detector"]]
    playing = Playing(recording, detector)
    now = datetime.fromisoformat(recording["now"])
    hosts = (recording["host"]["name"],)
    patrol = Patrol(sweep="recorded", detectors=(detector.name,), hosts=hosts, requested_at=now)
    services = DetectionServices(
        playing, playing, playing, clock=lambda: now, web=playing, witnesses=answers.witnesses(recording, now)
    )
    thresholds = {detector.name: recording.get("thresholds", {})}
    return detect(patrol, services, detectors, thresholds, readings=readings or Readings())
