"""Every recording, through the same way a host's answer takes."""

from pathlib import Path

import pytest

from aiops.detectors import load as load_detectors
from aiops.probes.readings import Readings
from tests.recordings import replay

DETECTORS = load_detectors()


@pytest.mark.parametrize("path", replay.cases(), ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_the_recorded_host_is_judged_as_expected(path: Path) -> None:
    recording = replay.load(path)
    readings = Readings(worth=0)
    first, second, sweep = (replay.play(recording, DETECTORS, readings) for _ in range(3))
    assert first == second == sweep, "a reading that is used again says the same"

    expected = recording["expect"]
    seen = [(found.kind, found.subject, found.severity.value, found.cause) for found in sweep.findings]
    assert seen == [(want["kind"], want["subject"], want["severity"], want["cause"]) for want in expected["findings"]]
    for found, want in zip(sweep.findings, expected["findings"], strict=True):
        assert {key: found.evidence[key] for key in want["evidence"]} == want["evidence"]
    blind = [(blind.probe, blind.reason) for blind in sweep.blind]
    assert [probe for probe, _ in blind] == [want["probe"] for want in expected["blind"]]
    assert all(reason.startswith(want["reason"]) for (_, reason), want in zip(blind, expected["blind"], strict=True))
    assert all(blind.remedy for blind in sweep.blind)


@pytest.mark.parametrize("path", replay.cases(), ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_kind_whose_check_was_blind_does_not_count_as_looked_at(path: Path) -> None:
    recording = replay.load(path)
    sweep = replay.play(recording, DETECTORS)
    detector = DETECTORS[recording["detector"]]
    blind = {blind.probe for blind in sweep.blind}

    dark: set[str] = set(detector.kinds) if sweep.asleep else set()
    for check in detector.checks:
        if not blind.isdisjoint({probe.name for probe in check.probes} | {check.look.__name__}):
            dark.update(check.kinds)
    for kind in detector.kinds:
        assert sweep.looked("here", kind) is False
        assert sweep.looked(recording["host"]["name"], kind) == (kind not in dark)
