"""From settings to adapters: the only file that chooses one. Imports are local, so a process loads only what it needs."""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any, Protocol

from aiops import detectors, remediations, rules, skills
from aiops.domain.guest import Guest
from aiops.domain.policy import Policy
from aiops.domain.remediation import Remediation
from aiops.domain.skill import Skill
from aiops.errors import AiopsError, SettingsError, UnknownError
from aiops.ports import (
    Archive,
    Beacon,
    BridgeServices,
    DetectionServices,
    Events,
    ExecutionLedger,
    Executor,
    IncidentServices,
    Inventory,
    NotifyServices,
    Permit,
    ProviderState,
    Pulse,
    Records,
    RemediationServices,
    Shell,
    Thinker,
    Topology,
    TriageServices,
)
from aiops.probes import sudoers as sudo_list
from aiops.settings import LlmProvider, Settings, credential, secret


class Presence(Protocol):
    """A worker's life sign on MQTT."""

    def start(self) -> None:
        """Say ``online``."""

    def stop(self) -> None:
        """Say ``offline``."""

    def well(self, text: str) -> None:
        """Say ``online`` anew, with the time. Never raises."""

    def ill(self, text: str) -> None:
        """Say ``degraded`` and why. Never raises."""


class EmbeddedServer(Protocol):
    """A server of our own, for a machine that has none."""

    port: int

    def start(self) -> Any:
        """Start it and wait until it answers."""

    def stop(self) -> None:
        """End it and wait."""


def detection(settings: Settings) -> DetectionServices:
    """CT192: eyes."""
    from aiops.adapters.web import PlainWeb  # noqa: PLC0415

    return DetectionServices(
        inventory=inventory(settings),
        shell=_shell(settings),
        web=PlainWeb(),
        events=events(settings),
        seconds_per_host=settings.ssh.host_seconds,
        threads=settings.ssh.threads,
        shard_size=settings.ssh.shard_size,
        thresholds=settings.detectors,
    )


def _shell(settings: Settings) -> Shell:
    """The machine itself directly; every other host over SSH, once an inventory is named."""
    from aiops.adapters.local_shell import LocalShell, SplitShell  # noqa: PLC0415

    if settings.fleet.inventory is None:
        return LocalShell()
    from aiops.adapters.ssh import FabricShell  # noqa: PLC0415

    ssh = settings.ssh
    remote = FabricShell(ssh.user, credential(ssh.key_file), ssh.known_hosts, ssh.connect_seconds)
    return SplitShell(LocalShell(), remote)


def incidents(settings: Settings) -> IncidentServices:
    """CT190, the deciding side: the ledger, the policy, the signing key."""
    from aiops.adapters.incident_ledger import SqliteIncidentLedger  # noqa: PLC0415
    from aiops.adapters.permit import RedisPermitOffice  # noqa: PLC0415
    from aiops.adapters.signing import KeySigner  # noqa: PLC0415

    signer = KeySigner(credential(settings.keys.signing))
    playbooks = catalogue(settings)
    in_force = policy(settings)
    return IncidentServices(
        inventory=inventory(settings),
        ledger=SqliteIncidentLedger(settings.state / "incidents.sqlite"),
        events=events(settings),
        signer=signer,
        permits=RedisPermitOffice(settings.redis.full_url(), signer),
        policy=in_force,
        catalogue=playbooks,
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
        watch=settings.watch,
        baseline=_baseline(settings),
    )


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


def pulse(settings: Settings) -> Pulse:
    """The signs of life of our own processes."""
    from aiops.adapters.redis_pulse import RedisPulse  # noqa: PLC0415

    return RedisPulse(settings.redis.full_url())


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
        rules=rules.load(folder or settings.known.rules or rules.SHIPPED),
        skills=_skills(settings, playbooks),
        keep_lessons=timedelta(days=settings.known.lesson_days),
        llm=bool(settings.llm.chain()),
        llm_budget=settings.llm.budget(),
    )


def _skills(settings: Settings, playbooks: Mapping[str, Remediation]) -> tuple[Skill, ...]:
    """The shipped ones and those that somebody put into the state folder."""
    return (*skills.load(skills.SHIPPED, playbooks), *skills.load(settings.state / "skills", playbooks))


def archive(settings: Settings) -> Archive:
    """Where whole outputs are kept on this container."""
    from aiops.adapters.file_archive import FileArchive  # noqa: PLC0415

    return FileArchive(settings.state / "raw")


def triage(settings: Settings) -> TriageServices:
    """CT190, the thinking side: a model, and nothing to decide with."""
    return TriageServices(thinker=thinker(settings), events=events(settings))


