"""Text from outside as a prompt may show it. Pure: no network, no litellm."""

import json
import unicodedata
from typing import Final

from aiops.condense import squeeze

TEXT: Final = 600
"""Characters of one value that is a sentence."""
OUTPUT_CHARACTERS: Final = 12_000
"""Characters of all values together that are whole outputs: what is left of the largest real one we have, once it is condensed,
is 7,700."""


def plain(text: str, length: int = TEXT) -> str:
    """Text from outside as one may show it: no control, direction or invisible characters, and not too long.

    Line ends and tabs stay. What is cut is said.
    """
    kept = _clean(text[: length * 2])
    return kept if len(kept) <= length and len(text) <= length * 2 else f"{kept[:length]} [cut, {len(text)} characters]"


class Room:
    """What outputs may still take of one prompt, as JSON writes them."""

    def __init__(self, characters: int = OUTPUT_CHARACTERS) -> None:
        self._left = characters

    def take(self, text: str) -> str:
        """The text as far as there is room for it: a sentence as ``plain`` has it, an output with whole lines cut."""
        if "\n" not in text or len(text) <= TEXT:
            return plain(text)
        length = self._left
        while True:
            shown = squeeze(_clean(text), length) if length > TEXT else plain(text)
            size = len(json.dumps(shown, ensure_ascii=False))
            if size <= self._left or length <= TEXT:
                self._left = max(0, self._left - size)
                return shown
            length -= max(size - self._left, TEXT)


def _clean(text: str) -> str:
    return "".join(letter for letter in text if letter in "\n\t" or not unicodedata.category(letter).startswith("C"))
