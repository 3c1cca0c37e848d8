"""Every detector is scheduled, documented and recorded."""

import importlib
import inspect
import pkgutil
from collections import Counter
from typing import Any

import pytest

import aiops.detectors
from aiops.detectors import Detector, load
from aiops.probes import Ask, Probe, Visit
from aiops.probes.sudoers import sudoers
from tests.recordings import replay

DETECTORS = load()
RECORDINGS = [(path, replay.load(path)) for path in replay.cases()]

each_detector = pytest.mark.parametrize("detector", DETECTORS.values(), ids=DETECTORS.keys())


def recorded(detector: Detector) -> list[tuple[str, dict[str, Any]]]:
    return [(path.stem, recording) for path, recording in RECORDINGS if recording["detector"] == detector.name]


def described(detector: Detector) -> str:
    for module in pkgutil.iter_modules(aiops.detectors.__path__):
        loaded = importlib.import_module(f"aiops.detectors.{module.name}")
        if loaded.DETECTOR.name == detector.name:
            return inspect.getdoc(loaded) or ""
    raise AssertionError(f"no module defines {detector.name}")


def test_there_are_detectors() -> None:
    assert {"disk", "audit-dpkg-rc", "health"} <= DETECTORS.keys()


@each_detector
def test_it_stands_in_the_crontab(detector: Detector) -> None:
    assert detector.name in importlib.import_module("beat_schedule").GUARDIANS


def test_at_least_120_recordings_are_from_debian_systems() -> None:
    assert sum(recording["release"].startswith("Debian ") for _, recording in RECORDINGS) >= 120


@each_detector
def test_its_file_says_what_it_looks_for_and_what_is_benign(detector: Detector) -> None:
    text = described(detector)
    assert text.startswith(f"{detector.name}: ")
    assert all(f"\n{heading}\n" in text for heading in ("Looks for", "Thresholds", "Looks alike but is benign"))


@each_detector
def test_every_threshold_is_documented_with_its_default_or_meaning(detector: Detector) -> None:
    text = described(detector)
    assert [name for name in detector.thresholds if f"``{name}``" not in text] == []
    numbers = {name: value for name, value in detector.thresholds.items() if isinstance(value, int | float)}
    assert [name for name, value in numbers.items() if f"``{name}`` {value}" not in text] == []


@each_detector
def test_every_check_says_what_it_does_and_every_kind_has_a_check(detector: Detector) -> None:
    assert [check.look for check in detector.checks if not inspect.getdoc(check.look)] == []
    assert {kind for check in detector.checks for kind in check.kinds} == set(detector.kinds)


def test_a_kind_belongs_to_one_detector() -> None:
    owners = Counter(kind for detector in DETECTORS.values() for kind in detector.kinds)
    assert [kind for kind, count in owners.items() if count > 1] == []


def test_one_name_means_one_probe() -> None:
    probes = {probe for detector in DETECTORS.values() for check in detector.checks for probe in check.probes}
    assert [name for name, count in Counter(probe.name for probe in probes).items() if count > 1] == []


@each_detector
def test_every_kind_is_recorded(detector: Detector) -> None:
    seen = {found["kind"] for _, recording in recorded(detector) for found in recording["expect"]["findings"]}
    assert set(detector.kinds) - seen == set()


on_hosts = pytest.mark.parametrize(
    "detector", [detector for detector in DETECTORS.values() if detector.probes], ids=lambda detector: detector.name
)
of_others = pytest.mark.parametrize(
    "detector", [detector for detector in DETECTORS.values() if not detector.probes], ids=lambda detector: detector.name
)


@of_others
def test_another_systems_health_refusal_silence_and_nonsense_are_recorded(detector: Detector) -> None:
    by_name = dict(recorded(detector))
    healthy = [recording for name, recording in by_name.items() if name.startswith("healthy")]
    assert healthy
    assert all(recording["expect"] == {"findings": [], "blind": []} for recording in healthy)
    for case in ("refused", "unreadable", "silent" if detector.name != "logs" else "down"):
        assert by_name[case]["expect"]["blind"], case


@on_hosts
@pytest.mark.parametrize("release", ["Debian 12", "Debian 13"])
def test_a_healthy_host_is_recorded(detector: Detector, release: str) -> None:
    healthy = [
        recording
        for name, recording in recorded(detector)
        if name.startswith("healthy") and recording["release"] == release
    ]
    assert healthy
    assert all(recording["expect"] == {"findings": [], "blind": []} for recording in healthy)


@on_hosts
@pytest.mark.parametrize("case", ["unreadable", "missing-binary"])
def test_blindness_is_recorded(detector: Detector, case: str) -> None:
    blind = [recording for name, recording in recorded(detector) if name == case]
    assert blind
    assert all(recording["expect"]["blind"] for recording in blind)


@pytest.mark.parametrize(("path", "recording"), RECORDINGS, ids=lambda value: getattr(value, "stem", ""))
def test_a_recording_says_where_it_comes_from(path: Any, recording: dict[str, Any]) -> None:
    assert recording["detector"] == path.parent.name
    assert all(recording[field] for field in ("about", "release", "captured", "now", "host"))
    assert set(recording["probes"]) == {probe.name for probe in DETECTORS[recording["detector"]].probes}


def test_every_command_that_needs_root_can_be_allowed_exactly() -> None:
    needing = [probe for detector in DETECTORS.values() for probe in detector.probes if probe.sudo]
    own = (
        "/usr/",
        "/var/ossec/bin/",
    )  # folders that belong to root; the second is where Wazuh installs itself, and nowhere else
    assert all(probe.argv[0].startswith(own) for probe in needing)
    assert sudoers("aiops", needing).count("NOPASSWD") == len(set(needing))


def test_every_probe_ends_well_within_a_hosts_time() -> None:
    sources = {probe for detector in DETECTORS.values() for check in detector.checks for probe in check.probes}
    assert all(0 < probe.seconds <= 30 for probe in sources)
    assert {type(probe) for probe in sources} <= {Probe, Visit, Ask}
