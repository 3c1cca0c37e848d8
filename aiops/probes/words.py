"""Words that many hosts say, kept once: names and versions of packages are the same on all hosts of a release.

``sys.intern`` would do the same, but on Python 3.12 what it was given once is never freed, and a host may say what it likes.
"""

from typing import Final

MOST: Final = 100_000
"""Words; four releases have some ten thousand different names and versions. Beyond it the memory starts anew."""

LONGEST: Final = 200
"""Characters: no name or version is longer, and what is longer is not worth keeping."""

_KNOWN: dict[str, str] = {}


def shared(word: str) -> str:
    """The same word, as the one object that everybody has."""
    if len(word) > LONGEST:
        return word
    if len(_KNOWN) >= MOST:
        _KNOWN.clear()
    return _KNOWN.setdefault(word, word)
