"""inventory check: what the inventory says, guesses and misses."""

import typer


def register(cli: typer.Typer) -> None:
    """Add the commands."""