def thinker(settings: Settings) -> Thinker:
    """The chain of LLM providers, or none.

    :raises SettingsError: a key cannot be read, or litellm is needed and not installed
    """
    from aiops.adapters.redis_provider_state import RedisProviderState  # noqa: PLC0415

    return _thinker(settings, RedisProviderState(settings.redis.full_url()))


def one_thinker(settings: Settings, name: str) -> Thinker:
    """One provider of the chain by itself, which shares nothing with the triage processes: for a replay.

    :raises UnknownError: no such provider
    :raises SettingsError: as ``thinker``
    """
    from aiops.adapters.memory_provider_state import MemoryProviderState  # noqa: PLC0415

    chosen = tuple(one for one in settings.llm.chain() if one.name == name)
    if not chosen:
        names = ", ".join(one.name for one in settings.llm.chain()) or "none"
        raise UnknownError("provider", name, f"configured: {names}")
    llm = settings.llm.model_copy(update={"providers": chosen, "model": ""})
    return _thinker(settings.model_copy(update={"llm": llm}), MemoryProviderState())


def _thinker(settings: Settings, state: ProviderState) -> Thinker:
    llm = settings.llm
    if not llm.chain():
        from aiops.adapters.null_thinker import NullThinker  # noqa: PLC0415

        return NullThinker()
    from aiops.adapters.background_loop import BackgroundLoop  # noqa: PLC0415
    from aiops.adapters.provider_chain import Limits, ProviderChain  # noqa: PLC0415

    loop = BackgroundLoop()
    return ProviderChain(
        [_provider(one, loop) for one in llm.chain()],
        state,
        Limits(llm.deadline, llm.seconds, llm.budget(), llm.eur_per_dollar),
        language=llm.language,
    )


def _provider(one: LlmProvider, loop: Any) -> Any:
    if one.folder:
        from aiops.adapters.offline_provider import OfflineProvider  # noqa: PLC0415

        return OfflineProvider(one.name, one.folder, model=one.model, seconds=one.seconds)
    from aiops.adapters.litellm_provider import LiteLlmProvider  # noqa: PLC0415
    from aiops.adapters.provider_chain import Price  # noqa: PLC0415

    priced = one.dollars_in is not None and one.dollars_out is not None
    return LiteLlmProvider(
        one.name,
        one.litellm_model,
        loop,
        api_base=one.api_base,
        key_file=credential(one.key_file) if one.key_file else None,
        price=Price(one.dollars_in or 0, one.dollars_out or 0) if priced else None,
        seconds=one.seconds,
    )


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


def notification(settings: Settings) -> NotifyServices:
    """The voice."""
    from aiops.adapters.console_notifier import FileNotifier  # noqa: PLC0415

    return NotifyServices(notifier=FileNotifier(settings.state / "notifications.jsonl"), events=events(settings))


def bridge(settings: Settings) -> BridgeServices:
    """The mirror: the event log's reading end and a broker.

    :raises SettingsError: no broker is set
    """
    from aiops.adapters.mqtt import MqttBroker  # noqa: PLC0415
    from aiops.adapters.redis_event_log import RedisEventLog  # noqa: PLC0415

    if not settings.mqtt.host:
        raise SettingsError("mqtt.host", "no MQTT broker is set, so there is nothing to mirror to")
    log = RedisEventLog(settings.redis.full_url(), events(settings), prefix=settings.mqtt.prefix)
    return BridgeServices(log=log, broker=MqttBroker(_address(settings), prefix=settings.mqtt.prefix))


@cache
def _events(url: str, prefix: str) -> Events:
    from aiops.adapters.redis_events import RedisEvents  # noqa: PLC0415

    return RedisEvents(url, prefix=prefix)


def events(settings: Settings) -> Events:
    """The event log's writing end, one per process."""
    return _events(settings.redis.full_url(), settings.mqtt.prefix)


def inventory(settings: Settings) -> Inventory:
    """The Ansible inventory that the settings name, with the nodes that other sources know; or this machine alone."""
    from aiops.adapters.enriched_inventory import EnrichedInventory  # noqa: PLC0415
    from aiops.adapters.inventory import AnsibleInventory, LocalInventory  # noqa: PLC0415

    if settings.fleet.inventory is None:
        return LocalInventory()
    plain, others = AnsibleInventory(settings.fleet.inventory), topologies(settings)
    return EnrichedInventory(plain, others) if others else plain


def inventory_groups(settings: Settings) -> Mapping[str, Sequence[str]]:
    """The groups of each host of the inventory."""
    from aiops.adapters.inventory import AnsibleInventory  # noqa: PLC0415

    return AnsibleInventory(settings.fleet.inventory).groups() if settings.fleet.inventory else {}


