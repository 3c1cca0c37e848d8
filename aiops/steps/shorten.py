"""shorten: the short form of an output for a reader or a question, with the whole kept where something was left out."""

from aiops.condense import Condensed, condense
from aiops.ports import Archive


def shorten(text: str, tool: str, archive: Archive, exit_code: int | None = None) -> Condensed:
    """Condense, and keep the whole text when the short form points to it.

    :raises LedgerBusyError: the archive cannot be written now
    """
    short = condense(text, tool, exit_code)
    if short.text != text:
        archive.keep(text)
    return short
