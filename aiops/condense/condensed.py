"""condense: the rules of one tool, and around them the promises that hold for all tools."""

import hashlib
import re
from dataclasses import dataclass
from typing import Final

from aiops.condense.lines import Tool, bounded, fold
from aiops.condense.recognise import recognise

SHORT: Final = 25
"""Lines below which nothing is touched: a screen is read faster than a summary of it."""
_END: Final = 5
"""Lines at the end of what failed in silence."""
_NOTE: Final = re.compile(r"\[\d+ of \d+ lines omitted(?:; exit code -?\d+)?; whole: aiops raw (\w{16}); sum (\w{8})\]")


@dataclass(frozen=True)
class Condensed:
    """``digest`` finds the whole text again (16 hex digits); ``omitted`` counts lines that are not shown in any form."""

    text: str
    digest: str
    lines: int
    omitted: int


def condense(text: str, tool: str = "", exit_code: int | None = None) -> Condensed:
    """The short form of what a command printed. ``tool`` is the command or just its program's name.

    Condensing what is condensed changes nothing; a short text, or one that would not get shorter, stays as it is.
    """
    lines = text.splitlines()
    known = _noted(lines)
    if known:
        return Condensed(text, known, len(lines), 0)
    digest = digest_of(text)
    if len(lines) < SHORT:
        return Condensed(text, digest, len(lines), 0)
    shown = _shown(lines, recognise(tool, lines), failed=exit_code not in (None, 0))
    omitted = max(0, len(lines) - len(shown))
    body = "\n".join(shown)
    ended = "" if exit_code is None else f"; exit code {exit_code}"
    note = f"[{omitted} of {len(lines)} lines omitted{ended}; whole: aiops raw {digest}; sum {_sum(body, digest)}]"
    short = f"{body}\n{note}" if body else note
    if len(short) >= len(text):
        return Condensed(text, digest, len(lines), 0)
    return Condensed(short, digest, len(lines), omitted)


def digest_of(text: str) -> str:
    """The name under which the whole text is kept: 16 hex digits of its SHA-256."""
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:16]


def _shown(lines: list[str], tool: Tool, *, failed: bool) -> list[str]:
    """The tool's choice, and every error it did not choose: no rule may hide one.

    What failed without saying so (killed, out of time) shows how far it came.
    """
    short = [bounded(line) for line in lines]
    kept = {index: bounded(line) for index, line in tool.keep(lines if tool.reads_data else short).items()}
    told = {tool.shape_of(short[index]) for index in kept} | {tool.shape_of(line) for line in kept.values()}
    for index, line in enumerate(short):
        if index not in kept and tool.is_error(line) and (tool.shape_of(line) not in told):
            kept[index] = line
    if failed and not any(tool.is_error(line) for line in kept.values()):
        told_last = [index for index, line in enumerate(short) if line.strip()][-_END:]
        kept |= {index: short[index] for index in told_last if index not in kept}
    return fold([kept[index].rstrip() for index in sorted(kept) if kept[index].strip()], tool)


def _noted(lines: list[str]) -> str:
    """The digest in a note of ours under these very lines; a note that a log line imitates does not add up."""
    match = _NOTE.fullmatch(lines[-1]) if lines else None
    return match[1] if match and match[2] == _sum("\n".join(lines[:-1]), match[1]) else ""


def _sum(body: str, digest: str) -> str:
    return hashlib.sha256(f"{digest}\n{body}".encode(errors="surrogatepass")).hexdigest()[:8]
