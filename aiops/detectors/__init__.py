"""Detectors: one file is one guardian. See ``docs/howto/add-a-detector.md``.

A detector is a set of checks; each check declares the probes it reads and the finding kinds it can see. Checks are pure
functions from what the probes read to findings, so a recording of real output is a test.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from fnmatch import fnmatchcase
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

from aiops.domain.finding import Evidence, Finding, Kind
from aiops.domain.host import Host
from aiops.domain.severity import Severity
from aiops.errors import SettingsError, UnknownError
from aiops.probes import AnyProbe, Ask, Probe, Source


@dataclass(frozen=True)
class Subject:
    """The host a check looks at, and the only way to make a finding: a check cannot name the wrong host.

    ``settings`` are the detector's thresholds for this host (defaults of the file, overridden by settings).
    ``fleet`` are all hosts of the inventory, for detectors whose host speaks of others.
    """

    host: Host
    detector: "Detector"
    now: datetime
    settings: Mapping[str, Any] = field(default_factory=dict)
    fleet: Sequence[Host] = ()

    def matches(self, name: str, threshold: str) -> bool:
        """Whether the name is one of the threshold's shell patterns."""
        return any(fnmatchcase(name, pattern) for pattern in self.settings[threshold])

    def finding(
        self,
        kind: str,
        subject: str,
        severity: Severity,
        summary: str,
        *,
        cause: str = "",
        cursor: str = "",
        **evidence: str | float | bool | list[str] | None,
    ) -> Finding:
        """A finding of this detector on this host.

        :raises UnknownError: the detector does not declare the kind
        """
        declared = self.detector.kind(kind)
        values: Evidence = dict(evidence)
        return Finding(
            kind=kind,
            detector=self.detector.name,
            host=self.host.name,
            subject=subject,
            severity=severity,
            summary=summary,
            persistence=declared.persistence,
            shared=declared.shared,
            cause=cause,
            cursor=cursor,
            evidence=values,
            seen_at=self.now,
        )


Look = Callable[..., Iterator[Finding]]
Show = Callable[..., Mapping[str, str]]
"""Figures for a human, healthy or not, from what probes read: label to text."""


@dataclass(frozen=True)
class Check:
    """One look: which probes it reads, which kinds it can see. It is blind when one of its probes is.

    A look may raise ``UnreadableError`` after some findings: they count, and its kinds do not count as looked at.
    """

    look: Look
    probes: tuple[Source, ...]
    kinds: tuple[str, ...]


class Detector:
    """A guardian's knowledge of one sort of trouble.

    ``thresholds`` are the file's defaults; each may be overridden in settings by ``[detectors.<name>]``.
    """

    def __init__(
        self, name: str, title: str, kinds: Sequence[Kind], thresholds: Mapping[str, Any] | None = None
    ) -> None:
        self.name, self.title = name, title
        self.kinds = {kind.name: kind for kind in kinds}
        self.thresholds = dict(thresholds or {})
        self.checks: list[Check] = []
        self.shows: list[tuple[Show, tuple[Source, ...]]] = []

    def kind(self, name: str) -> Kind:
        """:raises UnknownError: not declared here."""
        try:
            return self.kinds[name]
        except KeyError:
            raise UnknownError("finding kind", name, f"declare it in aiops/detectors for {self.name}") from None

    def check(self, *probes: Source, kinds: Sequence[str]) -> Callable[[Look], Look]:
        """Register a look. It is called with the subject and one argument per probe, in this order."""

        def register(look: Look) -> Look:
            self.checks.append(Check(look, probes, tuple(self.kind(kind).name for kind in kinds)))
            return look

        return register

    def show(self, *probes: Source) -> Callable[[Show], Show]:
        """Register figures: called with one argument per probe, which a check of the detector reads as well."""

        def register(show: Show) -> Show:
            self.shows.append((show, probes))
            return show

        return register

    @property
    def probes(self) -> tuple[AnyProbe, ...]:
        """Every probe its checks read on the host, once each."""
        found = (probe for check in self.checks for probe in check.probes)
        return tuple(dict.fromkeys(probe for probe in found if isinstance(probe, Probe)))

    def idle(self, sources: Collection[str]) -> bool:
        """Whether none of its checks can look, because each asks a system that is not among ``sources``, those set up."""
        return all(
            any(isinstance(probe, Ask) and probe.source not in sources for probe in check.probes)
            for check in self.checks
        )


def load() -> dict[str, Detector]:
    """Every detector of this folder by name: a module's ``DETECTOR``."""
    found: dict[str, Detector] = {}
    for module in iter_modules(__path__):
        loaded = import_module(f"{__name__}.{module.name}")
        detector: Detector = loaded.DETECTOR
        found[detector.name] = detector
    return found


Overrides = Mapping[str, Mapping[str, Any]]
"""Settings per detector: ``{threshold: value, "roles": {role: {...}}, "hosts": {host: {...}}}``."""


def thresholds_for(detector: Detector, host: Host, overrides: Overrides) -> Mapping[str, Any]:
    """The detector's thresholds on this host: its defaults, then settings for all, for the role, for the host itself.

    :raises SettingsError: the settings name a threshold the detector does not have, or give it a value of another type
    """
    given = overrides.get(detector.name, {})
    where = f"detectors.{detector.name}"
    layers: dict[str, Mapping[str, Any]] = {where: {key: value for key, value in given.items() if key not in _GROUPS}}
    for group in _GROUPS:
        for name, values in _mapping(f"{where}.{group}", given.get(group, {})).items():
            layers[f"{where}.{group}.{name}"] = _mapping(f"{where}.{group}.{name}", values)
    for place, values in layers.items():
        for threshold, value in values.items():
            _check_threshold(detector, place, threshold, value)
    wanted = (where, f"{where}.roles.{host.role}", f"{where}.hosts.{host.name}")
    return dict(detector.thresholds, **{key: value for place in wanted for key, value in layers.get(place, {}).items()})


_GROUPS = ("roles", "hosts")


def _mapping(where: str, value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise SettingsError(where, f"must be a table, not {value!r}")
    return value


def _check_threshold(detector: Detector, where: str, threshold: str, value: Any) -> None:
    if threshold not in detector.thresholds:
        known = ", ".join(sorted(detector.thresholds)) or "none"
        raise SettingsError(where, f"{detector.name} has no threshold {threshold!r}; it has {known}")
    default = detector.thresholds[threshold]
    number = isinstance(default, int | float) and not isinstance(default, bool)
    if number:
        fits = isinstance(value, int | float) and not isinstance(value, bool)
    elif isinstance(default, list | tuple):
        fits = isinstance(value, list | tuple) and all(isinstance(item, str) for item in value)
    else:
        fits = isinstance(value, type(default))
    if not fits:
        raise SettingsError(where, f"{threshold} must be {_SHAPES.get(type(default), 'text')}, not {value!r}")


_SHAPES: Mapping[type, str] = {int: "a number", float: "a number", list: "a list of texts", tuple: "a list of texts"}
