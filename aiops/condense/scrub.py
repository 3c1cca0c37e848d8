"""Takes secrets out of text before it is kept: what looks like one is replaced, and nothing else is changed.

It is a net below the playbooks' ``no_log``, not instead of it. Doubtful values are taken out: a transcript without a word is
still read, a password in a git history stays there for ever.
"""

import re
from collections.abc import Iterable
from typing import Any, Final

GONE: Final = "[secret]"
_SHORTEST: Final = 6
"""Characters. A shorter known secret would take out ordinary words and protect nothing."""

_NAME = (
    r"(?:pass(?:word|wd|phrase)?|pwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|signing[_-]?key|psk|credentials?"
    r"|client[_-]?secret|auth[_-]?key|encryption[_-]?key|community|cookie|session[_-]?id)"
)
_SECRET_NAME = re.compile(rf"(?i)(?:^|[_.-]){_NAME}s?$|^{_NAME}$|(?i:password|passphrase|secret|api_?key|access_?key)$")
_HARMLESS = r"(?!\[secret\]|(?:null|none|true|false|yes|no|\*+|x+|omit)\b|['\"]{2}|\{\{)"

_PATTERNS: Final[tuple[tuple[re.Pattern[str], str], ...]] = (
    # a private key, whole or cut off, with real line ends or written as \n in JSON
    (
        re.compile(
            r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----"
            r".*?(?:-----END (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----|\Z)",
            re.DOTALL,
        ),
        GONE,
    ),
    (
        re.compile(
            r"(?i)\b((?:proxy-)?authorization\s*[:=]\s*+[\"']?+)(?!\[secret\])(?:(?:basic|bearer|token|digest)\s+)?[^\s\"',]+"
        ),
        r"\1[secret]",
    ),
    (
        re.compile(r"(?i)\b((?:set-)?cookie|x-api-key|x-auth-token|x-vault-token)(\s*:\s*+)(?!\[secret\])[^\r\n\"']+"),
        r"\1\2[secret]",
    ),
    (re.compile(r"(?i)\b(bearer\s++)(?!\[secret\])[A-Za-z0-9._~+/=-]{12,}"), r"\1[secret]"),
    # user:password@ in an address
    (re.compile(r"(?i)\b([a-z][a-z0-9+.-]*://[^\s/:@\"']*):(?!\[secret\]@)[^\s/@\"']+@"), r"\1:[secret]@"),
    # name = value, name: value, --name value, "name": "value", NAME=value; a quoted value to its closing quote
    (
        re.compile(rf"(?i)((?:\b|_|-){_NAME}s?[\"'\\]*\s*[=:]\s*+)(\\?+[\"'])(?!\[secret\])(?:(?!\2).)+\2", re.DOTALL),
        r"\1\2[secret]\2",
    ),
    (re.compile(rf"(?i)((?:\b|_|-){_NAME}s?[\"'\\]*\s*[=:]\s*+){_HARMLESS}(?![\"'\\\[{{])[^\s,;&\"'}}]+"), r"\1[secret]"),
    (re.compile(rf"(?i)((?:^|\s)--?{_NAME}s?\s++){_HARMLESS}(?!-)[^\s\"']+"), r"\1[secret]"),
    # tokens that say what they are
    (
        re.compile(
            r"\b(?:gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,}|glpat-[A-Za-z0-9_-]{16,}|xox[abeprs]-[A-Za-z0-9-]{10,}"
            r"|(?:AKIA|ASIA)[A-Z0-9]{16}|sk-[A-Za-z0-9_-]{16,}|gsk_[A-Za-z0-9]{16,}|AIza[A-Za-z0-9_-]{30,}|hv[sb]\.[A-Za-z0-9_-]{20,}"
            r"|eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*|[0-9]{8,10}:AA[A-Za-z0-9_-]{30,}"
            r"|AGE-SECRET-KEY-1[A-Z0-9]{20,})"
        ),
        GONE,
    ),
    # /etc/shadow's hashes
    (re.compile(r"\$(?:1|2[abxy]?|5|6|7|y|gy|argon2(?:id|i|d))\$[A-Za-z0-9./$,=_-]{8,}"), GONE),
)  # fmt: skip


def scrub(text: str, known: Iterable[str] = ()) -> str:
    """The text without the secrets that are ``known`` and what looks like one. Scrubbing it again changes nothing."""
    for secret in known:
        if len(secret) >= _SHORTEST:
            text = text.replace(secret, GONE)
    for pattern, put in _PATTERNS:
        text = pattern.sub(put, text)
    return text


def scrub_tree(value: Any, name: str = "") -> Any:
    """The same for what becomes JSON: every string, and every value whose key names a secret."""
    if isinstance(value, dict):
        return {key: scrub_tree(item, str(key)) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [scrub_tree(item, name) for item in value]
    if isinstance(value, str | int) and not isinstance(value, bool) and value != "" and _SECRET_NAME.search(name):
        return GONE
    return scrub(value) if isinstance(value, str) else value
