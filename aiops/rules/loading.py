"""Reads the rules, strictly."""

import re
from pathlib import Path
from typing import Any, Final, get_args

from pydantic import ValidationError

from aiops.domain.rule import Judgement, Tier
from aiops.errors import ManifestError
from aiops.remediations.strict_yaml import read

TIERS: Final = get_args(Tier)
"""Files of a folder, in the order in which they are asked: ``guard.yml`` before ``benign.yml`` before ``fix.yml``."""


def load(folder: Path) -> tuple[Judgement, ...]:
    """Every rule of the folder, in the order in which they are asked.

    :raises ManifestError: a file cannot be used, a rule is wrong or has no name of its own
    """
    names = {path.name for path in folder.glob("*.yml")}
    stray = sorted(names - {f"{tier}.yml" for tier in TIERS})
    if stray or not names:
        raise ManifestError(str(folder), f"holds {', '.join(stray) or 'no rules'}; rules are {', '.join(TIERS)}.yml")
    rules = [rule for tier in TIERS for rule in _file(folder / f"{tier}.yml", tier)]
    ids = [rule.id for rule in rules]
    twice = sorted({name for name in ids if ids.count(name) > 1})
    if twice:
        raise ManifestError(str(folder), f"two rules are called {', '.join(twice)}")
    return tuple(rules)


def _file(path: Path, tier: str) -> list[Judgement]:
    if not path.is_file():
        return []
    whole = read(path)
    if not isinstance(whole, list):
        raise ManifestError(str(path), "must be a list of rules")
    return [_rule(path, entry, tier) for entry in whole]


def _rule(path: Path, entry: Any, tier: str) -> Judgement:
    if not isinstance(entry, dict):
        raise ManifestError(str(path), f"{entry!r} is no rule")
    try:
        rule = Judgement.model_validate({**entry, "tier": tier})
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ManifestError(str(path), f"{entry.get('id', '?')} {where}: {first['msg']}") from None
    for pattern in (*rule.all_of, *rule.any_of, *rule.none_of, *rule.evidence.values()):
        try:
            re.compile(pattern)
        except re.error as error:
            raise ManifestError(str(path), f"{rule.id}: {pattern!r} is no regular expression: {error}") from None
    return rule
