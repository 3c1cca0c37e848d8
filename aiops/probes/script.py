"""One script per host: many probes, one execution, no temporary file, and frames that output cannot forge.

Every frame begins on a line with a random mark, and nobody who does not know the mark of this run can begin another one. Perl
says how long the output and the errors are, and then both as they are: what stands within that length is never looked at for
frames. The shell cannot count them; it writes them as base64, which holds neither blanks nor line ends. Nothing is written to the
host's disk: it may be full, and looking changes nothing.
"""

import base64
import binascii
import re
import secrets
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from aiops.probes import AnyProbe, UnreadableError
from aiops.probes.answer import Answer
from aiops.probes.dialects import written

_REST = re.compile(rb"(?P<before>[A-Za-z0-9+/=]*):(?P<code>\d+):(?P<after>[A-Za-z0-9+/=]*)")
_RAW = re.compile(rb"(?P<out>\d{1,12}) (?P<err>\d{1,12}) (?P<code>\d+)")
_MARK = "\0mark\0"
"""Stands for the mark in a text that is used again; no argument of a command can hold it."""
_BROKEN = UnreadableError("the frame of this probe is broken", "check that head and base64 work on the host")


@dataclass
class _Said:
    """What one probe's frames hold: one of perl, or two of the shell."""

    whole: list[Answer] = field(default_factory=list)
    out: list[bytes] = field(default_factory=list)
    end: list[bytes] = field(default_factory=list)
    powerless: bool = False


@dataclass(frozen=True)
class Script:
    """The text to run on a host and the way to read what it prints."""

    mark: str
    probes: tuple[AnyProbe, ...]
    text: str

    def answers(self, printed: bytes) -> Mapping[AnyProbe, Answer | UnreadableError]:
        """What each probe printed, or why it did not.

        :raises UnreadableError: the host did not run the script at all
        """
        said = self._frames(printed)
        return {probe: _answer(said[b"%d" % number]) for number, probe in enumerate(self.probes)}

    def _frames(self, printed: bytes) -> Mapping[bytes, _Said]:
        lead = f"\n{self.mark} ".encode()
        at = printed.find(lead + b"start\n")
        if at < 0:
            first = printed.decode(errors="replace").strip().partition("\n")[0][:200]
            raise UnreadableError(
                f"the host did not run the script; it said {first!r}",
                "the detection account needs /bin/sh as its login shell and may not have a forced command",
            )
        said: defaultdict[bytes, _Said] = defaultdict(_Said)
        # A pattern with this run's mark in it would have to be compiled for every host; looking for bytes costs nothing.
        while (at := printed.find(lead, at)) >= 0:
            begins, ends = at + len(lead), printed.find(b"\n", at + len(lead))
            at = ends if ends >= 0 else len(printed)
            number, _, words = printed[begins:at].partition(b" ")
            part, _, rest = words.partition(b" ")
            probe = said[number]
            match part:
                case b"powerless":
                    probe.powerless = True
                case b"out":
                    probe.out.append(rest)
                case b"end":
                    probe.end.append(rest)
                case b"raw":
                    at = _count(rest, printed, at + 1, probe)
        return said


def _count(lengths: bytes, printed: bytes, at: int, probe: _Said) -> int:
    """Take as many bytes as the frame names; where they end. A frame that was cut short is none."""
    known = _RAW.fullmatch(lengths)
    if not known:
        return at
    middle = at + int(known["out"])
    end = middle + int(known["err"])
    if end <= len(printed):
        probe.whole.append(Answer(printed[at:middle], printed[middle:end], int(known["code"])))
    return end


def _answer(said: _Said) -> Answer | UnreadableError:
    if said.powerless:
        return Answer(powerless=True)
    if len(said.whole) == 1 and not said.out:
        return said.whole[0]
    if len(said.out) != 1 or len(said.end) != 1:
        return UnreadableError("the script was cut short before this probe had answered", "look at the host's load")
    rest = _REST.fullmatch(said.end[0])
    if not rest:
        return _BROKEN
    try:
        stdout = base64.b64decode(said.out[0], validate=True)
        stderr = base64.b64decode(rest["before"] + rest["after"], validate=True)
    except binascii.Error:
        return _BROKEN
    return Answer(stdout, stderr, int(rest["code"]))


def assemble(probes: Iterable[AnyProbe], mark: str = "") -> Script:
    """One script for these probes, each once, in this order. A fresh random mark unless a test gives one."""
    mark = mark or secrets.token_hex(16)
    once = tuple(dict.fromkeys(probes))
    return Script(mark, once, _unmarked(once).replace(_MARK, mark))


@lru_cache(maxsize=64)  # what is due together: a few sets a day, each written for every host
def _unmarked(probes: tuple[AnyProbe, ...]) -> str:
    return written(_MARK, probes)
