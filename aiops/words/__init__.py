"""The words that humans are told in, one file per language. What stands in braces is filled in."""

import tomllib
from functools import cache
from importlib import resources
from typing import Final, Literal

Language = Literal["en", "fr"]
LANGUAGES: Final[tuple[Language, ...]] = ("en", "fr")


class Words:
    """Sentences of one language by their key: ``words("answer.approved", plan="pln-1")``."""

    def __init__(self, sentences: dict[str, str]) -> None:
        self._sentences = sentences

    def __call__(self, key: str, /, **given: object) -> str:
        """The sentence, filled in.

        :raises KeyError: there is no such sentence, or something it needs is not given: a mistake of ours
        """
        return self._sentences[key].format(**given)

    def __contains__(self, key: str) -> bool:
        return key in self._sentences

    def keys(self) -> frozenset[str]:
        """Every key there is."""
        return frozenset(self._sentences)

    def template(self, key: str) -> str:
        """The sentence as it stands in the file."""
        return self._sentences[key]


@cache
def load(language: Language) -> Words:
    """The words of that language."""
    text = (resources.files("aiops.words") / f"{language}.toml").read_text(encoding="utf-8")
    tables = tomllib.loads(text)
    return Words({f"{table}.{key}": sentence for table, found in tables.items() for key, sentence in found.items()})
