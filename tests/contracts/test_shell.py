"""The port Shell: the same cases on this machine and through a real sshd, then what only SSH can get wrong."""

import signal
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from aiops.adapters.local_shell import LocalShell, SplitShell
from aiops.adapters.ssh import FabricShell
from aiops.domain.host import Host
from aiops.errors import HostKeyError, HostTimeoutError, HostUnreachableError, SettingsError
from aiops.ports import Printed, Shell
from tests.contracts.sshd import Sshd, free_port, make_key, running


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Sshd]:
    with running(tmp_path) as sshd:
        yield sshd


@pytest.fixture
def ssh(server: Sshd) -> Iterator[FabricShell]:
    shell = FabricShell(server.user, server.key, server.known_hosts, connect_seconds=2)
    yield shell
    shell.close()


@dataclass
class Place:
    """A shell and a host it can reach."""

    shell: Shell
    host: Host

    def run(self, script: str, seconds: float = 20) -> Printed:
        return self.shell.run(self.host, script, seconds)


@pytest.fixture(params=["here", "through ssh"])
def place(request: pytest.FixtureRequest) -> Place:
    if request.param == "here":
        return Place(LocalShell(), Host(name="here", local=True))
    return Place(request.getfixturevalue("ssh"), request.getfixturevalue("server").host)


def test_output_errors_and_exit_code_are_kept_apart(place: Place) -> None:
    printed = place.run("echo out; echo err >&2; exit 7\n")
    assert (printed.stdout, printed.stderr, printed.code) == (b"out\n", b"err\n", 7)
    assert 0 < printed.seconds < 20


def test_every_byte_comes_through(place: Place) -> None:
    script = 'i=0; while [ $i -lt 256 ]; do printf "\\\\$(printf %03o $i)"; i=$((i+1)); done\n'
    assert place.run(script).stdout == bytes(range(256))


def test_much_on_both_streams_blocks_neither(place: Place) -> None:
    printed = place.run("head -c 3000000 /dev/zero >&2; head -c 3000000 /dev/zero; head -c 3000000 /dev/zero >&2\n")
    assert (len(printed.stdout), len(printed.stderr), printed.code) == (3_000_000, 6_000_000, 0)


def test_a_long_script_runs_to_its_end(place: Place) -> None:
    assert place.run("echo line\n" * 20_000).stdout.count(b"\n") == 20_000


def test_a_script_may_end_before_it_was_read(place: Place) -> None:
    assert place.run("exit 3\n" + "# filler\n" * 50_000).code == 3


@pytest.mark.parametrize(
    "script",
    [
        "sleep 60\n",
        "while :; do echo drip; sleep 0.05; done\n",
        "exec >/dev/null 2>&1; sleep 60\n",
        "trap '' HUP TERM INT PIPE; while :; do sleep 0.1; done\n",
    ],
    ids=["hangs", "drips", "closes its output", "ignores signals"],
)
def test_the_time_limit_is_hard(place: Place, script: str) -> None:
    started = time.monotonic()
    with pytest.raises(HostTimeoutError, match=r"within 1 s"):
        place.run(script, seconds=1)
    assert time.monotonic() - started < 4


def test_a_child_left_behind_never_holds_us_longer_than_the_time_limit(place: Place) -> None:
    started = time.monotonic()
    try:
        stdout = place.run("sleep 60 & echo done\n", seconds=1).stdout
    except HostTimeoutError:
        stdout = b"done\n"  # a shell may wait for whoever holds its output, as long as it ends in time
    assert stdout == b"done\n"
    assert time.monotonic() - started < 4


def test_after_a_timeout_the_next_run_works(place: Place) -> None:
    with pytest.raises(HostTimeoutError):
        place.run("sleep 60\n", seconds=0.5)
    assert place.run("echo again\n").stdout == b"again\n"


def test_a_flood_is_ended(place: Place) -> None:
    with pytest.raises(HostUnreachableError, match="printed more than"):
        place.run("cat /dev/zero\n", seconds=60)


def test_many_threads_may_use_it_together(place: Place) -> None:
    with ThreadPoolExecutor(8) as pool:
        outputs = list(pool.map(lambda number: place.run(f"echo {number}\n").stdout, range(16)))
    assert outputs == [f"{number}\n".encode() for number in range(16)]


