"""propose_plan: what an agent wants done. It goes the way of every plan; nothing here starts anything."""

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from aiops import steps
from aiops.ports.offers import Offer, Talk
from tasks.offers.desk import Arguments, Desk


class Proposed(Arguments):
    """A playbook for hosts."""

    playbook: str = Field(max_length=100, description="id of a playbook, as `playbooks` lists it")
    hosts: tuple[str, ...] = Field(min_length=1, max_length=50, description="names of the inventory")
    params: dict[str, str | int | bool | list[str]] = Field(default_factory=dict, description="as its manifest allows")
    reason: str = Field(min_length=10, max_length=1000, description="what is wrong, and why this mends it")


def offers(desk: Desk) -> tuple[Offer, ...]:
    """The tool."""

    def propose(asked: Proposed, talk: Talk) -> Mapping[str, Any]:
        from tasks.pipeline import hand_on  # noqa: PLC0415 - connects to the broker's settings only when needed

        made, handed = steps.request(
            asked.playbook, asked.hosts, asked.params, talk.who, desk.services, why=asked.reason, ask=True
        )
        hand_on(handed)
        return {
            "incident": made.incident,
            "plan": made.id,
            "digest": made.digest,
            "playbook": made.remediation,
            "hosts": made.hosts,
            "params": made.params,
            "state": desk.services.ledger.get(made.incident).state.value,
            "next": f"a human decides: aiops approve {made.incident} --digest {made.digest[:12]}",
        }

    said = "Propose a playbook of the catalogue for hosts. Policy may refuse it; a human decides; nothing starts here."
    return (Offer("propose_plan", said, Proposed, propose, "propose"),)
