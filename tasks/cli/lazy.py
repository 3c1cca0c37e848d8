"""Only the command that is called is loaded: `aiops --help` and completion answer at once.

What there is stands in ``commands.tsv`` (command, module, first sentence), written by ``make docs`` from the modules themselves.
"""

from collections.abc import Iterable, Iterator
from importlib import import_module
from importlib.resources import files
from typing import Any, NamedTuple

import typer
from typer.core import TyperGroup

MODULES = (
    *("fleet", "incidents", "records", "backup", "sessions", "baseline", "inventory", "quiet", "skills", "evaluation"),
    *(
        "control",
        "playbooks",
        "policy",
        "autonomy",
        "audit",
        "notices",
        "schedule",
        "report",
        "top",
        "night",
        "cost",
        "doctor",
    ),
    *("archive", "redis_acl", "mqtt_acl", "enroll", "keys", "ledgers", "lab", "local", "mcp", "memory", "migrate"),
)
"""Every module of this folder with a ``register``, in the order of the help page."""

_FILE = "commands.tsv"


class Entry(NamedTuple):
    """A command before it is loaded."""

    module: str
    says: str


def index() -> dict[str, Entry]:
    """What there is, without loading any of it."""
    text = files("tasks.cli").joinpath(_FILE).read_text(encoding="utf-8")
    rows = (line.split("\t") for line in text.splitlines())
    return {name: Entry(module, says) for name, module, says in rows}


def written(modules: Iterable[str] = MODULES) -> str:
    """The index as it should stand in the file, from the modules."""
    rows = [
        f"{name}\t{module}\t{command.get_short_help_str(200)}"
        for module in modules
        for name, command in commands([module])
    ]
    return "\n".join(rows) + "\n"


def commands(modules: Iterable[str] = MODULES) -> Iterator[tuple[str, Any]]:
    """Every command, loaded."""
    for module in modules:
        yield from _load(module).commands.items()


def _load(module: str) -> Any:
    app = typer.Typer(rich_markup_mode=None)
    # Without it a module with one command would become that command.
    app.callback()(lambda: None)
    import_module(f"tasks.cli.{module}").register(app)
    return typer.main.get_group(app)


class Lazy(TyperGroup):
    """The ``aiops`` command."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - click's signature
        """The names, in the order of the help page."""
        return list(index())

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Load one command; None when there is none of that name."""
        entry = index().get(cmd_name)
        return _load(entry.module).get_command(ctx, cmd_name) if entry else None

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002 - click's signature
        """Write the list from the index."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.says) for name, entry in index().items()])
