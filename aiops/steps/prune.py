"""prune: forget what is older than the settings say."""

from aiops.ports import IncidentServices


def prune(services: IncidentServices) -> int:
    """Delete old resolved incidents, old sweeps and whole outputs that nobody asked for lately; returns how many incidents."""
    now = services.clock()
    if services.archive:
        services.archive.prune(now - services.keep_sweeps)
    return services.ledger.prune(now - services.keep_incidents, now - services.keep_sweeps)
