"""mcp: agents of others use our tools, and we use servers of others."""

from typing import Annotated

import typer

from aiops import bootstrap
from aiops.settings import load_settings

mcp = typer.Typer(no_args_is_help=True, help="The Model Context Protocol, both ways.")


def register(cli: typer.Typer) -> None:
    """Add the group."""
    cli.add_typer(mcp, name="mcp")


@mcp.command()
def serve(
    http: Annotated[
        bool, typer.Option("--http", help="Over HTTP, with the token of the settings, until it is stopped.")
    ] = False,
) -> None:
    """Offer our tools and prompts to an agent: over stdin and stdout, or over HTTP. No tool acts; a plan waits for a human."""
    from tasks.offers import counter  # noqa: PLC0415 - imports Celery

    bootstrap.mcp_service(load_settings(), http=http).serve(counter())