def topologies(settings: Settings) -> list[Topology]:
    """The other sources that know machines."""
    from aiops.adapters.homelable import HomelableMap  # noqa: PLC0415

    found: list[Topology] = [HomelableMap(settings.fleet.homelable)] if settings.fleet.homelable else []
    proxmox = settings.proxmox
    if proxmox.nodes and proxmox.token_file:
        from aiops.adapters.proxmox import ProxmoxGuests  # noqa: PLC0415

        found.append(ProxmoxGuests(proxmox.nodes, proxmox.token, secret(proxmox.token_file), proxmox.ca_file))
    return found


def guests(settings: Settings) -> tuple[list[Guest], list[str]]:
    """Every machine of the other sources, and a sentence for each source that could not be read."""
    found: list[Guest] = []
    blind: list[str] = []
    for topology in topologies(settings):
        try:
            found += topology.guests()
        except AiopsError as error:
            blind.append(str(error))
    return found, blind


def catalogue(settings: Settings) -> Mapping[str, Remediation]:
    """Every playbook with its manifest.

    :raises ManifestError: one of them cannot be used
    """
    return remediations.load(_playbooks(settings))


def presence(settings: Settings, name: str) -> Presence:
    """A worker's life sign; none where no broker is set."""
    if not settings.mqtt.host:
        from aiops.adapters.null_presence import NullPresence  # noqa: PLC0415

        return NullPresence()
    from aiops.adapters.mqtt import Presence as MqttPresence  # noqa: PLC0415

    return MqttPresence(_address(settings), name, prefix=settings.mqtt.prefix)


def sudoers(account: str) -> str:
    """The detection account's sudo list: exactly what the probes declare."""
    probes = [probe for detector in detectors.load().values() for probe in detector.probes]
    return sudo_list.sudoers(account, probes)


def embedded_redis(folder: Path) -> EmbeddedServer:
    """A Redis-compatible server of our own."""
    from aiops.adapters.embedded import EmbeddedRedis  # noqa: PLC0415

    return EmbeddedRedis(folder)


def embedded_mqtt(folder: Path) -> EmbeddedServer:
    """An MQTT broker of our own."""
    from aiops.adapters.embedded import EmbeddedMqtt  # noqa: PLC0415

    return EmbeddedMqtt(folder)


def tied_command(parent: int, argv: list[str]) -> list[str]:
    """The command that runs ``argv`` and ends when the process ``parent`` does."""
    from aiops.adapters.tether import tied  # noqa: PLC0415

    return tied(parent, argv)


def generate_keys(private_key: Path, public_key: Path) -> None:
    """Make a signing key, unless there is one."""
    from aiops.adapters.signing import generate_keys as generate  # noqa: PLC0415

    if not private_key.exists():
        public_key.parent.mkdir(parents=True, exist_ok=True)
        generate(private_key, public_key)


def checks(settings: Settings) -> dict[str, Callable[[], str]]:
    """What ``aiops doctor`` tries: each returns a sentence or raises an error of ours."""
    from aiops.adapters.selftest import mqtt_answers, redis_answers, writable  # noqa: PLC0415

    return {
        "inventory": lambda: f"{len(inventory(settings).hosts())} hosts",
        "catalogue": lambda: f"{len(catalogue(settings))} playbooks: {', '.join(catalogue(settings))}",
        "policy": lambda: f"{len(policy(settings).rules)} rules, {policy(settings).default} where none matches",
        "detectors": lambda: ", ".join(detectors.load()),
        "rules": lambda: f"{len(rules.load(settings.known.rules or rules.SHIPPED))} rules",
        "skills": lambda: f"{len(_skills(settings, catalogue(settings)))} skills from files",
        "state": lambda: writable(settings.state),
        "ledger": lambda: f"{len(incidents(settings).ledger.live())} incidents are not resolved",
        "freeze": lambda: incidents(settings).ledger.frozen() or "not frozen",
        "signing key": lambda: f"{len(secret(settings.keys.signing))} characters, mode checked",
        "redis": lambda: redis_answers(settings.redis.full_url()),
        "mqtt": lambda: mqtt_answers(_address(settings)) if settings.mqtt.host else "not set: nothing is mirrored",
        "semaphore": lambda: _semaphore_check(settings),
        "llm": lambda: (
            ", ".join(one.litellm_model or one.name for one in settings.llm.chain())
            or "none configured: what has no known fix goes to a human"
        ),
    }


def _address(settings: Settings) -> Any:
    from aiops.adapters.mqtt import MqttAddress  # noqa: PLC0415

    mqtt = settings.mqtt
    password = credential(mqtt.password_file) if mqtt.password_file else None
    return MqttAddress(mqtt.host, mqtt.port, mqtt.username, password, mqtt.ca_file)


def _playbooks(settings: Settings) -> Path:
    return settings.repair.playbooks or remediations.SHIPPED
