"""The prompts: procedures of the house, said for an agent that has our tools and nothing else."""

from aiops.ports.offers import Ritual

_LAST = "You cannot act: a human decides about every plan. Do not say that something is done before `show` says so."

RITUALS = (
    Ritual(
        "commission",
        "Take a new host into the fleet: what to check, and the plan for it.",
        "Take a host into the fleet with the tools of aiops.\n"
        "1. `hosts`: is it in the inventory, with a role and an address? If not, stop and say which line is missing.\n"
        "2. `playbooks`: read the parameters of `commission` and `post_commission`. Ask for what you do not know.\n"
        "3. `incidents` with that host: is anything open about it already?\n"
        "4. `propose_plan` with `commission` for that host, and say what it will change and how it is taken back.\n"
        "5. Once `show` says that it is resolved: `sweep` for that host, then propose `post_commission`.\n"
        f"{_LAST}",
        {"host": "the host's name in the inventory"},
    ),
    Ritual(
        "decommission",
        "Take a host out of the fleet without losing what is on it.",
        "Take a host out of the fleet with the tools of aiops.\n"
        "1. `hosts` and `incidents` with that host: what is its role, is it one half of a pair, what is open about it?\n"
        "2. `findings` for it: is its backup younger than a day? If there is none, stop and say so.\n"
        "3. `playbooks`: read `decommission`: its risk, its parameters, its rollback.\n"
        "4. Say in three lines what will be gone afterwards; only then `propose_plan`.\n"
        f"{_LAST}",
        {"host": "the host's name in the inventory"},
    ),
    Ritual(
        "audit",
        "Look at one host's security without changing it.",
        "Audit a host with the tools of aiops.\n"
        "1. `sweep` with the guardians security, soc, certs, upgrade-check and audit-dpkg-rc for that host.\n"
        "2. `findings` and `incidents` for it; `explain` for each open one.\n"
        "3. Where a closer look is needed, `propose_plan` with `audit_host`, which only looks.\n"
        "4. Report: what is wrong, by severity, each with the finding's kind and when it was seen; what could not be seen (blind "
        "is not healthy); what you propose.\n"
        f"{_LAST}",
        {"host": "the host's name in the inventory"},
    ),
    Ritual(
        "health-check",
        "How the fleet does now, in ten lines.",
        "Say how the fleet does with the tools of aiops.\n"
        "1. `metrics` for 7 days, `schedule`, `incidents`.\n"
        "2. A guardian that is late, or a host that is blind, is not healthy: name it before anything else.\n"
        "3. `explain` for the three worst open incidents.\n"
        "4. Report in at most ten lines, the worst first; name incidents by id; end with what waits for a human.\n"
        f"{_LAST}",
    ),
)
