"""Other systems that know something about hosts: each is asked once per sweep, with a token that may only read."""

from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from aiops.ports import Witness
from aiops.settings import Application, Settings, credential, secret


def witnesses(settings: Settings) -> Mapping[str, Witness]:
    """Those that the settings name.

    :raises SettingsError: an address or a CA file cannot be used
    """
    from aiops.adapters.once_a_sweep import OnceASweep  # noqa: PLC0415

    made: dict[str, Callable[[Settings], Witness]] = {
        "proxmox": _proxmox,
        "pbs": _pbs,
        "loki": _loki,
        "metrics": _metrics,
        "releases": _releases,
        "mirrors": _mirrors,
    }
    return {name: OnceASweep(make(settings)) for name, make in made.items() if name in settings.sources}


def _proxmox(settings: Settings) -> Witness:
    from aiops.adapters.proxmox_api import ProxmoxApi  # noqa: PLC0415
    from aiops.adapters.proxmox_witness import ProxmoxWitness  # noqa: PLC0415

    its = settings.proxmox
    token = _reading(its.token_file, "proxmox")
    nodes = [(node, ProxmoxApi(node, its.token, token, its.ca_file)) for node in its.nodes]
    return ProxmoxWitness(nodes, its.host)


def _pbs(settings: Settings) -> Witness:
    from aiops.adapters.json_api import Enveloped, JsonApi  # noqa: PLC0415
    from aiops.adapters.pbs_witness import PbsWitness  # noqa: PLC0415

    its = settings.pbs
    token = _reading(its.token_file, "pbs")

    def headers() -> Mapping[str, str]:
        return {"Authorization": f"PBSAPIToken={its.token}:{token()}"}

    api = JsonApi("pbs", f"{its.url.rstrip('/')}/api2/json", headers, ca_file=its.ca_file)
    return PbsWitness(Enveloped(api), its.host or api.host)


def _loki(settings: Settings) -> Witness:
    from aiops.adapters.json_api import JsonApi  # noqa: PLC0415
    from aiops.adapters.loki_witness import LokiWitness  # noqa: PLC0415

    its = settings.loki
    tenant = {"X-Scope-OrgID": its.tenant} if its.tenant else {}
    api = JsonApi("loki", its.url, lambda: _bearer(its.token_file) | tenant, seconds=20, ca_file=its.ca_file)
    return LokiWitness(
        api,
        its.host or api.host,
        host_label=its.host_label,
        unit_label=its.unit_label,
        selector=its.selector,
        errors=its.errors,
        own=its.own,
        retention_days=its.retention_days,
    )


def _metrics(settings: Settings) -> Witness:
    from aiops.adapters.json_api import JsonApi  # noqa: PLC0415
    from aiops.adapters.prometheus_witness import PrometheusWitness, Query  # noqa: PLC0415

    its = settings.metrics
    api = JsonApi("metrics", its.url, lambda: _bearer(its.token_file), ca_file=its.ca_file)
    return PrometheusWitness(api, its.host or api.host, [Query(**query.model_dump()) for query in its.queries])


def _releases(settings: Settings) -> Witness:
    from aiops.adapters.json_api import JsonApi  # noqa: PLC0415
    from aiops.adapters.release_feed import Pauses, ReleaseFeed  # noqa: PLC0415
    from aiops.adapters.releases_witness import ReleasesWitness, Watched  # noqa: PLC0415

    its, pauses = settings.releases, Pauses()

    def watched(one: Application) -> Watched:
        scheme = "token" if one.form == "forgejo" else "Bearer"
        place = urlsplit(one.feed).hostname or one.name
        api = JsonApi(place, one.feed, lambda: _bearer(one.token_file, scheme), ca_file=its.ca_file)
        itself = JsonApi(one.name, one.version_url, ca_file=its.ca_file) if one.version_url else None
        feed = ReleaseFeed(api, one.form, pauses, prereleases=one.prereleases)
        return Watched(one.name, one.host, feed, one.package, itself, one.version_key)

    return ReleasesWitness([watched(one) for one in its.applications], its.host)


def _mirrors(settings: Settings) -> Witness:
    from aiops.adapters.git_refs import GitRefs  # noqa: PLC0415
    from aiops.adapters.git_repository import Remote  # noqa: PLC0415
    from aiops.adapters.mirrors_witness import Copy, MirrorsWitness  # noqa: PLC0415

    its = settings.mirrors
    key = credential(its.key_file) if its.key_file else None
    ssh = Remote("", key_file=key, known_hosts=its.known_hosts).ssh_command()
    copies = [Copy(one.name, one.host, one.source, one.mirror, one.refs) for one in its.repositories]
    return MirrorsWitness(copies, its.host, GitRefs(ssh, its.seconds))


def _reading(path: Path | None, table: str) -> Callable[[], str]:
    """Reads the token's secret when it is needed: one that cannot be read blinds one source, not the whole worker."""

    def read() -> str:
        return secret(path or Path(f"{table}_token"))

    return read


def _bearer(path: Path | None, scheme: str = "Bearer") -> dict[str, str]:
    return {"Authorization": f"{scheme} {secret(path)}"} if path else {}
