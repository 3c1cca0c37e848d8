"""Text that talks to whoever judges it.

Machines report; they do not give orders, name our playbooks or explain themselves away. Text that does was written to be read
by us, so it decides nothing: whatever else stands in it, a human looks. The patterns name ways of speaking (after the published
attacks AIOpsDoom, InjecAgent and AgentDojo; in ``orders.txt``), not known attacks; they can only make a judgement more careful.
"""

import base64
import binascii
import re
import unicodedata
from collections.abc import Collection, Iterator
from functools import cache
from importlib import resources
from typing import Final
from urllib.parse import unquote

_US: Final = "(?:ai|llm|model|assistant|agent|bot|copilot|chatgpt|claude|gpt|triage|aiops|operator|automation|sre)"
_WORTH_STEALING: Final = (
    "(?:password|passwd|secret|token|credential|api.?key|private key|environment variable|env var)s?"
)
_OUR_WORDS: Final = frozenset({"spawn_claude", "alert_human", "notify_human", "must_not", "no_playbook"})
_BREAKS: Final = re.compile(r"[-_+/.]+")
_BASE64: Final = re.compile(r"[A-Za-z0-9+/]{20,2000}")
_TOKENS: Final = 50
"""Decoded at most: more is no log line but a file."""
_INVISIBLE: Final = frozenset({"Cf", "Co", "Cs"})


def suspicious(text: str, names: Collection[str] = ()) -> str:
    """What gives the text away, or nothing. ``names`` are ids of our catalogue: no machine knows those.

    The text is read as it is, decoded from URL escapes, and with the marks that join words in names and paths taken out.
    """
    odd = next((letter for letter in text if unicodedata.category(letter) in _INVISIBLE), "")
    if odd:
        return f"an invisible character U+{ord(odd):04X}"
    plain = unicodedata.normalize("NFKC", unquote(text))
    if _mixed(plain):
        return "a word in two alphabets"
    lowered = plain.lower()
    ours = {name for name in names if "_" in name}
    for name in sorted(_OUR_WORDS | ours | {name.replace("_", " ") for name in ours if name.count("_") > 1}):
        if re.search(rf"(?<![a-z0-9]){re.escape(name)}(?![a-z0-9])", lowered):
            return f"the name {name}, which only we use"
    for reading in (plain, _BREAKS.sub(" ", plain), *_decoded(plain)):
        for order in _orders():
            found = order.search(reading)
            if found:
                return f"an order or a claim ({' '.join(found.group().split())[:60]!r})"
    return ""


def _decoded(text: str) -> Iterator[str]:
    """What stands in the text as Base64, where that is words."""
    for token in _BASE64.findall(text)[:_TOKENS]:
        try:
            words = base64.b64decode(token + "=" * (-len(token) % 4), validate=True).decode("utf-8")
        except (binascii.Error, UnicodeDecodeError):
            continue
        if words.isprintable():
            yield words


@cache
def _orders() -> tuple[re.Pattern[str], ...]:
    lines = resources.files("aiops.rules").joinpath("orders.txt").read_text(encoding="utf-8").splitlines()
    patterns = [line for line in lines if line and not line.startswith("# ")]
    filled = [pattern.replace("<us>", _US).replace("<secret>", _WORTH_STEALING) for pattern in patterns]
    return tuple(re.compile(pattern, re.IGNORECASE | re.MULTILINE) for pattern in filled)


def _mixed(text: str) -> bool:
    """Whether a word has Latin letters and ones that look like them from the Cyrillic or Greek alphabets."""
    for word in re.findall(r"\w+", text):
        scripts = {unicodedata.name(letter, "").partition(" ")[0] for letter in word if letter.isalpha()}
        if "LATIN" in scripts and scripts & {"CYRILLIC", "GREEK"} and word not in {"µs", "μs"}:
            return True
    return False
