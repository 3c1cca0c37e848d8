"""The machine's own apt sources, adapted to another Debian release: the lab names no mirror of its own."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

from lab.errors import LabError

RELEASES = ("bullseye", "bookworm", "trixie")
_ARCHIVE_SUITE = re.compile(rf"^({'|'.join(RELEASES)})(-updates|-security)?/?$")
_ONE_LINE = re.compile(r"^deb\s+(?:\[(?P<options>[^\]]*)\]\s+)?(?P<uri>\S+)\s+(?P<suite>\S+)\s+(?P<components>.+)$")


def adapted(release: str, etc_apt: Path = Path("/etc/apt")) -> str:
    """One-line apt sources of the Debian archive for `release`, main only, made from those in `etc_apt`.

    Third-party sources are left out: only suites named as Debian names them count. `AIOPS_LAB_APT_SOURCES` names
    a file to take instead, unchanged. Raises LabError when there is no Debian source to adapt.
    """
    if chosen := os.environ.get("AIOPS_LAB_APT_SOURCES"):
        return Path(chosen).read_text(encoding="utf-8")
    lines = []
    for options, uri, suite in _stanzas(etc_apt):
        match = _ARCHIVE_SUITE.match(suite)
        if match is None:
            continue
        wanted = " ".join(option for option in options.split() if option.startswith("signed-by="))
        bracket = f" [{wanted}]" if wanted else ""
        lines.append(f"deb{bracket} {uri} {release}{match[2] or ''} main")
    if not any(f" {release} " in line for line in lines):
        raise LabError(
            f"no apt source of this machine names a Debian release ({', '.join(RELEASES)}); "
            f"put sources for {release} into a file and name it in AIOPS_LAB_APT_SOURCES"
        )
    return "\n".join(dict.fromkeys(lines)) + "\n"


def _stanzas(etc_apt: Path) -> Iterator[tuple[str, str, str]]:
    parts = sorted((etc_apt / "sources.list.d").glob("*"))
    for path in [etc_apt / "sources.list", *parts]:
        if not path.is_file():
            continue
        text = path.read_text(encoding="utf-8", errors="replace")
        if path.suffix == ".sources":
            yield from _deb822(text)
        elif path.suffix == ".list":
            for line in text.splitlines():
                if match := _ONE_LINE.match(line.strip()):
                    yield match["options"] or "", match["uri"], match["suite"]


def _deb822(text: str) -> Iterator[tuple[str, str, str]]:
    for stanza in re.split(r"\n\s*\n", text):
        fields = {
            name.strip().lower(): value.strip()
            for name, colon, value in (line.partition(":") for line in stanza.splitlines() if not line.startswith("#"))
            if colon
        }
        if "deb" not in fields.get("types", "").split() or fields.get("enabled", "yes").lower() == "no":
            continue
        keyring = fields.get("signed-by", "")
        options = f"signed-by={keyring}" if keyring.startswith("/") else ""
        for uri in fields.get("uris", "").split():
            for suite in fields.get("suites", "").split():
                yield options, uri, suite
