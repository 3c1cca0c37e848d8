"""CT196: hands."""

from typing import Any

from aiops.bootstrap.shared import _playbooks, archive, catalogue, events, inventory
from aiops.ports import (
    ExecutionLedger,
    Executor,
    Permit,
    Records,
    RemediationServices,
)
from aiops.settings import Settings, credential, secret


def remediation(settings: Settings) -> RemediationServices:
    """CT196: hands, its own ledger and its own limits."""
    from aiops.adapters.permit import RedisPermit  # noqa: PLC0415
    from aiops.adapters.signing import KeyVerifier  # noqa: PLC0415

    verifier = KeyVerifier(credential(settings.keys.trusted))
    permit = RedisPermit(settings.redis.full_url(), verifier)
    repair = settings.repair
    return RemediationServices(
        inventory=inventory(settings),
        executions=executions(settings),
        executor=executor(settings, permit),
        verifier=verifier,
        permit=permit,
        floor=settings.floor,
        catalogue=catalogue(settings),
        events=events(settings),
        records=records(settings),
        timezone=settings.timezone,
        lease_seconds=repair.lease_seconds,
    )


def executor(settings: Settings, permit: Permit) -> Executor:
    """Ansible from here; with Semaphore set, what is risky goes through it."""
    from aiops.adapters.ansible_executor import AnsibleExecutor  # noqa: PLC0415

    repair = settings.repair
    here = AnsibleExecutor(_playbooks(settings), repair.user, credential(repair.key_file), repair.known_hosts, permit)
    if not settings.semaphore.url:
        return here
    from aiops.adapters.risk_executor import RiskExecutor  # noqa: PLC0415
    from aiops.adapters.semaphore_executor import SemaphoreExecutor  # noqa: PLC0415
    from aiops.adapters.semaphore_tasks import Pace  # noqa: PLC0415

    api, expected = _semaphore(settings)
    pace = Pace(poll=settings.semaphore.poll_seconds)
    there = SemaphoreExecutor(api, expected, permit, pace, archive=archive(settings))
    return RiskExecutor(here, there, settings.semaphore.from_risk)


def _semaphore(settings: Settings) -> tuple[Any, Any]:
    from aiops.adapters.semaphore_api import SemaphoreApi  # noqa: PLC0415
    from aiops.adapters.semaphore_guard import Expected  # noqa: PLC0415

    its = settings.semaphore
    api = SemaphoreApi(its.url, its.project, lambda: secret(its.token_file), seconds=its.seconds, ca_file=its.ca_file)
    return api, Expected(its.inventory, its.templates, its.folder)


def _semaphore_check(settings: Settings) -> str:
    if not settings.semaphore.url:
        return "not set: every repair is run from CT196"
    from aiops.adapters.semaphore_selftest import semaphore_answers  # noqa: PLC0415

    return semaphore_answers(*_semaphore(settings), catalogue(settings), settings.semaphore.from_risk)


def records(settings: Settings) -> Records:
    """The paper trail, in git under the state folder."""
    from aiops.adapters.git_records import GitRecords  # noqa: PLC0415
    from aiops.adapters.git_repository import GitRepository, Remote  # noqa: PLC0415

    given = settings.records

    def remote(url: str) -> Remote | None:
        key = credential(given.key_file) if given.key_file else None
        return Remote(url, given.branch, key, given.known_hosts, given.push_seconds) if url else None

    folder = settings.state / "records"
    return GitRecords(
        GitRepository(folder / "transcripts", given.author, remote(given.transcripts_remote)),
        GitRepository(folder / "journal", given.author, remote(given.journal_remote)),
    )


def executions(settings: Settings) -> ExecutionLedger:
    """CT196's record alone: for whoever only reads it."""
    from aiops.adapters.execution_ledger import SqliteExecutionLedger  # noqa: PLC0415

    return SqliteExecutionLedger(settings.state / "executions.sqlite")
