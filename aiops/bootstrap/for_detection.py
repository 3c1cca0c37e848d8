"""CT192: eyes."""

from pathlib import Path

from aiops import detectors, remediations
from aiops.bootstrap.shared import events, inventory
from aiops.bootstrap.witnesses import witnesses
from aiops.ports import DetectionServices, Events, Shell
from aiops.ports.enrolment import Enrolment, OldSystem
from aiops.probes import sudoers as sudo_list
from aiops.settings import Settings, credential


def detection(settings: Settings) -> DetectionServices:
    """CT192: eyes."""
    from aiops.adapters.web import PlainWeb  # noqa: PLC0415

    return DetectionServices(
        inventory=inventory(settings),
        shell=_shell(settings),
        web=PlainWeb(settings.web.ca_file),
        events=_events(settings),
        seconds_per_host=settings.ssh.host_seconds,
        threads=settings.ssh.threads,
        shard_size=settings.ssh.shard_size,
        thresholds=settings.detectors,
        witnesses=witnesses(settings),
    )


def _events(settings: Settings) -> Events:
    """Detection has no ledger to ask: while guardians are taken over one by one, what it says itself stays in shadow."""
    if settings.shadow != "untaken":
        return events(settings)
    from aiops.adapters.shadow_events import ShadowEvents  # noqa: PLC0415

    return ShadowEvents(events(settings))


def _shell(settings: Settings) -> Shell:
    """The machine itself directly; every other host over SSH, once an inventory is named."""
    from aiops.adapters.local_shell import LocalShell, SplitShell  # noqa: PLC0415

    if settings.fleet.inventory is None:
        return LocalShell()
    from aiops.adapters.ssh import FabricShell  # noqa: PLC0415

    ssh = settings.ssh
    remote = FabricShell(ssh.user, credential(ssh.key_file), ssh.known_hosts, ssh.connect_seconds)
    return SplitShell(LocalShell(), remote)


def sudoers(account: str) -> str:
    """The detection account's sudo list: exactly what the probes declare."""
    probes = [probe for detector in detectors.load().values() for probe in detector.probes]
    return sudo_list.sudoers(account, probes)


def enrolment(settings: Settings, login: str, identity: Path | None) -> Enrolment:
    """The way in for a host that is new; its key is kept where detection looks for it."""
    from aiops.adapters.enrolment import SshEnrolment  # noqa: PLC0415

    script = remediations.SHIPPED.parent / "enroll.sh"
    return SshEnrolment(settings.ssh.known_hosts, script, login=login, identity=identity)


def old_system(settings: Settings, login: str, identity: Path | None) -> OldSystem:
    """What an old system still starts by the clock, read over a human's own login."""
    from aiops.adapters.enrolment import SshEnrolment  # noqa: PLC0415
    from aiops.adapters.old_traces import OldTraces  # noqa: PLC0415

    folder = remediations.SHIPPED.parent
    way_in = SshEnrolment(settings.ssh.known_hosts, folder / "enroll.sh", login=login, identity=identity)
    return OldTraces(folder / "old_crons.sh", way_in)
