"""Numbers in foreign text, read once and given a name, so that rules hold bounds and no arithmetic.

Figures are read from what a machine printed. Whoever can write a line can also write a number into it: a rule that drops
something on a figure asks for more than the figure.
"""

import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Final

_HOURS: Final = {"m": 1 / 60, "h": 1.0, "d": 24.0, "w": 168.0, "j": 24.0}
_SPAN: Final = r"(\d+(?:\.\d+)?)\s*(m|h|d|w|j)(?:in|ins|inutes?|ours?|rs?|ays?|eeks?|ours)?\b"
_BYTES: Final = {"": 1.0, "k": 1e3, "m": 1e6, "g": 1e9, "t": 1e12}
_SIZE: Final = r"(\d+(?:\.\d+)?)\s*([kmgt]?)i?b\b"

_READ_ONLY: Final = re.compile(
    r"\b(?:squashfs|iso9660|udf|erofs|cramfs|overlay(?:fs)?|/snap/|/dev/loop\d|/dev/sr\d|devtmpfs)\b|/snap/"
)
_THIN: Final = r"\b(?:data|meta(?:data)?)(?:_percent|%)\W{0,3}(\d+(?:\.\d+)?)"
_PERCENT: Final = re.compile(r"(\d{1,3}(?:\.\d+)?)\s?%")
_RESTARTS: Final = (
    r"(?:\bNRestarts\s*[=:]\s*|restart counter is at |\brestarted |\brestarts?\W{1,3}(?=\d+\b(?! ?[%smh])))(\d+)"
)
_UNIT: Final = re.compile(
    r"^\W*([\w@.\\:-]+\.(?:service|mount|socket|timer|target|path|swap|device|scope|slice|automount))\s+loaded\s+failed",
    re.MULTILINE,
)
BENIGN_UNITS: Final = (
    "sys-kernel-*.mount",
    "systemd-journald-audit.socket",
    "*-wait-online.service",
    "systemd-udevd*.socket",
    "proc-sys-fs-binfmt_misc.*",
    "dev-hugepages.mount",
    "systemd-modules-load.service",
)
"""Units that fail in an LXC container by design (canonical/lxd 6676, lxc/lxc 3903, systemd 6519)."""
_LIBRARY: Final = re.compile(
    r"(?:lib[a-z0-9+.-]*|(?:linux|pve|proxmox)-(?:image|kernel|modules|headers)\S*|.*-dev|.*-doc|fonts-.*)"
)


def figures(text: str) -> dict[str, float]:
    """Every figure that the text holds, by name. Percentages are 0 to 100, times are hours unless the name says days."""
    found: dict[str, float] = {}
    for name, values in (
        ("used_percent", list(_used(text))),
        ("inode_percent", [value for value, place in _percentages(text) if place == "inode"]),
        ("thin_percent", [value for value, place in _percentages(text) if place == "thin"] + _numbers(_THIN, text)),
        ("restarts", _numbers(_RESTARTS, text)),
        ("hosts", _numbers(r"\b(\d+)\s+(?:of\s+\d+\s+)?(?:hosts|nodes|containers|cts|machines|agents)\b", text)),
        ("failed_logins", list(_failed_logins(text))),
        ("backup_age_hours", _backup_age(text)),
        ("archive_fraction", _archive(text)),
        ("failed_units", [float(len(_UNIT.findall(text)))]),
        ("unexpected_failed_units", [float(sum(not _benign(unit) for unit in _UNIT.findall(text)))]),
        ("removed_servers", [float(sum(not _LIBRARY.fullmatch(name) for name in _removed(text)))]),
        ("removed_packages", [float(len(_removed(text)))]),
        ("services_to_restart", [float(len(re.findall(r"^NEEDRESTART-SVC:", text, re.MULTILINE)))]),
    ):
        if values:
            found[name] = max(values)
    return found | _certificate(text)


def _numbers(pattern: str, text: str) -> list[float]:
    return [float(number) for number in re.findall(pattern, text, re.IGNORECASE)]


