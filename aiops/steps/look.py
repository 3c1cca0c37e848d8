"""Look with our own detectors and say what was seen."""

from collections.abc import Mapping
from functools import cache

from aiops.detectors import Detector, load
from aiops.domain.sweep import Patrol, Sweep
from aiops.ports import DetectionServices
from aiops.steps.detect import detect
from aiops.steps.report import report


@cache
def detectors() -> Mapping[str, Detector]:
    """Every guardian there is, by name."""
    return load()


def detect_and_report(order: Patrol, services: DetectionServices) -> Sweep:
    """Sweep the hosts of the order, publish what was seen, and return it."""
    sweep = detect(order, services, detectors(), services.thresholds)
    report(sweep, services.events)
    return sweep
