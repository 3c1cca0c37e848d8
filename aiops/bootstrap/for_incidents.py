"""CT190, the deciding side."""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

from aiops import remediations, rules, skills, words
from aiops.bootstrap.shared import archive, catalogue, events, inventory, memory, pulse, topologies
from aiops.domain.policy import Policy
from aiops.domain.remediation import Remediation
from aiops.domain.skill import Skill
from aiops.domain.watch import PROCESSES, Watched
from aiops.ports import (
    Beacon,
    Hearing,
    IncidentServices,
)
from aiops.settings import Settings, credential


def incidents(settings: Settings) -> IncidentServices:
    """CT190, the deciding side: the ledger, the policy, the signing key."""
    from aiops.adapters.incident_ledger import SqliteIncidentLedger  # noqa: PLC0415
    from aiops.adapters.permit import BACKUP_KEY, RedisPermitOffice  # noqa: PLC0415
    from aiops.adapters.signing import KeySigner  # noqa: PLC0415

    signer = KeySigner(credential(settings.keys.signing))
    url = settings.redis.full_url()
    playbooks = catalogue(settings)
    in_force = policy(settings)
    return IncidentServices(
        inventory=inventory(settings),
        ledger=SqliteIncidentLedger(settings.state / "incidents.sqlite"),
        events=events(settings),
        signer=signer,
        permits=RedisPermitOffice(url, signer),
        backup=settings.backup,
        backup_permits=RedisPermitOffice(url, signer, key=BACKUP_KEY) if settings.backup.store else None,
        timezone=settings.timezone,
        policy=in_force,
        catalogue=playbooks,
        given=remediations.check_given(playbooks, settings.playbooks),
        rules=rules.load(settings.known.rules or rules.SHIPPED),
        skills=_skills(settings, playbooks),
        keep_lessons=timedelta(days=settings.known.lesson_days),
        llm=bool(settings.llm.chain()),
        llm_budget=settings.llm.budget(),
        group_hosts=settings.correlation.group_hosts,
        blind_after=settings.correlation.blind_after,
        relapse_window=timedelta(hours=in_force.relapse_hours),
        quiet=settings.quiet,
        benign=settings.benign,
        archive=archive(settings),
        keep_incidents=timedelta(days=settings.records.incident_days),
        keep_sweeps=timedelta(days=settings.records.sweep_days),
        pulse=pulse(settings),
        beacons=_beacons(settings),
        topologies=topologies(settings),
        watch=_watched(settings),
        baseline=_baseline(settings),
        memory=memory(settings),
        sessions=settings.session.limits(settings.llm.eur_per_dollar),
        voice=settings.voice,
        users=frozenset(settings.telegram.users) if settings.telegram.token_file else frozenset(),
        hearing=_hearing(settings),
        words=words.load(settings.voice.language),
        shadow=settings.shadow,
    )


def _hearing(settings: Settings) -> Hearing | None:
    """Who signs for what humans say; without it everything they say is refused, and everything else goes on.

    :raises SettingsError: what is there holds something else than public keys
    """
    from aiops.adapters.signing import KeyVerifier  # noqa: PLC0415

    place = credential(settings.keys.heard)
    return KeyVerifier(place) if settings.telegram.users and place.exists() else None


def _watched(settings: Settings) -> Watched:
    """With the poller, where somebody is to be heard and the usual processes are watched."""
    if not (settings.telegram.token_file and settings.telegram.users and settings.watch.processes == PROCESSES):
        return settings.watch
    return settings.watch.model_copy(update={"processes": (*PROCESSES, "listen")})


def policy(settings: Settings) -> Policy:
    """The policy in force, on the operator's clock unless it names another.

    :raises ManifestError: its file cannot be used
    """
    return _policy(settings)


def _policy(settings: Settings) -> Policy:
    given = settings.policy
    chosen = rules.load_policy(given.file) if given.file else given
    update: dict[str, str] = {"mode": given.mode} if "mode" in given.model_fields_set else {}
    if "timezone" in given.model_fields_set:
        update["timezone"] = given.timezone
    elif "timezone" not in chosen.model_fields_set:
        update["timezone"] = settings.timezone
    return chosen.model_copy(update=update)


def _baseline(settings: Settings) -> bool:
    chosen = settings.correlation.baseline
    return settings.fleet.inventory is not None if chosen is None else chosen


def _beacons(settings: Settings) -> list[Beacon]:
    if not settings.watch.ping_url:
        return []
    from aiops.adapters.healthchecks import Healthchecks  # noqa: PLC0415

    return [Healthchecks(settings.watch.ping_url, settings.watch.ping_seconds)]


def scratch(
    settings: Settings, place: Path, *, policy: Policy | None = None, folder: Path | None = None
) -> IncidentServices:
    """The deciding side with a ledger that is thrown away, nobody to tell and no key: for a replay."""
    from aiops.adapters.incident_ledger import SqliteIncidentLedger  # noqa: PLC0415
    from aiops.adapters.memory_events import MemoryEvents  # noqa: PLC0415
    from aiops.adapters.null_signer import NullSigner  # noqa: PLC0415

    playbooks = catalogue(settings)
    nobody = NullSigner()
    return IncidentServices(
        inventory=inventory(settings),
        ledger=SqliteIncidentLedger(place / "scratch.sqlite"),
        events=MemoryEvents(),
        signer=nobody,
        permits=nobody,
        policy=policy or _policy(settings),
        catalogue=playbooks,
        given=remediations.check_given(playbooks, settings.playbooks),
        rules=rules.load(folder or settings.known.rules or rules.SHIPPED),
        skills=_skills(settings, playbooks),
        keep_lessons=timedelta(days=settings.known.lesson_days),
        llm=bool(settings.llm.chain()),
        llm_budget=settings.llm.budget(),
    )


def _skills(settings: Settings, playbooks: Mapping[str, Remediation]) -> tuple[Skill, ...]:
    """The shipped ones and those that somebody put into the state folder."""
    return (*skills.load(skills.SHIPPED, playbooks), *skills.load(settings.state / "skills", playbooks))
