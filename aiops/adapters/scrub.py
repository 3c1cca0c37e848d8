"""Takes secrets out of text before it is kept: outputs of others print what they like."""

import re
from collections.abc import Iterable
from typing import Final

HIDDEN: Final = "[hidden]"

_SHORTEST = 6
"""Characters. A shorter known secret would hide ordinary words and protect nothing."""
_PEM = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL)
_BEARER = re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{6,}")
_NAMED = re.compile(
    r"""(?ix)
    ( \b[\w.-]*(?:passw(?:or)?d|passphrase|secret|token|api[_-]?key|private[_-]?key|credential)[\w.-]*["']? \s*[:=]\s* )
    ( \[hidden\] | "(?:[^"\\\n]|\\.)*" | '[^'\n]*' | [^\s,;}\])"']+ )
    """
)
_URL = re.compile(r"(?i)\b([a-z][a-z0-9+.-]*://[^\s/:@]*:)[^\s/@]+@")


def scrub(text: str, known: Iterable[str] = ()) -> str:
    """The text with every secret replaced by ``[hidden]``: those that are known, and what is written like one.

    What is written like one: private keys, ``Authorization`` values, passwords in addresses, and whatever follows a name such as
    ``password`` or ``token``. A value alone on a line cannot be told from other text.
    """
    for secret in known:
        if len(secret) >= _SHORTEST:
            text = text.replace(secret, HIDDEN)
    text = _PEM.sub(HIDDEN, text)
    text = _BEARER.sub(rf"\1 {HIDDEN}", text)
    text = _URL.sub(rf"\1{HIDDEN}@", text)
    return _NAMED.sub(rf"\1{HIDDEN}", text)
