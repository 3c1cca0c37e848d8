"""What the operator says of a playbook: parameters that are configuration, for all hosts, a role or one host."""

from collections.abc import Iterator, Mapping
from typing import Any

from aiops.domain.host import Host
from aiops.domain.remediation import Given, ParamValue, Remediation
from aiops.errors import SettingsError
from aiops.remediations.params import objection

_GROUPS = ("roles", "hosts")


def given_for(remediation: Remediation, host: Host, given: Given) -> dict[str, ParamValue]:
    """What is said of the playbook on this host: for all hosts, then for its role, then for itself."""
    whole = given.get(remediation.id, {})
    layers = (whole, whole.get("roles", {}).get(host.role, {}), whole.get("hosts", {}).get(host.name, {}))
    return {name: value for layer in layers for name, value in layer.items() if name not in _GROUPS}


def check_given(catalogue: Mapping[str, Remediation], given: Given) -> Given:
    """The same, checked: every value is one that the manifest allows.

    :raises SettingsError: an unknown playbook or parameter, one that no finding takes from here, or a value that is not allowed
    """
    for playbook, whole in given.items():
        if playbook not in catalogue:
            raise SettingsError(f"playbooks.{playbook}", f"there is no such playbook; there are {', '.join(catalogue)}")
        for where, values in _layers(f"playbooks.{playbook}", whole):
            _check(catalogue[playbook], where, values)
    return given


def _layers(where: str, whole: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    yield where, {name: value for name, value in whole.items() if name not in _GROUPS}
    for group in _GROUPS:
        for name, values in _table(f"{where}.{group}", whole.get(group, {})).items():
            yield f"{where}.{group}.{name}", _table(f"{where}.{group}.{name}", values)


def _table(where: str, value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise SettingsError(where, f"must be a table, not {value!r}")
    return value


def _check(remediation: Remediation, where: str, values: Mapping[str, Any]) -> None:
    settable = {name for fix in remediation.fixes for name, source in fix.params.items() if source == "setting"}
    for name, value in values.items():
        if name not in settable:
            known = ", ".join(sorted(settable)) or "nothing"
            raise SettingsError(where, f"{name!r} is nothing that can be said of {remediation.id} here; {known} can")
        complaint = objection(remediation.params[name], value)
        if complaint:
            raise SettingsError(where, f"{name} {complaint}")
