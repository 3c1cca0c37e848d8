"""A command nobody knows: its first lines, its last ones, and what went wrong in between."""

from collections.abc import Mapping, Sequence

from aiops.condense.lines import Tool, is_error, shape

_FIRST, _LAST, _WHOLE = 4, 12, 60


def keep(lines: Sequence[str]) -> Mapping[int, str]:
    """Few different lines are all shown, folded; of many, the ends and the errors with the line that follows each."""
    if len({shape(line) for line in lines}) <= _WHOLE:
        return dict(enumerate(lines))
    chosen = {*range(_FIRST), *range(len(lines) - _LAST, len(lines))}
    told: set[str] = set()
    for index, line in enumerate(lines):
        if is_error(line) and shape(line) not in told:
            told.add(shape(line))
            chosen |= {index, min(index + 1, len(lines) - 1)}
    return {index: lines[index] for index in chosen}


TOOL = Tool("generic", keep)
