"""Data from machines, between marks that nothing in it can know."""

import json
import secrets
from collections.abc import Mapping
from typing import Any, Final

from aiops.condense.scrub import scrub_tree

MOST_CHARACTERS: Final = 12_000
"""Of one result, about 4,000 tokens: the longest condensed output is shorter."""


def quoted(data: Mapping[str, Any], most: int = MOST_CHARACTERS) -> str:
    """The data as JSON, scrubbed, cut to ``most`` characters, between two marks that are new every time."""
    return fenced(json.dumps(scrub_tree(dict(data)), ensure_ascii=False, indent=1), most)


def fenced(text: str, most: int = MOST_CHARACTERS) -> str:
    """Text that is scrubbed already, cut, between two such marks."""
    mark = f"=== data {secrets.token_hex(8)} ==="
    shown = text if len(text) <= most else f"{text[:most]}\n[cut, {len(text)} characters]"
    return f"{mark}\n{shown}\n{mark}"
