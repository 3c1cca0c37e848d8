"""Reads SKILL.md, strictly: what it says is what happens, so nothing in it may be a mistake that goes unseen."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import ValidationError

from aiops.domain.remediation import Remediation
from aiops.domain.skill import Skill
from aiops.errors import ManifestError

SECTIONS: Final = ("When to use", "Procedure", "Pitfalls", "Verification")
_TOP: Final = frozenset({"name", "description", "license", "metadata"})
_METADATA: Final = frozenset({"kinds", "conditions", "playbook", "parameters"})
_CONDITION: Final = re.compile(r"role|detector|evidence\.[a-z_]+")
_MOST: Final = 32_768


def load(folder: Path, catalogue: Mapping[str, Remediation]) -> tuple[Skill, ...]:
    """Every skill of the folder; none when there is no such folder.

    :raises ManifestError: one of them cannot be used
    """
    if not folder.is_dir():
        return ()
    found: list[Skill] = []
    for place in sorted(path for path in folder.iterdir() if path.is_dir()):
        file = place / "SKILL.md"
        try:
            text = file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ManifestError(str(file), f"cannot be read: {error}") from error
        skill = parse(text, catalogue, str(file))
        if skill.name != place.name:
            raise ManifestError(str(file), f"is called {skill.name!r}, but its folder {place.name!r}")
        found.append(skill)
    return tuple(found)


def parse(text: str, catalogue: Mapping[str, Remediation], where: str = "SKILL.md") -> Skill:
    """The skill that the text describes.

    :raises ManifestError: a key is unknown, a section is missing, or the catalogue says otherwise
    """
    if len(text) > _MOST:
        raise ManifestError(where, f"is longer than {_MOST} characters")
    front, body = _split(text, where)
    _only(front, _TOP, where, "the front matter")
    metadata = front.get("metadata")
    if not isinstance(metadata, dict):
        raise ManifestError(where, "metadata must be a mapping with kinds, conditions, playbook and parameters")
    _only(metadata, _METADATA, where, "metadata")
    try:
        skill = Skill(name=front.get("name", ""), description=front.get("description", ""), text=text, **metadata)
    except ValidationError as error:
        first = error.errors()[0]
        raise ManifestError(where, f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None
    headings = re.findall(r"^## (.+?)\s*$", body, re.MULTILINE)
    if tuple(headings) != SECTIONS:
        raise ManifestError(where, f"its sections must be {', '.join(SECTIONS)}, in this order")
    _agrees(skill, catalogue, where)
    return skill


def _split(text: str, where: str) -> tuple[dict[str, Any], str]:
    match = re.match(r"---\n(.*?)\n---\n(.*)", text, re.DOTALL)
    if match is None:
        raise ManifestError(where, "does not begin with front matter between two lines of ---")
    try:
        front = yaml.safe_load(match[1])
    except yaml.YAMLError as error:
        raise ManifestError(where, f"its front matter is no YAML: {error}") from None
    if not isinstance(front, dict):
        raise ManifestError(where, "its front matter is no mapping")
    return front, match[2]


def _only(given: Mapping[str, Any], known: frozenset[str], where: str, what: str) -> None:
    unknown = sorted(str(key) for key in given if key not in known)
    if unknown:
        raise ManifestError(where, f"{what} has unknown keys: {', '.join(unknown)}")


def _agrees(skill: Skill, catalogue: Mapping[str, Remediation], where: str) -> None:
    remediation = catalogue.get(skill.playbook)
    if remediation is None:
        raise ManifestError(where, f"there is no playbook {skill.playbook!r} in the catalogue")
    fixes = {fix.kind: fix for fix in remediation.fixes}
    for kind in skill.kinds:
        if kind not in fixes:
            raise ManifestError(where, f"{skill.playbook} does not fix {kind}")
        if skill.parameters and skill.parameters != fixes[kind].params:
            raise ManifestError(where, f"parameters must be those of {skill.playbook} for {kind}: {fixes[kind].params}")
    for place, pattern in skill.conditions.items():
        if not _CONDITION.fullmatch(place):
            raise ManifestError(where, f"a condition is on role, detector or evidence.<key>, not on {place!r}")
        try:
            re.compile(pattern)
        except re.error as error:
            raise ManifestError(where, f"the condition on {place} is no regular expression: {error}") from None
