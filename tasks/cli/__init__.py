"""A human's hand on the system: the ``aiops`` command.

Exit codes: 0 done; 1 done, and what was asked about is not well (a finding, an open incident, a failed check); 2 wrong usage;
3 refused; 4 something outside does not answer, try again.
"""

import sys

import typer

from tasks.cli.lazy import Lazy

REFUSED, UNREACHABLE, USAGE = 3, 4, 2

cli = typer.Typer(
    name="aiops",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    # Rich alone takes as long to load as everything else.
    rich_markup_mode=None,
    cls=Lazy,
)


@cli.callback()
def _aiops() -> None:
    """Watches a fleet, decides what a drift means, repairs it under policy, proves the repair."""


def main() -> None:
    """Run the command; an error of ours is one clear line and an exit code, never a traceback."""
    try:
        cli()
    except Exception as error:
        # Whatever it is: ours are known only once they are loaded, which the help page has no need of. The rest goes on.
        code = _code(error)
        if code is None:
            raise
        typer.echo(f"aiops: {error}", err=True)
        sys.exit(code)


def _code(error: Exception) -> int | None:
    from aiops.errors import (  # noqa: PLC0415 - see main
        AiopsError,
        RefusedError,
        SettingsError,
        TransientError,
        UnknownError,
    )

    if not isinstance(error, AiopsError):
        return None
    if isinstance(error, RefusedError):
        return REFUSED
    if isinstance(error, TransientError):
        return UNREACHABLE
    return USAGE if isinstance(error, UnknownError | SettingsError) else 1
