"""The words that humans are told in, one file per language. What stands in braces is filled in."""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Final, Literal

from aiops.words.sentences import Phrasebook

Language = Literal["en", "fr"]
LANGUAGES: Final[tuple[Language, ...]] = ("en", "fr")


_REPORTS: Final = "night"
"""The table of the lines of reports: what stands there is too short to be known in any other text."""


class Words:
    """Sentences of one language by their key: ``words("answer.approved", plan="pln-1")``."""

    def __init__(self, sentences: dict[str, str], records: Mapping[str, Mapping[str, str]] | None = None) -> None:
        """``records``: what the records say, in this language; without it, it is shown in English, as it is kept."""
        tables = records or {}
        self._sentences = sentences
        self._book = Phrasebook(tables, without=[_REPORTS])
        self._reports = Phrasebook(tables, without=tables.keys() - {_REPORTS})

    def __call__(self, key: str, /, **given: object) -> str:
        """The sentence, filled in.

        :raises KeyError: there is no such sentence, or something it needs is not given: a mistake of ours
        """
        return self._sentences[key].format(**given)

    def __contains__(self, key: str) -> bool:
        return key in self._sentences

    def said(self, text: str) -> str:
        """A sentence that our records hold, in this language; what others wrote as it is."""
        return self._book.said(text)

    def reported(self, line: str) -> str:
        """A line of a report, in this language."""
        return self._reports.said(line)

    def value(self, word: str) -> str:
        """A word that our records hold for a state or an end, in this language."""
        return self._book.value(word)

    def keys(self) -> frozenset[str]:
        """Every key there is."""
        return frozenset(self._sentences)

    def template(self, key: str) -> str:
        """The sentence as it stands in the file."""
        return self._sentences[key]


@cache
def load(language: Language) -> Words:
    """The words of that language."""
    tables = _tables(f"{language}.toml")
    words = {f"{table}.{key}": sentence for table, found in tables.items() for key, sentence in found.items()}
    return Words(words, None if language == "en" else _tables(f"{language}_sentences.toml"))


def _tables(name: str) -> dict[str, dict[str, str]]:
    return tomllib.loads((resources.files("aiops.words") / name).read_text(encoding="utf-8"))
