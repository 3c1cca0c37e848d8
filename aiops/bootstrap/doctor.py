"""What `aiops doctor` tries."""

from collections.abc import Callable, Mapping
from typing import Final

from aiops import detectors, rules
from aiops.bootstrap.for_incidents import _skills, incidents, policy
from aiops.bootstrap.for_keys import keys
from aiops.bootstrap.for_metrics import metrics_check
from aiops.bootstrap.for_mirrors import ship_check, telegram_check
from aiops.bootstrap.for_night import night_check
from aiops.bootstrap.for_remediation import _semaphore_check
from aiops.bootstrap.for_sessions import session_check
from aiops.bootstrap.shared import _address, catalogue, inventory
from aiops.domain.fact import utcnow
from aiops.errors import UnknownError
from aiops.settings import Settings, credential, secret

_REDIS = ("redis account", "mqtt", "state")
NEEDS: Final[Mapping[str, tuple[str, ...]]] = {
    "detect": ("inventory", "detectors", "probe key", "probe hosts", *_REDIS),
    "incidents": ("inventory", "catalogue", "policy", "rules", "skills", "ledger", "signing key", *_REDIS),
    "triage": ("llm", *_REDIS),
    "remediation": ("inventory", "catalogue", "repair key", "repair hosts", "trusted keys", "session", *_REDIS),
    "notify": ("telegram", *_REDIS),
    "listen": ("telegram", *_REDIS),
    "night": ("night", *_REDIS),
    "ingest": _REDIS,
    "brief": ("inventory", "record", "mqtt"),
    "metrics_incidents": ("inventory", "record", "redis account"),
    "metrics_remediation": ("executions",),
    "beat": _REDIS,
    "bridge": _REDIS,
    "flower": ("flower", "redis account", "state"),
    "operator": ("inventory", "catalogue", "policy", "state", "ledger", "freeze", "signing key", "redis", "mqtt"),
}
"""What each process cannot work without: tried with its own rights when it is deployed."""

SHADOWS: Final[Mapping[str, str]] = {
    "off": "no: everything that is set up speaks and acts",
    "untaken": "guardian by guardian: `aiops shadow` lists which of them speak and act",
    "all": "yes: nothing is said, nothing is repaired, whatever else is set; `aiops shadow` tells what would have been",
}


def checks_for(settings: Settings, process: str) -> dict[str, Callable[[], str]]:
    """What one process needs of its container, with the rights that this process has.

    :raises UnknownError: there is no such process
    """
    from aiops.adapters.selftest import known_hosts_file, readable_key, redis_lets_in  # noqa: PLC0415

    if process not in NEEDS:
        raise UnknownError("process", process, f"One of {', '.join(NEEDS)}.")
    known = checks(settings) | {
        "probe key": lambda: readable_key(credential(settings.ssh.key_file)),
        "probe hosts": lambda: known_hosts_file(settings.ssh.known_hosts),
        "repair key": lambda: readable_key(credential(settings.repair.key_file)),
        "repair hosts": lambda: known_hosts_file(settings.repair.known_hosts),
        "trusted keys": lambda: _trusted(settings),
        "redis account": lambda: redis_lets_in(settings.redis.full_url()),
        "record": lambda: _record(settings),
        "executions": lambda: _executions(settings),
        "flower": lambda: f"{len(secret(settings.state / 'keys' / 'flower'))} characters",
    }
    return {name: known[name] for name in (*(("shadow",) if settings.shadow != "off" else ()), *NEEDS[process])}


def _trusted(settings: Settings) -> str:
    from aiops.adapters.signing import KeyVerifier  # noqa: PLC0415

    return f"plans are believed that {', '.join(KeyVerifier(credential(settings.keys.trusted)).names)} signed"


class Concern(str):
    """A sentence that wants a human's eye; nothing is broken."""

    __slots__ = ()


def _ages(settings: Settings) -> str:
    found = [(kept.name, kept.fact().made_at) for kept in keys(settings).values()]
    days = {name: (utcnow() - made).days for name, made in found if made is not None}
    if not days:
        return "none lies here: `aiops keys list --secrets FOLDER` where the folder of secrets is"
    oldest = sorted(days, key=lambda name: -days[name])
    said = f"{len(days)}; days old: {', '.join(f'{name} {days[name]}' for name in oldest)}"
    old = [name for name in oldest if days[name] > settings.keys.max_age_days]
    if not old:
        return said
    return Concern(f"older than {settings.keys.max_age_days} days: {', '.join(old)}; `aiops keys rotate`. {said}")


def _signing(settings: Settings) -> str:
    from aiops.adapters.signing import KeySigner  # noqa: PLC0415

    return f"plans are signed as {KeySigner(credential(settings.keys.signing)).key}, mode checked"


def _executions(settings: Settings) -> str:
    from aiops.adapters.execution_view import ExecutionView  # noqa: PLC0415

    held = ExecutionView(settings.state / "executions.sqlite").counts().held_hosts
    return f"{held} hosts are held by a repair"


def _record(settings: Settings) -> str:
    from aiops.adapters.ledger_view import LedgerView  # noqa: PLC0415

    return f"{len(LedgerView(settings.state / 'incidents.sqlite').live())} incidents are not resolved"


def checks(settings: Settings) -> dict[str, Callable[[], str]]:
    """What ``aiops doctor`` tries: each returns a sentence or raises an error of ours."""
    from aiops.adapters.selftest import mqtt_answers, redis_answers, writable  # noqa: PLC0415

    return {
        "shadow": lambda: SHADOWS[settings.shadow],
        "inventory": lambda: f"{len(inventory(settings).hosts())} hosts",
        "catalogue": lambda: f"{len(catalogue(settings))} playbooks: {', '.join(catalogue(settings))}",
        "policy": lambda: f"{len(policy(settings).rules)} rules, {policy(settings).default} where none matches",
        "detectors": lambda: ", ".join(detectors.load()),
        "rules": lambda: f"{len(rules.load(settings.known.rules or rules.SHIPPED))} rules",
        "skills": lambda: f"{len(_skills(settings, catalogue(settings)))} skills from files",
        "state": lambda: writable(settings.state),
        "ledger": lambda: f"{len(incidents(settings).ledger.live())} incidents are not resolved",
        "freeze": lambda: incidents(settings).ledger.frozen() or "not frozen",
        "signing key": lambda: _signing(settings),
        "redis": lambda: redis_answers(settings.redis.full_url()),
        "mqtt": lambda: (
            mqtt_answers(_address(settings), f"{settings.mqtt.prefix}/doctor")
            if settings.mqtt.host
            else "not set: nothing is mirrored"
        ),
        "keys": lambda: _ages(settings),
        "ship": lambda: ship_check(settings),
        "telegram": lambda: telegram_check(settings),
        "semaphore": lambda: _semaphore_check(settings),
        "session": lambda: session_check(settings),
        "night": lambda: night_check(settings),
        "metrics": lambda: metrics_check(settings),
        "llm": lambda: (
            ", ".join(one.litellm_model or one.name for one in settings.llm.chain())
            or "none configured: what has no known fix goes to a human"
        ),
    }
