"""Thresholds: the file's own, then settings for all, for a role, for a host."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiops.detectors import Detector, thresholds_for
from aiops.domain.finding import Kind
from aiops.domain.host import Host
from aiops.errors import SettingsError

DETECTOR = Detector(
    "disk",
    "Disk",
    [Kind(name="disk.space", sentence="a filesystem is full")],
    {"warning": 85, "ignore": [], "mode": "a"},
)
HOST = Host(name="ct101", role="db")
NUMBERS = st.one_of(st.none(), st.integers(1, 100))


def test_without_settings_the_defaults_hold() -> None:
    assert thresholds_for(DETECTOR, HOST, {}) == {"warning": 85, "ignore": [], "mode": "a"}


@given(everywhere=NUMBERS, role=NUMBERS, host=NUMBERS)
def test_the_nearest_setting_wins(everywhere: int | None, role: int | None, host: int | None) -> None:
    def table(value: int | None) -> dict[str, Any]:
        return {} if value is None else {"warning": value}

    overrides = {"disk": {**table(everywhere), "roles": {"db": table(role)}, "hosts": {"ct101": table(host)}}}
    given_values = [value for value in (host, role, everywhere, 85) if value is not None]
    assert thresholds_for(DETECTOR, HOST, overrides)["warning"] == given_values[0]


def test_another_host_and_another_role_change_nothing() -> None:
    overrides = {"disk": {"hosts": {"ct102": {"warning": 1}}, "roles": {"web": {"warning": 2}, "": {"warning": 3}}}}
    assert thresholds_for(DETECTOR, HOST, overrides)["warning"] == 85


@pytest.mark.parametrize(
    "table",
    [
        {"warnings": 1},
        {"hosts": {"ct999": {"warnings": 1}}},
        {"roles": {"web": {"warnings": 1}}},
        {"warning": "85"},
        {"warning": True},
        {"ignore": "x"},
        {"ignore": [1]},
        {"mode": 1},
        {"hosts": []},
        {"hosts": {"ct101": 5}},
    ],
    ids=str,
)
def test_a_setting_that_cannot_be_meant_is_refused(table: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match=r"detectors\.disk"):
        thresholds_for(DETECTOR, HOST, {"disk": table})
