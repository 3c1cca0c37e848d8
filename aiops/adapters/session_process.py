"""The process that is an agent's session, behind its walls: an assignment comes in, lines of JSON go out, nothing else.

The key of the model comes with the assignment, on standard input: it is in no argument and no variable, and no tool can say it.
"""

import json
import sys
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from aiops.adapters.chat_endpoint import ChatEndpoint, ChatError
from aiops.adapters.session_command import Command, run_command
from aiops.adapters.session_loop import Loop
from aiops.adapters.session_outside import FarEnd
from aiops.adapters.session_tools import Toolbox
from aiops.domain.remediation import Remediation
from aiops.domain.session import Grant, ProposedPlan, ProposedPlaybook, Said


class Assignment(BaseModel):
    """Everything a session's process is given. With ``command`` that program is the agent, else our loop with ``base``.

    ``outside`` is the inherited socket by which servers of others are asked; -1: there are none.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    grant: Grant
    catalogue: dict[str, Remediation]
    base: str = ""
    model: str = ""
    key: str = Field(default="", repr=False)
    command: tuple[str, ...] = ()
    outside: int = -1


class Result(BaseModel):
    """The last line. ``stopped`` says why it did not end by itself."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    stopped: str = ""
    given_up: str = ""
    plan: ProposedPlan | None = None
    playbook: ProposedPlaybook | None = None
    calls: int = Field(default=0, ge=0)
    tokens_in: int = Field(default=0, ge=0)
    tokens_out: int = Field(default=0, ge=0)


def work(assignment: Assignment) -> Result:
    """The whole session; every line of its transcript is printed at once."""
    grant = assignment.grant
    outside = FarEnd(assignment.outside) if assignment.outside >= 0 else None
    toolbox = Toolbox(grant, assignment.catalogue, outside)
    if assignment.command:
        command = Command(assignment.command, grant, toolbox, _tell)
        stopped = run_command(command)
        used = command.used
    else:
        try:
            endpoint = ChatEndpoint(assignment.base, assignment.model, assignment.key)
        except ChatError as error:
            return Result(stopped=str(error))
        loop = Loop(endpoint, toolbox, grant.budget, _tell, grant.incident)
        stopped = loop.run()
        used = loop.used
    return Result(
        stopped=stopped,
        given_up=toolbox.given_up,
        plan=toolbox.plan,
        playbook=toolbox.playbook,
        calls=used.calls,
        tokens_in=used.tokens_in,
        tokens_out=used.tokens_out,
    )


def main() -> None:
    """Read the assignment, work, say the result."""
    assignment = Assignment.model_validate_json(sys.stdin.buffer.read())
    _print({"end": work(assignment).model_dump(mode="json")})


def _tell(said: Said) -> None:
    _print({"said": said.model_dump(mode="json")})


def _print(line: Mapping[str, Any]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()
