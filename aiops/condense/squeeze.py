"""squeeze: a text into a number of characters. Errors go last, and what is cut is said."""

from collections.abc import Iterable

from aiops.condense.lines import clip, is_error


def squeeze(text: str, characters: int) -> str:
    """The text with whole lines cut until it fits: its first and last line and its errors are kept as long as they can be."""
    if len(text) <= characters:
        return text
    lines = [clip(line) for line in text.splitlines()]
    left = characters - len(f"[{len(lines)} lines cut here]\n")
    chosen: set[int] = set()
    for index in _by_weight(lines):
        if len(lines[index]) + 1 <= left:
            left -= len(lines[index]) + 1
            chosen.add(index)
    kept = [lines[index] for index in sorted(chosen)]
    note = f"[{len(lines) - len(kept)} lines cut here]"
    return "\n".join([*kept[:-1], note, *kept[-1:]])


def _by_weight(lines: list[str]) -> Iterable[int]:
    """The last line first, since a note of ours stands there; then the first one, errors, and the rest."""
    ends = dict.fromkeys((len(lines) - 1, 0))
    errors = dict.fromkeys(index for index, line in enumerate(lines) if is_error(line))
    return dict.fromkeys((*ends, *errors, *range(len(lines))))