def _percentages(text: str) -> Iterator[tuple[float, str]]:
    """Every percentage with what it is of, judged by the piece of text it stands in."""
    for piece in re.split(r"[\n;,]", text):
        for match in _PERCENT.finditer(piece):
            around = piece[max(0, match.start() - 24) : match.end() + 24].lower()
            if "inode" in around:
                yield float(match[1]), "inode"
            elif re.search(r"thin|data_percent|metadata", piece.lower()):
                yield float(match[1]), "thin"
            elif not _READ_ONLY.search(piece):
                yield float(match[1]), "used"


def _used(text: str) -> Iterator[float]:
    for value, place in _percentages(text):
        if place == "used" and value <= 100:  # noqa: PLR2004 - more is growth, not usage
            yield value


def _failed_logins(text: str) -> Iterator[float]:
    counted = _numbers(r"\b(\d+)\s+(?:failed|failures|invalid|authentication failures|attempts)", text)
    counted += _numbers(r"(?:failed|failures?|invalid|attempts?)\b[^\n]{0,300}?[:(]\s*(\d+)\s+(?:in|times|x)\b", text)
    counted += _numbers(r"message repeated (\d+) times", text)
    counted += _numbers(r"\b(\d+)\s*(?:x|times|\*)\W{1,3}(?:failed|invalid|authentication)", text)
    if counted:
        yield max(counted)
    elif lines := re.findall(r"(?:Failed password|Invalid user|authentication failure)", text):
        yield float(len(lines))


def _backup_age(text: str) -> list[float]:
    return [
        float(number) * _HOURS[unit.lower()]
        for number, unit in re.findall(
            rf"last (?:good|successful|ok|known good)?\s*(?:backup|snapshot|archive)[^\n]{{0,40}}?{_SPAN}",
            text,
            re.IGNORECASE,
        )
    ]


def _archive(text: str) -> list[float]:
    """The new archive's size as a fraction of what it used to be."""
    now = rf"size\D{{0,12}}{_SIZE}.{{0,40}}?(?:previous|median|usual|before|last|normal)[^\n]*?"
    span = r"(\d+(?:\.\d+)?)-\d+(?:\.\d+)?\s*([kmgt]?)i?b\b"
    for before in (span, _SIZE):
        match = re.search(now + before, text, re.IGNORECASE)
        if match:
            new, old = (float(match[n]) * _BYTES[match[n + 1].lower()] for n in (1, 3))
            return [new / old] if old else []
    return []


def _benign(unit: str) -> bool:
    return any(fnmatchcase(unit, pattern) for pattern in BENIGN_UNITS)


def _removed(text: str) -> list[str]:
    """Packages that a simulation or a real run takes away."""
    names = re.findall(r"(?:^|[ ,;:])Remv (\S+)", text, re.MULTILINE)
    for block in re.findall(r"will be REMOVED:\s*\n((?:[ \t]+\S.*\n?)+)", text):
        names += block.split()
    return [name.split(":")[0].rstrip("*") for name in names]


def _certificate(text: str) -> dict[str, float]:
    """How long a certificate still holds, and which part of its life that is."""
    found: dict[str, float] = {}
    left = re.search(
        rf"(?:notAfter|expires?|expir\w+|valid (?:for|until)|remaining|left)[^\n]{{0,60}}?(?<![\w:])(-?){_SPAN}",
        text,
        re.IGNORECASE,
    )
    life = re.search(rf"lifetime\D{{0,6}}{_SPAN}|{_SPAN}[ -]+(?:lifetime|cert\w*|leaf)", text, re.IGNORECASE)
    remains = re.search(rf"{_SPAN}\s+(?:remain\w*|left|to go)\b", text, re.IGNORECASE)
    if remains:
        found["days_left"] = float(remains[1]) * _HOURS[remains[2].lower()] / 24
        life = life or re.search(rf"valid(?:ity)?\W{{1,2}}(?:for |of )?{_SPAN}()()", text, re.IGNORECASE)
    elif left:
        hours = float(left[2]) * _HOURS[left[3].lower()]
        found["days_left"] = (
            -hours if left[1] or re.search(r"\bago\b", text[left.end() : left.end() + 6]) else hours
        ) / 24
    if life:
        number, unit = (life[1], life[2]) if life[1] else (life[3], life[4])
        found["lifetime_days"] = float(number) * _HOURS[unit.lower()] / 24
    if "days_left" in found and found.get("lifetime_days"):
        found["life_left_percent"] = 100 * found["days_left"] / found["lifetime_days"]
    return found
