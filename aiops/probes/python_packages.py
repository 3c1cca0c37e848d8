"""The metadata of Python distributions that are coupled to each other, wherever a virtual environment holds them.

``pip check`` does not see a pin that stands behind an extra, and nobody records which extras were installed: so the metadata
are read as ``importlib.metadata.requires`` would give them, and requirements behind the extra count when both sides are there.
"""

import re
from dataclasses import dataclass, field

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from aiops.probes import Probe, UnreadableError


@dataclass
class Distribution:
    """One installed distribution of one environment."""

    place: str
    name: str = ""
    version: str = ""
    requires: list[Requirement] = field(default_factory=list)


_ROW = re.compile(r"(?P<place>/.*)/[^/]+\.dist-info/METADATA:(?P<key>Name|Version|Requires-Dist): (?P<value>.*)")


def _read(text: str) -> tuple[Distribution, ...]:
    found: dict[str, Distribution] = {}
    for row in text.splitlines():
        match = _ROW.fullmatch(row)
        if not match:
            raise UnreadableError(f"grep printed a row that is none: {row[:120]!r}")
        one = found.setdefault(row.partition(":")[0], Distribution(match["place"]))
        if match["key"] == "Name":
            one.name = canonicalize_name(match["value"])
        elif match["key"] == "Version":
            one.version = match["value"]
        else:
            try:
                one.requires.append(Requirement(match["value"]))
            except InvalidRequirement as error:
                raise UnreadableError(f"{one.place} has a requirement that is none: {error}") from error
    return tuple(found.values())


_EXTRA = re.compile(r"""extra == ['"](?P<name>[^'"]+)['"]""")


def applies(requirement: Requirement) -> bool:
    """Whether it counts here, with whatever extra it stands behind."""
    if requirement.marker is None:
        return True
    extras = _EXTRA.findall(str(requirement.marker)) or [""]
    return any(requirement.marker.evaluate({"extra": extra}) for extra in extras)


# The header ends before the description, which may hold anything; a requirement on another project is nobody's business here.
PYTHON = Probe(
    name="python-metadata",
    argv=(
        *("find", "/opt", "/srv", "/usr/local", "/home", "/var/lib", "-xdev", "-maxdepth", "9"),
        *("-path", "*-packages/litellm*.dist-info/METADATA"),
        *("-exec", "grep", "-H", "-E", "^(Name: |Version: |Requires-Dist: litellm)", "{}", "+"),
    ),
    read=_read,
    codes=(0, 1),
)
