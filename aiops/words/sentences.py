"""Sentences of the records in another language. The records are kept in English, whoever reads them; this is for showing.

A line of the file is the English sentence with what was filled in as ``{name}``, and the other language's. What stands in
``{text}`` and ``{reason}`` is a sentence again, ``{value}`` a word of the table ``values``; everything else stays as it is. What
is the name of something of ours, or a number, holds no blank: or a sentence would be found inside another one.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

LONGEST: Final = 1000
"""Characters beyond which a text is no sentence of ours."""
_DEPTH: Final = 3
_AGAIN: Final = frozenset({"text", "reason"})
_NAMES: Final = frozenset(
    {"playbook", "plan", "incident", "kind", "detector", "host", "run", "digest", "tier", "column", "branch"}
    | {"count", "seconds", "minutes", "hours"}
)
_VALUES: Final = "values"
_HOLE: Final = re.compile(r"\{([a-z]+)\}")


@dataclass(frozen=True)
class Sentence:
    """One line: ``literals`` stand around and between the holes, which are ``names``."""

    literals: tuple[str, ...]
    names: tuple[str, ...]
    other: str

    @classmethod
    def of(cls, english: str, other: str) -> "Sentence":
        """From a line of the file."""
        parts = _HOLE.split(english)
        return cls(tuple(parts[::2]), tuple(parts[1::2]), other)

    def filled(self, text: str) -> dict[str, str] | None:
        """What was filled in, if the text is this sentence. From left to right and never back: no text makes it slow."""
        first, *literals = self.literals
        if not text.startswith(first):
            return None
        found, at = {}, len(first)
        for place, (name, literal) in enumerate(zip(self.names, literals, strict=True)):
            last = place == len(literals) - 1
            end = (
                len(text) - len(literal) if last and text.endswith(literal) else -1 if last else text.find(literal, at)
            )
            if end <= at or (name in _NAMES and " " in text[at:end]):
                return None
            found[name] = text[at:end]
            at = end + len(literal)
        return found if at == len(text) else None


class Phrasebook:
    """The sentences of one language: those of all tables but ``without``."""

    def __init__(self, tables: Mapping[str, Mapping[str, str]], without: Collection[str] = ()) -> None:
        self.values = dict(tables.get(_VALUES, {}))
        chosen = [table for name, table in tables.items() if name != _VALUES and name not in without]
        self.lines = {english: other for table in chosen for english, other in table.items()}
        made = [Sentence.of(english, other) for english, other in self.lines.items()]
        # One that begins with words of its own before one that begins with a hole, then the one that says most by itself.
        self._sentences = sorted(made, key=lambda one: (not one.literals[0], -sum(map(len, one.literals))))

    def said(self, text: str, depth: int = 0) -> str:
        """The sentence in this language; what is none of ours as it is."""
        if text in self.lines and "{" not in text:
            return self.lines[text]
        if depth >= _DEPTH or len(text) > LONGEST:
            return text
        for one in self._sentences:
            found = one.filled(text) if one.names else None
            if found and found.get("value", "") in {"", *self.values}:
                return one.other.format(**{name: self._filled(name, value, depth) for name, value in found.items()})
        return text

    def value(self, word: str) -> str:
        """One of the words that our records use for a state or an end."""
        return self.values.get(word, word)

    def _filled(self, name: str, value: str, depth: int) -> str:
        if name in _AGAIN:
            return self.said(value, depth + 1)
        return self.value(value) if name == "value" else value
