"""apt, apt-get and dpkg at work: what was installed, replaced and removed, and in which versions."""

import re
from collections.abc import Mapping, Sequence

from aiops.condense.lines import Tool, is_error, shape

_NOISE = re.compile(
    r"(?:Get|Hit):\d|Reading (?:package lists|state information)|Building dependency tree|Calculating upgrade|"
    r"Preparing to unpack|Selecting previously unselected|Setting up |Processing triggers|\(Reading database|"
    r"Fetched |Need to get|After this operation|Unpacking (?!.* over \()|Preconfiguring packages|Extracting templates|"
    r"Scanning |Conf |Created symlink|Use '.*autoremove'|Listing\.\.\.|Adding (?:user|group|new)|Creating |"
    r"update-alternatives: using|(?:Correcting|Solving) dependencies|WARNING: apt does not have a stable CLI|"
    r"Do you want to continue|\s*\d+%|debconf: |invoke-rc\.d: |Summary:$|  (?:Download size|Space needed)|"
    r"Upgrading:.*Installing:.*, Not Upgrading"
)
_SILENT_BLOCKS = re.compile(
    r"The following (?:additional packages|package.* (?:was|were) automatically installed)|(?:Suggested|Recommended) packages:"
)
_AT_WORK = (
    "(Reading database",
    "Preparing to unpack",
    "Setting up ",
    "Unpacking ",
    "Removing ",
    "Selecting previously",
)
_RESULT = re.compile(
    r"\d+ upgraded|needs? to be restarted|reboot|[Rr]estarting|kept back|configuration file|conffile|==>|\bN: "
)
_UPGRADED_BLOCK = re.compile(r"The following packages will be upgraded:|Upgrading:$")
_NEW_BLOCK = re.compile(r"The following NEW packages will be installed:|Installing:$|Installing dependencies:$")


def keep(lines: Sequence[str]) -> Mapping[int, str]:
    """Everything but the course of the work and the talk of packages' own scripts. What is told again with versions goes."""
    told_again = any(line.startswith("Unpacking ") and " over (" in line for line in lines)
    kept: dict[int, str] = {}
    silent = working = False
    for index, line in enumerate(lines):
        working = working or line.startswith(_AT_WORK)
        if line.startswith("  ") and silent:
            continue
        silent = bool(_SILENT_BLOCKS.match(line)) or (told_again and bool(_UPGRADED_BLOCK.match(line)))
        chatter = working and not _PACKAGE.match(line) and not is_error(line) and not _RESULT.search(line)
        if not (silent or chatter or _NOISE.match(line)):
            kept[index] = line.removesuffix(" ...")
    return kept


def _shape(line: str) -> str:
    """Packages and versions are the news: lines about different ones never fold."""
    return " ".join(line.split()).removesuffix(" ...") if _PACKAGE.match(line) else shape(line)


_PACKAGE = re.compile(r"Unpacking |Removing |Purging |Inst |Remv |Purg |\s|[EWN]: |Err:|Ign:|dpkg")
_NO_ERROR = re.compile(r"^(?:Get|Hit):\d|^Setting up |^Unpacking |^Preparing to unpack|^Selecting |^Conf |^debconf: ")

TOOL = Tool("apt", keep, noise=_NO_ERROR, shape=_shape)