def test_here_nothing_outlives_the_time_limit(tmp_path: Path) -> None:
    marker = tmp_path / "pid"
    with pytest.raises(HostTimeoutError):
        LocalShell().run(Host(name="here"), f"timeout 60 sh -c 'echo $$ > {marker}; sleep 60'\n", 1)
    pid = int(marker.read_text())
    deadline = time.monotonic() + 5
    while Path(f"/proc/{pid}/exe").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    with pytest.raises(OSError, match="No such"):
        Path(f"/proc/{pid}/exe").readlink()


def test_a_shell_that_cannot_be_started_is_unreachable() -> None:
    with pytest.raises(HostUnreachableError, match="no shell"):
        LocalShell(("/nosuch/sh",)).run(Host(name="here"), "exit\n", 5)


def test_local_hosts_are_looked_at_here_and_others_from_afar(ssh: FabricShell, server: Sshd) -> None:
    split = SplitShell(LocalShell(), ssh)
    before = server.logins()
    assert split.run(Host(name="here", local=True), "echo here\n", 10).stdout == b"here\n"
    assert server.logins() == before
    assert split.run(server.host, "echo ${SSH_CONNECTION:+afar}\n", 10).stdout == b"afar\n"
    split.close()


def test_one_connection_is_kept(ssh: FabricShell, server: Sshd) -> None:
    for _ in range(3):
        ssh.run(server.host, "true\n", 10)
    assert server.logins() == 1


def test_a_changed_host_key_is_refused(ssh: FabricShell, server: Sshd, tmp_path: Path) -> None:
    server.trust(make_key(tmp_path / "other"))
    with pytest.raises(HostKeyError) as caught:
        ssh.run(server.host, "true\n", 10)
    assert "not the one we trust" in caught.value.reason
    assert "aiops enroll" in caught.value.remedy
    assert server.logins() == 0


def test_an_unknown_host_is_refused_and_not_learnt(ssh: FabricShell, server: Sshd) -> None:
    server.known_hosts.write_text("")
    for _ in range(2):
        with pytest.raises(HostKeyError, match="not known here") as caught:
            ssh.run(server.host, "true\n", 10)
    assert "aiops enroll" in caught.value.remedy
    assert server.known_hosts.read_text() == ""
    assert server.logins() == 0


def test_a_missing_known_hosts_trusts_nobody(ssh: FabricShell, server: Sshd) -> None:
    server.known_hosts.unlink()
    with pytest.raises(HostKeyError, match="known_hosts cannot be read"):
        ssh.run(server.host, "true\n", 10)


def test_a_host_enrolled_since_is_known_at_once(ssh: FabricShell, server: Sshd) -> None:
    server.known_hosts.write_text("")
    with pytest.raises(HostKeyError):
        ssh.run(server.host, "true\n", 10)
    server.trust(server.host_key)
    assert ssh.run(server.host, "echo in\n", 10).stdout == b"in\n"


def test_a_closed_port_is_unreachable(ssh: FabricShell) -> None:
    with pytest.raises(HostUnreachableError, match="refused"):
        ssh.run(Host(name="gone", address="127.0.0.1", port=free_port()), "true\n", 10)


def test_a_host_that_is_off_leaves_no_traceback_in_the_log(
    ssh: FabricShell, server: Sshd, caplog: pytest.LogCaptureFixture
) -> None:
    server.send(signal.SIGSTOP, server.family())
    with pytest.raises(HostUnreachableError):
        ssh.run(server.host, "true\n", 10)
    assert "Traceback" not in caplog.text


def test_a_name_nobody_knows_is_unreachable(ssh: FabricShell) -> None:
    with pytest.raises(HostUnreachableError, match="cannot be resolved"):
        ssh.run(Host(name="gone", address="nosuch.invalid"), "true\n", 10)


def test_a_key_the_host_does_not_know_is_refused_and_no_other_is_tried(server: Sshd, tmp_path: Path) -> None:
    shell = FabricShell(server.user, make_key(tmp_path / "stranger"), server.known_hosts, connect_seconds=2)
    with pytest.raises(HostUnreachableError, match="refused the login"):
        shell.run(server.host, "true\n", 10)
    shell.close()


