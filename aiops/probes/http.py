"""The pages a host must serve, asked for by the detection worker: a service may be active and serve nothing."""

from aiops.domain.host import Host
from aiops.probes import Visit


def _urls(host: Host) -> tuple[str, ...]:
    return tuple(host.labels.get("http", "").split())


PAGES = Visit(name="http", urls=_urls)
