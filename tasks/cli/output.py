"""One way to print: a table or lines for a human, JSON for a program."""

import json
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Annotated, Any

import typer
from pydantic import BaseModel
from rich.console import Console
from rich.table import Table

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]

console = Console(markup=False, highlight=False, width=None if sys.stdout.isatty() else 240)


def dump(value: Any) -> None:
    """Print JSON."""
    typer.echo(json.dumps(_plain(value), indent=2, ensure_ascii=False))


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]], *, empty: str) -> None:
    """Print rows, or a sentence when there are none."""
    drawn = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        # An id that is cut short cannot be copied: only the last column may wrap.
        drawn.add_column(column, no_wrap=column != columns[-1], overflow="fold")
    for row in rows:
        drawn.add_row(*[str(cell) for cell in row])
    if drawn.row_count:
        console.print(drawn)
    else:
        typer.echo(empty)


def clock(moment: datetime) -> str:
    """A moment in the reader's own time zone."""
    return moment.astimezone().strftime("%Y-%m-%d %H:%M:%S")


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value if isinstance(value, str | int | float | bool | None) else str(value)
