"""prune: forget what is older than the settings say."""

from aiops.ports import IncidentServices


def prune(services: IncidentServices) -> int:
    """Delete old resolved incidents and old sweeps; returns how many incidents."""
    now = services.clock()
    return services.ledger.prune(now - services.keep_incidents, now - services.keep_sweeps)
