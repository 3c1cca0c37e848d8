"""CT190's night work: a way out, no ledger, no signing key; and the eyes that other agents' questions are answered with."""

import hashlib
from datetime import timedelta
from pathlib import PurePosixPath

from aiops.bootstrap.shared import catalogue, events, inventory, topologies
from aiops.domain.night import Usage as Sums
from aiops.domain.report import Report
from aiops.domain.symbiosis import Symbiosis
from aiops.errors import AiopsError, SettingsError
from aiops.ports import DocsSource, FeedSource, Forge, NightServices, NodeSource, Site
from aiops.settings import Settings, credential, secret


def night(settings: Settings) -> NightServices:
    """The night work; a part that is not set up is None.

    :raises SettingsError: an address or a file cannot be used
    """
    from aiops.adapters.night_book import SqliteNightBook  # noqa: PLC0415

    return NightServices(
        inventory=inventory(settings),
        events=events(settings),
        book=SqliteNightBook(settings.state / "night.sqlite"),
        playbooks=len(catalogue(settings)),
        topologies=topologies(settings),
        site=_site(settings),
        nodes=_nodes(settings),
        forge=_forge(settings),
        core=frozenset(settings.site.core),
        stale=timedelta(hours=settings.site.stale_hours),
        feeds=_feeds(settings),
        urls=settings.feeds.urls,
        most_items=settings.feeds.items,
        keep_items=timedelta(days=settings.feeds.keep_days),
        docs=_docs(settings),
        docs_days=settings.docs.days,
    )


def _docs(settings: Settings) -> DocsSource | None:
    its = settings.docs
    if not its.on:
        return None
    from aiops.adapters.git_docs import GitDocs  # noqa: PLC0415
    from aiops.adapters.git_repository import GitRepository, Remote  # noqa: PLC0415

    key = credential(its.key_file) if its.key_file else None

    def repository(url: str, branch: str) -> GitRepository:
        folder = settings.state / "docs" / hashlib.sha256(url.encode()).hexdigest()[:16]
        return GitRepository(folder, its.author, Remote(url, branch, key, its.known_hosts, its.seconds))

    wiki = repository(its.wiki_remote, its.wiki_branch) if its.wiki_remote else None
    journal = repository(its.journal_remote, its.journal_branch) if its.journal_remote else None
    named = {
        PurePosixPath(url.rstrip("/")).name.removesuffix(".git"): repository(url, its.journal_branch)
        for url in (its.repositories if its.journal_remote else ())
    }
    return GitDocs(wiki, journal, named)


def _feeds(settings: Settings) -> FeedSource | None:
    its = settings.feeds
    if not its.urls:
        return None
    from aiops.adapters.feeds import WebFeeds  # noqa: PLC0415
    from aiops.adapters.safe_fetch import SafeFetch, networks  # noqa: PLC0415

    return WebFeeds(SafeFetch(its.seconds, its.bytes, its.redirects, networks(its.private)))


def night_check(settings: Settings) -> str:
    """For ``aiops doctor``: what of the night work is set up; asks nobody.

    :raises SettingsError: an address or a file cannot be used
    """
    built, ingest = night(settings), settings.ingest
    if settings.site.on and settings.site.token_file:
        secret(settings.site.token_file)
    parts = {
        "site-metrics": built.site,
        f"{len(built.urls)} feeds": built.feeds,
        "doc-sync": built.docs or built.topologies,
        f"ingest on {ingest.listen}:{ingest.port} from {', '.join(ingest.sources)}": ingest.port,
        "brief": settings.brief.on,
    }
    return ", ".join(name for name, on in parts.items() if on) or "not set: only the reports are told"


def _site(settings: Settings) -> Site | None:
    its = settings.site
    token = its.token_file
    if not its.on or token is None:
        return None
    from aiops.adapters.cloudflare_kv import CloudflareKv  # noqa: PLC0415
    from aiops.adapters.json_api import JsonApi  # noqa: PLC0415

    api = JsonApi("cloudflare", its.api, lambda: {"Authorization": f"Bearer {secret(token)}"}, seconds=30)
    return CloudflareKv(api, its.account, its.namespace)


def _forge(settings: Settings) -> Forge | None:
    its = settings.forgejo
    if not its.url:
        return None
    from aiops.adapters.forgejo import ForgejoCommits  # noqa: PLC0415
    from aiops.adapters.json_api import JsonApi  # noqa: PLC0415

    token = its.token_file
    # Forgejo's own scheme: https://forgejo.org/docs/latest/user/api-usage/
    api = JsonApi(
        "forgejo",
        its.url,
        lambda: {"Authorization": f"token {secret(token)}"} if token else {},
        seconds=30,
        ca_file=its.ca_file,
    )
    return ForgejoCommits(api, its.repositories)


def _nodes(settings: Settings) -> NodeSource | None:
    its = settings.proxmox
    token = its.token_file
    if not its.nodes or token is None:
        return None
    from aiops.adapters.proxmox_api import ProxmoxApi  # noqa: PLC0415
    from aiops.adapters.proxmox_nodes import ProxmoxNodes  # noqa: PLC0415

    return ProxmoxNodes([ProxmoxApi(node, its.token, lambda: secret(token), its.ca_file) for node in its.nodes])


def usage_sums(settings: Settings) -> Sums:
    """On the workstation: what the agent's own database comes to.

    :raises SettingsError: there is none, or it cannot be read
    :raises LedgerBusyError: it is locked
    """
    from aiops.adapters.usage_db import read_usage  # noqa: PLC0415

    return read_usage(settings.usage.database)


def symbiosis(settings: Settings) -> tuple[Symbiosis | None, str]:
    """What the agent's own database comes to, where it lies; else None, and why."""
    from aiops.adapters.usage_db import read_symbiosis  # noqa: PLC0415

    try:
        return read_symbiosis(settings.usage.database, settings.usage.homelab, settings.timezone), ""
    except AiopsError as error:
        return None, str(error)


def report_page(report: Report, zone: str) -> str:
    """The report as one HTML page.

    :raises SettingsError: the program that fills it in is not installed
    """
    try:
        from aiops.adapters.report_page import page  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise SettingsError("report --html", f"{error.name} is not installed: pip install 'aiops[incidents]'") from None
    return page(report, zone)


def send_usage(settings: Settings, sums: Sums) -> None:
    """On the workstation: send them, signed.

    :raises SettingsError: it is not set where to
    :raises RefusedError: the other side does not take it
    :raises BusError: it does not answer now
    """
    from aiops.adapters.signed_post import signed_post  # noqa: PLC0415

    its = settings.usage
    if not its.url or its.key_file is None:
        raise SettingsError("usage", "set url and key_file: where the sums are sent, and the key they are signed with")
    signed_post(its.url, secret(its.key_file), sums.model_dump(mode="json"))
