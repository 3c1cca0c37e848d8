"""A human's hand on the system: the ``aiops`` command.

Exit codes: 0 done; 1 done, and what was asked about is not well (a finding, an open incident, a failed check); 2 wrong usage;
3 refused; 4 something outside does not answer, try again.
"""

import sys

import typer

from aiops.errors import AiopsError, RefusedError, SettingsError, TransientError, UnknownError
from tasks.cli import (
    audit,
    autonomy,
    backup,
    baseline,
    control,
    cost,
    doctor,
    evaluation,
    fleet,
    incidents,
    inventory,
    lab,
    local,
    mcp,
    memory,
    notices,
    playbooks,
    policy,
    quiet,
    records,
    schedule,
    sessions,
    skills,
)

REFUSED, UNREACHABLE, USAGE = 3, 4, 2

cli = typer.Typer(
    name="aiops",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    help="Watches a fleet, decides what a drift means, repairs it under policy, proves the repair.",
)
for group in (
    fleet,
    incidents,
    records,
    backup,
    sessions,
    baseline,
    inventory,
    quiet,
    skills,
    evaluation,
    control,
    playbooks,
    policy,
    autonomy,
    audit,
    notices,
    schedule,
    cost,
    doctor,
    lab,
    local,
    mcp,
    memory,
):
    group.register(cli)


def main() -> None:
    """Run the command; an error of ours is one clear line and an exit code, never a traceback."""
    try:
        cli()
    except AiopsError as error:
        typer.echo(f"aiops: {error}", err=True)
        sys.exit(_code(error))


def _code(error: AiopsError) -> int:
    if isinstance(error, RefusedError):
        return REFUSED
    if isinstance(error, TransientError):
        return UNREACHABLE
    return USAGE if isinstance(error, UnknownError | SettingsError) else 1
