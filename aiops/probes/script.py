"""One script per host: many probes, one execution, no temporary file, and frames that output cannot forge.

Each probe's standard output goes straight through base64 into a line that starts with a random mark; standard error and
the exit code follow in a second line. Base64 holds neither blanks nor line ends, so whatever a probe prints stays inside
its own line, and nobody who does not know the mark of this run can begin another one. Nothing is written to the host's disk:
it may be full, and looking changes nothing.
"""

import base64
import binascii
import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from aiops.probes import AnyProbe, UnreadableError
from aiops.probes.answer import Answer
from aiops.probes.dialects import written

_PARTS = frozenset({b"out", b"end", b"powerless"})
_REST = re.compile(rb"(?P<before>[A-Za-z0-9+/=]*):(?P<code>\d+):(?P<after>[A-Za-z0-9+/=]*)")


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
        parts = self._parts(printed)
        return {probe: self._answer(b"%d" % number, parts) for number, probe in enumerate(self.probes)}

    def _parts(self, printed: bytes) -> dict[bytes, dict[bytes, list[bytes]]]:
        mark = self.mark.encode() + b" "
        lines = [line[len(mark) :] for line in printed.split(b"\n") if line.startswith(mark)]
        if b"start" not in lines:
            first = printed.decode(errors="replace").strip().partition("\n")[0][:200]
            raise UnreadableError(
                f"the host did not run the script; it said {first!r}",
                "the detection account needs /bin/sh as its login shell and may not have a forced command",
            )
        parts: dict[bytes, dict[bytes, list[bytes]]] = {}
        for line in lines:
            number, _, said = line.partition(b" ")
            part, _, rest = said.partition(b" ")
            if part in _PARTS:
                parts.setdefault(number, {}).setdefault(part, []).append(rest)
        return parts

    @staticmethod
    def _answer(number: bytes, parts: Mapping[bytes, Mapping[bytes, list[bytes]]]) -> Answer | UnreadableError:
        part = parts.get(number, {})
        if b"powerless" in part:
            return Answer(powerless=True)
        out, end = part.get(b"out", []), part.get(b"end", [])
        if len(out) != 1 or len(end) != 1:
            return UnreadableError("the script was cut short before this probe had answered", "look at the host's load")
        rest = _REST.fullmatch(end[0])
        if not rest:
            return UnreadableError("the frame of this probe is broken", "check that head and base64 work on the host")
        try:
            stdout = base64.b64decode(out[0], validate=True)
            stderr = base64.b64decode(rest["before"] + rest["after"], validate=True)
        except binascii.Error:
            return UnreadableError("the frame of this probe is broken", "check that head and base64 work on the host")
        return Answer(stdout, stderr, int(rest["code"]))


def assemble(probes: Iterable[AnyProbe], mark: str = "") -> Script:
    """One script for these probes, each once, in this order. A fresh random mark unless a test gives one."""
    mark = mark or secrets.token_hex(16)
    once = tuple(dict.fromkeys(probes))
    return Script(mark, once, written(mark, once))
