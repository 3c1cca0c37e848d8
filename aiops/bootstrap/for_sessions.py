"""CT196: agents that may only propose. Nothing here reads the repair key."""

from functools import partial

from aiops.bootstrap.for_mcp import mcp_tools
from aiops.bootstrap.for_remediation import records
from aiops.bootstrap.shared import catalogue, events
from aiops.ports import Agent, Reviews, SessionServices
from aiops.settings import Settings, credential, secret


def sessions(settings: Settings) -> SessionServices:
    """CT196, for agents."""
    from aiops.adapters.execution_ledger import SqliteExecutionLedger  # noqa: PLC0415
    from aiops.adapters.permit import RedisPermit  # noqa: PLC0415
    from aiops.adapters.signing import KeyVerifier  # noqa: PLC0415

    verifier = KeyVerifier(credential(settings.keys.trusted))
    return SessionServices(
        ledger=SqliteExecutionLedger(settings.state / "executions.sqlite"),
        verifier=verifier,
        permit=RedisPermit(settings.redis.full_url(), verifier),
        agent=agent(settings),
        catalogue=catalogue(settings),
        events=events(settings),
        budget=settings.session.budget(),
        per_day=settings.session.per_day,
        reviews=_reviews(settings),
        records=records(settings),
        timezone=settings.timezone,
        lease_seconds=settings.repair.lease_seconds,
    )


def agent(settings: Settings) -> Agent:
    """Our own loop, or the program that the settings name; behind the best walls that work here."""
    from aiops.adapters.session_runner import SessionRunner  # noqa: PLC0415
    from aiops.adapters.session_walls import walls  # noqa: PLC0415

    its = settings.session
    key_file = its.key_file
    return SessionRunner(
        settings.state / "sessions",
        partial(walls, its.user),
        base=its.api_base,
        model=its.model,
        key=(lambda: secret(key_file)) if key_file else lambda: "",
        command=its.command,
        paths=its.paths,
        outside=mcp_tools(settings),
    )


def session_check(settings: Settings) -> str:
    """For ``aiops doctor``: who the agent is, and what holds it."""
    from aiops.adapters.session_walls import walls  # noqa: PLC0415

    its = settings.session
    if not (its.model or its.command):
        return "not set: what needs a closer look goes to a human"
    who = its.command[0] if its.command else f"{its.model} at {its.api_base}"
    return f"{who}; {walls(its.user).sentence}"


def _reviews(settings: Settings) -> Reviews | None:
    from aiops.adapters.git_repository import GitRepository, Remote  # noqa: PLC0415
    from aiops.adapters.git_reviews import GitReviews  # noqa: PLC0415

    its, given = settings.session, settings.records
    if not its.playbook_remote:
        return None
    key = credential(its.playbook_key_file) if its.playbook_key_file else None
    remote = Remote(its.playbook_remote, its.playbook_branch, key, given.known_hosts, given.push_seconds)
    return GitReviews(
        GitRepository(settings.state / "records" / "playbooks", given.author, remote),
        its.playbook_folder,
        catalogue(settings),
    )
