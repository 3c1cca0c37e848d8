"""CT196: hands."""

from typing import Any

from aiops.bootstrap.shared import _playbooks, archive, catalogue, events, inventory
from aiops.ports import (
    BackupRuns,
    BackupServices,
    ExecutionLedger,
    Executor,
    Permit,
    Records,
    RemediationServices,
    Tracer,
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
        tracer=tracer(settings, permit),
        timezone=settings.timezone,
        lease_seconds=repair.lease_seconds,
    )


def backup(settings: Settings) -> BackupServices:
    """CT196: the same hands, for the nightly backup."""
    from aiops.adapters.execution_ledger import SqliteExecutionLedger  # noqa: PLC0415
    from aiops.adapters.node_steps import NodeSteps  # noqa: PLC0415
    from aiops.adapters.permit import BACKUP_KEY, RedisPermit  # noqa: PLC0415
    from aiops.adapters.signing import KeyVerifier  # noqa: PLC0415
    from aiops.adapters.ssh import FabricShell  # noqa: PLC0415

    verifier = KeyVerifier(credential(settings.keys.trusted))
    repair = settings.repair
    shell = FabricShell(repair.user, credential(repair.key_file), repair.known_hosts)
    script = _playbooks(settings).resolve().parent / "run_step.sh"
    return BackupServices(
        inventory=inventory(settings),
        runs=SqliteExecutionLedger(settings.state / "executions.sqlite"),
        nodes=NodeSteps(shell, script, root=repair.user == "root"),
        verifier=verifier,
        permit=RedisPermit(settings.redis.full_url(), verifier, key=BACKUP_KEY),
        scope=settings.backup,
        events=events(settings),
        records=records(settings),
        timezone=settings.timezone,
        lease_seconds=repair.lease_seconds,
    )


def backup_runs(settings: Settings) -> BackupRuns:
    """CT196's record of backups alone: for whoever looks at it, or stops one."""
    from aiops.adapters.execution_ledger import SqliteExecutionLedger  # noqa: PLC0415

    return SqliteExecutionLedger(settings.state / "executions.sqlite")


def executor(settings: Settings, permit: Permit) -> Executor:
    """Ansible from here; with Semaphore set, what is risky goes through it."""
    from aiops.adapters.ansible_executor import AnsibleExecutor  # noqa: PLC0415

    repair = settings.repair
    key = credential(repair.key_file)
    here = AnsibleExecutor(
        _playbooks(settings), repair.user, key, repair.known_hosts, permit, archive=archive(settings)
    )
    if not settings.semaphore.url:
        return here
    from aiops.adapters.risk_executor import RiskExecutor  # noqa: PLC0415
    from aiops.adapters.semaphore_executor import SemaphoreExecutor  # noqa: PLC0415
    from aiops.adapters.semaphore_tasks import Pace  # noqa: PLC0415

    api, expected = _semaphore(settings)
    pace = Pace(poll=settings.semaphore.poll_seconds)
    there = SemaphoreExecutor(api, expected, permit, pace, archive=archive(settings))
    return RiskExecutor(here, there, settings.semaphore.from_risk)


def tracer(settings: Settings, permit: Permit) -> Tracer | None:
    """Who knows what has become of a run that outlived its worker: Semaphore, where it is set."""
    if not settings.semaphore.url:
        return None
    from aiops.adapters.semaphore_executor import SemaphoreExecutor  # noqa: PLC0415
    from aiops.adapters.semaphore_tasks import Pace  # noqa: PLC0415

    pace = Pace(poll=settings.semaphore.poll_seconds)
    return SemaphoreExecutor(*_semaphore(settings), permit, pace, archive=archive(settings))


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