def test_a_key_file_that_is_none_is_a_matter_of_settings(server: Sshd, tmp_path: Path) -> None:
    (tmp_path / "noise").write_text("noise")
    for path in (tmp_path / "nosuch", tmp_path / "noise"):
        with pytest.raises(SettingsError, match="private key"):
            FabricShell(server.user, path, server.known_hosts)


def test_something_that_listens_and_says_nothing_is_unreachable(ssh: FabricShell) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        started = time.monotonic()
        with pytest.raises(HostUnreachableError):
            ssh.run(Host(name="silent", address="127.0.0.1", port=silent.getsockname()[1]), "true\n", 30)
        assert time.monotonic() - started < 10


def test_a_silent_host_never_costs_more_than_the_time_limit(ssh: FabricShell) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        started = time.monotonic()
        with pytest.raises((HostUnreachableError, HostTimeoutError)):
            ssh.run(Host(name="silent", address="127.0.0.1", port=silent.getsockname()[1]), "true\n", 0.5)
        assert time.monotonic() - started < 2


@pytest.mark.parametrize("kept", [False, True], ids=["at the first connection", "on a kept connection"])
def test_a_frozen_host_costs_its_time_and_comes_back(ssh: FabricShell, server: Sshd, kept: bool) -> None:  # noqa: FBT001
    if kept:
        ssh.run(server.host, "true\n", 10)
    frozen = server.family()
    server.send(signal.SIGSTOP, frozen)
    started = time.monotonic()
    with pytest.raises((HostUnreachableError, HostTimeoutError)):
        ssh.run(server.host, "true\n", 5)
    assert time.monotonic() - started < 7
    server.send(signal.SIGCONT, frozen)
    assert ssh.run(server.host, "echo back\n", 10).stdout == b"back\n"


def test_a_host_that_freezes_in_the_middle_ends_at_the_time_limit(ssh: FabricShell, server: Sshd) -> None:
    begun = server.folder / "begun"
    with ThreadPoolExecutor(1) as pool:
        run = pool.submit(ssh.run, server.host, f"touch {begun}; sleep 60\n", 3)
        deadline = time.monotonic() + 5
        while not begun.exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        assert begun.exists()
        server.send(signal.SIGSTOP, server.family())
        with pytest.raises(HostTimeoutError):
            run.result(timeout=8)


def test_a_host_that_freezes_at_the_login_did_not_refuse_it(ssh: FabricShell, server: Sshd) -> None:
    raised = next(filter(None, (_frozen_at_the_login(ssh, server) for _ in range(30))))
    assert "refused" not in str(raised)


def _frozen_at_the_login(ssh: FabricShell, server: Sshd) -> HostUnreachableError | HostTimeoutError | None:
    """What comes of a login whose server is stopped; None when it was over before."""
    with ThreadPoolExecutor(1) as pool:
        run = pool.submit(ssh.run, server.host, "true\n", 20)
        deadline = time.monotonic() + 5
        while not server.connections() and time.monotonic() < deadline:
            time.sleep(0.001)
        server.send(signal.SIGSTOP, server.connections())
        try:
            run.result(timeout=25)
        except (HostUnreachableError, HostTimeoutError) as error:
            return error
        finally:
            server.send(signal.SIGKILL, server.connections())
    ssh.close()
    return None


def test_a_kept_connection_that_was_killed_is_opened_again(ssh: FabricShell, server: Sshd) -> None:
    ssh.run(server.host, "true\n", 10)
    server.send(signal.SIGKILL, server.connections())
    assert ssh.run(server.host, "echo back\n", 10).stdout == b"back\n"
    assert server.logins() == 2


def test_a_server_that_was_restarted_is_reached_again(ssh: FabricShell, server: Sshd) -> None:
    ssh.run(server.host, "true\n", 10)
    server.stop()
    with pytest.raises(HostUnreachableError):
        ssh.run(server.host, "true\n", 10)
    server.start()
    assert ssh.run(server.host, "echo back\n", 10).stdout == b"back\n"


def test_a_connection_that_breaks_in_the_middle_of_its_first_use_is_unreachable(ssh: FabricShell, server: Sshd) -> None:
    with pytest.raises(HostUnreachableError):
        ssh.run(server.host, "kill -9 $PPID; sleep 5\n", 20)
