"""Tables of hosts in Markdown pages, between marks: what stands in them, and how they would read if they were right. Pure.

    <!-- aiops:hosts node=pve1 -->
    | host | address | role | notes |
    |---|---|---|---|
    | ct201 | 10.0.0.201 | web | a human's own words stay |
    <!-- /aiops:hosts -->

The header says which columns there are: those of ``COLUMNS`` are ours, all others are the human's and stay with their row.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from aiops.domain.docs import Delta, Page

COLUMNS: Final = ("host", "address", "role", "node", "number", "state")
_BLOCK: Final = re.compile(
    r"(?P<open>^[ \t]*<!-- aiops:hosts(?P<only>(?: [a-z]+=[^\s>]+)*) -->[ \t]*\n)(?P<body>.*?)"
    r"(?P<close>^[ \t]*<!-- /aiops:hosts -->)",
    re.MULTILINE | re.DOTALL,
)
_RULE: Final = re.compile(r"\|?(?:\s*:?-+:?\s*\|?)+")

Row = Mapping[str, str]


def compare_page(page: Page, facts: Sequence[Row]) -> tuple[list[Delta], str]:
    """What is wrong in the page's tables, and the page as it would be right. ``facts`` are rows of ``COLUMNS``."""
    deltas: list[Delta] = []

    def right(block: re.Match[str]) -> str:
        only = dict(word.split("=", 1) for word in block["only"].split())
        wanted = [fact for fact in facts if all(fact.get(name) == value for name, value in only.items())]
        header, rows = _read(block["body"])
        if "host" not in header:
            deltas.append(Delta(where=page.path, text="its table of hosts has no column `host`, so it is not compared"))
            return block[0]
        mine = [name for name in header if name in COLUMNS]
        deltas.extend(Delta(where=page.path, text=text) for text in _differences(rows, wanted, mine))
        known = {row["host"]: row for row in rows}
        merged = [{**known.get(fact["host"], {}), **{name: fact.get(name, "") for name in mine}} for fact in wanted]
        return block["open"] + _written(header, merged) + block["close"]

    text = _BLOCK.sub(right, page.text)
    return deltas, text if deltas else page.text


def _read(body: str) -> tuple[list[str], list[dict[str, str]]]:
    lines = [line.strip() for line in body.splitlines() if line.strip().startswith("|")]
    if not lines:
        return [], []
    header = [name.lower() for name in _cells(lines[0])]
    rows = [
        dict(zip(header, [*_cells(line), *[""] * len(header)], strict=False))
        for line in lines[1:]
        if not _RULE.fullmatch(line)
    ]
    return header, rows


def _cells(line: str) -> list[str]:
    return [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line.strip().strip("|"))]


def _written(header: Sequence[str], rows: Sequence[Row]) -> str:
    lines = [
        _line(header),
        "|" + "---|" * len(header),
        *(_line([row.get(name, "") for name in header]) for row in rows),
    ]
    return "\n".join([*lines, ""])


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _differences(rows: Sequence[Row], wanted: Sequence[Row], columns: Sequence[str]) -> Iterator[str]:
    there, right = {row["host"]: row for row in rows}, {fact["host"]: fact for fact in wanted}
    for name in [name for name in right if name not in there]:
        yield f"{name} is missing"
    for name in [name for name in there if name not in right]:
        yield f"{name} is no such host (any more)"
    for name in [name for name in right if name in there]:
        for column in columns:
            written, fact = there[name].get(column, ""), right[name].get(column, "")
            if written != fact:
                yield f"{name}: {column} is written as {written or 'nothing'}, it is {fact or 'nothing'}"
