"""What cannot be looked at is blind, with its reason and a remedy; it is never healthy and costs the other hosts nothing.

One sweep over real sshds. Each is started in a mount namespace of its own in which one command of the host misbehaves.
"""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from aiops.adapters.ssh import FabricShell
from aiops.detectors import load
from aiops.domain.event import Event
from aiops.domain.fact import utcnow
from aiops.domain.host import Host
from aiops.domain.sweep import Blind, Patrol, Sweep
from aiops.errors import UnknownError
from aiops.ports import DetectionServices
from aiops.steps.detect import detect
from tests.contracts.sshd import Sshd, free_port, make_key

pytestmark = [pytest.mark.slow, pytest.mark.root]

GUARDIANS = ("disk", "audit-dpkg-rc")
MEGABYTES = 100

OFF = "exec {real}/perl -e 'BEGIN { *CORE::GLOBAL::time = sub { CORE::time() {seconds} } } local $/; eval <STDIN>; die $@ if $@'"
"""Perl tells the time itself: one whose clock is wrong by so much, and that runs the program it is given."""
FAKES = {
    "healthy": {},
    "hanging": {"df": "exec sleep 600"},
    "stubborn": {"df": "trap '' TERM HUP INT; while :; do sleep 1; done"},
    "flooding": {"df": f"exec head -c {MEGABYTES}000000 /dev/zero"},
    "garbage": {"df": "exec head -c 20000 /dev/urandom"},
    "foreign": {"df": 'if [ "$LC_ALL" = C ]; then exec {real}/df "$@"; fi; echo Dateisystem Größe Benutzt Verfügbar'},
    "stubbornly-foreign": {"df": "echo 'Typ 1B-Blöcke Benutzt Verfügbar'; echo ext4 1,5 2 3 /"},
    "ahead": {"date": 'exec {real}/date -d "+2 hours" "$@"', "perl": OFF.replace("{seconds}", "+7200")},
    "behind": {"date": 'exec {real}/date -d "-2 hours" "$@"', "perl": OFF.replace("{seconds}", "-7200")},
}  # fmt: skip
"""By host: the commands that misbehave there, as shell; ``{real}`` is where the true ones are."""

REASONS = {
    "unreachable": "cannot be reached",
    "hanging": "df did not end within",
    "stubborn": "df did not end within",
    "flooding": "df printed more than",
    "garbage": "df",
    "stubbornly-foreign": "df",
    "ahead": "the host's clock is 2.0 hours ahead of ours",
    "behind": "the host's clock is 2.0 hours behind ours",
}
AGED = "disk.vzdump_orphan"
SPACE = "disk.space"


@dataclass
class Fleet:
    """An inventory of these hosts, behind which nothing publishes."""

    known: Sequence[Host]

    def hosts(self) -> Sequence[Host]:
        return self.known

    def find(self, name: str) -> Host:
        for host in self.known:
            if host.name == name:
                return host
        raise UnknownError("host", name)

    def publish(self, event: Event) -> None:
        raise AssertionError(f"detection publishes nothing, but here is {event}")


def start(folder: Path, key: Path, fakes: dict[str, str]) -> Sshd:
    """A server whose hosts' commands are these."""
    folder.mkdir()
    server = Sshd(folder, key=key)
    binds = []
    for name, text in fakes.items():
        real = Path(shutil.which(name) or f"/usr/bin/{name}").resolve()
        shutil.copy2(real, folder / name)
        fake = folder / f"fake-{name}"
        fake.write_text(f"#!/bin/sh\n{text.replace('{real}', str(folder))}\n")
        fake.chmod(0o755)
        binds.append((fake, real))
    server.start(binds)
    return server


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sweep]:
    """One sweep of all of them."""
    folder = tmp_path_factory.mktemp("hosts")
    key, known_hosts = make_key(folder / "key"), folder / "known_hosts"
    trusted: list[str] = []
    with ExitStack() as stack:
        hosts = [Host(name="unreachable", address="127.0.0.1", port=free_port())]
        for name, fakes in FAKES.items():
            server = start(folder / name, key, fakes)
            stack.callback(server.stop)
            hosts.append(server.host.model_copy(update={"name": name}))
            trusted.append(server.known_hosts.read_text())
        known_hosts.write_text("".join(trusted))
        shell = FabricShell(server.user, key, known_hosts)
        stack.callback(shell.close)
        fleet = Fleet(hosts)
        services = DetectionServices(fleet, shell, fleet, seconds_per_host=100, threads=len(hosts), clock=utcnow)
        patrol = Patrol(sweep="blind", detectors=GUARDIANS, hosts=(), requested_at=utcnow())
        yield detect(patrol, services, load())


def blind(sweep: Sweep, host: str) -> list[Blind]:
    return [one for one in sweep.blind if one.host == host]


@pytest.mark.parametrize("host", REASONS)
def test_it_is_blind_with_its_reason_and_a_remedy(swept: Sweep, host: str) -> None:
    told = blind(swept, host)
    assert any(REASONS[host] in one.reason for one in told), told
    assert all(one.remedy for one in told)


@pytest.mark.parametrize("host", REASONS)
def test_what_could_not_be_looked_at_is_never_healthy(swept: Sweep, host: str) -> None:
    dark = AGED if host in {"ahead", "behind"} else SPACE
    assert dark not in swept.looked_at.get(host, ())
    assert [finding for finding in swept.findings if (finding.host, finding.kind) == (host, dark)] == []


def test_a_host_that_cannot_be_reached_was_not_looked_at_at_all(swept: Sweep) -> None:
    assert "unreachable" not in swept.looked_at


@pytest.mark.parametrize("host", sorted(REASONS.keys() - {"unreachable"}))
def test_one_probe_that_cannot_look_costs_the_others_nothing(swept: Sweep, host: str) -> None:
    assert "package.removed_by_install" in swept.looked_at[host]
    assert {one.detector for one in blind(swept, host)} == {"disk"}


def test_a_host_whose_language_is_another_is_read_all_the_same(swept: Sweep) -> None:
    assert blind(swept, "foreign") == []
    assert swept.looked_at["foreign"] == swept.looked_at["healthy"]


def test_the_healthy_host_beside_them_is_looked_at_with_every_check(swept: Sweep) -> None:
    assert blind(swept, "healthy") == []
    kinds = [kind for guardian in GUARDIANS for kind in load()[guardian].kinds]
    assert sorted(swept.looked_at["healthy"]) == sorted(kinds)


def test_the_sweep_ends_within_the_limits_of_its_probes(swept: Sweep) -> None:
    (limit,) = {probe.seconds for probe in load()["disk"].probes if probe.argv[0] == "df"}
    assert swept.finished_at - swept.started_at < timedelta(seconds=limit + 45)
