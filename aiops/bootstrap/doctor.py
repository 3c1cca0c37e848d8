"""What `aiops doctor` tries."""

from collections.abc import Callable

from aiops import detectors, rules
from aiops.bootstrap.for_incidents import _skills, incidents, policy
from aiops.bootstrap.for_metrics import metrics_check
from aiops.bootstrap.for_mirrors import telegram_check
from aiops.bootstrap.for_night import night_check
from aiops.bootstrap.for_remediation import _semaphore_check
from aiops.bootstrap.for_sessions import session_check
from aiops.bootstrap.shared import _address, catalogue, inventory
from aiops.settings import Settings, secret


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
