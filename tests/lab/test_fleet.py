import json
import os
import signal
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from lab import cgroups, enter
from tests.lab.running import PROJECT, Lab, lab, left_of

pytestmark = [pytest.mark.lab, pytest.mark.timeout(300)]


@pytest.fixture
def name(fleet: Lab) -> Iterator[str]:
    """A name for one more lab; whatever the test did to it, nothing of it may be left after `down`."""
    name = f"{fleet.name}-b"
    yield name
    lab("down", "--name", name)
    assert left_of(name) == []
    assert cgroups.find(name) is None


def wait_for(end: float, condition: object) -> bool:
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def test_every_host_has_booted_a_real_systemd(fleet: Lab) -> None:
    for host in ("ct201", "ct202"):
        inside = enter.find(host, fleet.name)
        assert inside.out("systemctl", "is-system-running") in ("running", "degraded")
        assert inside.out("cat", "/proc/1/comm") == "systemd"
        assert inside.out("hostname") == host


def test_hosts_differ_in_machine_id_and_host_key(fleet: Lab) -> None:
    ids = {enter.find(host, fleet.name).out("cat", "/etc/machine-id") for host in ("ct201", "ct202")}
    keys = {host["host_key"] for host in fleet.state["hosts"].values()}
    assert len(ids) == len(keys) == 2


def test_ssh_with_strict_host_keys_lets_the_account_in(fleet: Lab) -> None:
    ran = fleet.ssh("ct202", "hostname")
    assert (ran.returncode, ran.stdout) == (0, "ct202\n"), ran.stderr


def test_ssh_refuses_a_host_with_another_key(fleet: Lab, tmp_path: Path) -> None:
    swapped = tmp_path / "known_hosts"
    keys = fleet.state["hosts"]
    swapped.write_text(f"{fleet.address('ct201')} {keys['ct202']['host_key']}\n")
    ran = fleet.ssh("ct201", "true", known_hosts=swapped)
    assert ran.returncode == 255
    assert "REMOTE HOST IDENTIFICATION HAS CHANGED" in ran.stderr


def test_sudo_allows_what_the_sudoers_file_says_and_nothing_else(fleet: Lab) -> None:
    assert fleet.ssh("ct201", "sudo", "-n", "systemctl", "restart", "cron.service").returncode == 0
    refused = fleet.ssh("ct201", "sudo", "-n", "id")
    assert refused.returncode == 1
    assert "a password is required" in refused.stderr


def test_the_web_server_shows_a_certificate_of_the_labs_own_authority(fleet: Lab) -> None:
    context = ssl.create_default_context(cafile=fleet.state["ca"])
    context.check_hostname = False  # the address is the forwarder's; the name is compared below
    with urllib.request.urlopen(f"https://{fleet.address('ct201')}/", timeout=10, context=context) as answer:
        assert answer.status == 200


def test_a_closed_port_does_not_answer(fleet: Lab) -> None:
    inside = enter.find("ct202", fleet.name)
    inside.run("systemctl", "stop", "nginx.service")
    with pytest.raises((urllib.error.URLError, ConnectionError)):
        urllib.request.urlopen(f"http://{fleet.address('ct202')}/", timeout=5)
    inside.run("systemctl", "start", "nginx.service")


def test_the_inventory_names_the_addresses_ansible_needs(fleet: Lab) -> None:
    hosts = yaml.safe_load(Path(fleet.state["inventory"]).read_text())["lab"]["hosts"]
    assert hosts["ct201"] == {"ansible_host": fleet.address("ct201"), "ansible_port": 22, "aiops_role": "lab"}


def test_nothing_in_a_host_reaches_beyond_the_lab(fleet: Lab) -> None:
    inside = enter.find("ct201", fleet.name)
    assert not inside.ok("ping", "-c1", "-W1", "192.0.2.1")
    assert inside.out("sh", "-c", "cat /etc/apt/sources.list /etc/apt/sources.list.d/*") == (
        "deb [trusted=yes] file:/srv/lab-apt ./"
    )
    assert inside.ok("ping", "-c1", "-W1", "ct202")


def test_up_again_finds_the_same_lab(fleet: Lab, account: tuple[Path, str]) -> None:
    leader = enter.find("ct201", fleet.name).leader
    folder = fleet.state["folder"]
    again = lab("up", "--hosts", "2", "--name", fleet.name, "--dir", folder, "--account", account[1], "--json")
    assert json.loads(again.stdout) == fleet.state
    assert enter.find("ct201", fleet.name).leader == leader


def test_up_with_other_hosts_is_refused_while_the_lab_runs(fleet: Lab, account: tuple[Path, str]) -> None:
    refused = lab("up", "--hosts", "1", "--name", fleet.name, "--dir", fleet.state["folder"], "--account", account[1])
    assert refused.returncode == 64
    assert "lab down" in refused.stderr


def test_exec_hands_on_output_and_exit_status(fleet: Lab) -> None:
    ran = lab("exec", "--name", fleet.name, "ct201", "--", "sh", "-c", "echo $0 said; exit 7", "sh")
    assert (ran.returncode, ran.stdout) == (7, "sh said\n")


def test_a_host_survives_its_reboot(fleet: Lab) -> None:
    inside = enter.find("ct202", fleet.name)
    before = inside.leader
    inside.run("systemctl", "reboot", check=False)
    assert wait_for(
        time.monotonic() + 30, lambda: fleet.ssh("ct202", "true").returncode == 0 and inside.leader != before
    )
    assert inside.out("hostname") == "ct202"


def test_a_second_lab_has_other_addresses_and_its_own_hosts(fleet: Lab, name: str, tmp_path: Path) -> None:
    up = lab("up", "--hosts", "web,db", "--name", name, "--dir", str(tmp_path / "b"), "--json")
    assert up.returncode == 0, up.stderr
    there = {host["address"] for host in json.loads(up.stdout)["hosts"].values()}
    assert there.isdisjoint(host["address"] for host in fleet.state["hosts"].values())
    assert enter.find("web", name).out("hostname") == "web"
    assert lab("down", "--name", name).stdout == f"{name} is down\n"
    assert fleet.ssh("ct201", "true").returncode == 0
    assert not (tmp_path / "b").exists()


@pytest.mark.parametrize("seconds", [0.15, 0.3, 0.6, 0.9])
def test_nothing_is_left_when_up_is_killed_half_way(name: str, seconds: float, tmp_path: Path) -> None:
    argv = [sys.executable, "-m", "lab", "up", "--hosts", "2", "--name", name, "--dir", str(tmp_path / "lab")]
    process = subprocess.Popen(argv, cwd=PROJECT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(seconds)  # the moment is the test: before the keeper, while it mounts, while the hosts boot
    process.kill()
    process.wait()
    assert lab("down", "--name", name).returncode == 0
    assert not (tmp_path / "lab" / "hosts").exists()


def test_down_needs_no_state_file(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "lab"
    assert lab("up", "--hosts", "1", "--name", name, "--dir", str(folder)).returncode == 0
    (folder / "lab.json").unlink()
    assert lab("down", "--name", name).returncode == 0
    assert not folder.exists()


def test_up_replaces_a_lab_whose_keeper_was_killed(name: str, tmp_path: Path) -> None:
    argv = ("up", "--hosts", "1", "--name", name, "--dir", str(tmp_path / "lab"), "--json")
    os.kill(json.loads(lab(*argv).stdout)["keeper"], signal.SIGKILL)
    again = lab(*argv)
    assert again.returncode == 0, again.stderr
    assert enter.find("ct201", name).out("hostname") == "ct201"


def test_a_lab_ends_with_the_process_it_was_bound_to(name: str, tmp_path: Path) -> None:
    owner = subprocess.Popen(["sleep", "60"])
    up = lab("up", "--hosts", "1", "--name", name, "--dir", str(tmp_path / "lab"), "--die-with", str(owner.pid))
    assert up.returncode == 0, up.stderr
    owner.kill()
    owner.wait()
    assert wait_for(time.monotonic() + 15, lambda: cgroups.find(name) is None)
    assert wait_for(time.monotonic() + 5, lambda: not (tmp_path / "lab").exists())


def test_an_invalid_sudoers_file_is_refused_before_anything_runs(
    name: str, account: tuple[Path, str], tmp_path: Path
) -> None:
    (tmp_path / "sudoers").write_text("tester ALL=(root NOPASSWD: ALL\n")
    refused = lab("up", "--hosts", "1", "--name", name, "--account", f"tester:{account[0]}.pub:{tmp_path / 'sudoers'}")
    assert refused.returncode == 64
    assert "refused by visudo" in refused.stderr


def test_a_killed_build_leaves_neither_processes_nor_a_base(name: str, tmp_path: Path) -> None:
    environment = {**os.environ, "AIOPS_LAB_CACHE": str(tmp_path)}
    argv = [sys.executable, "-m", "lab", "up", "--hosts", "1", "--name", name]
    process = subprocess.Popen(argv, cwd=PROJECT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    assert wait_for(time.monotonic() + 30, (tmp_path / "bookworm-partial/root/etc").is_dir)
    building = [group for group in cgroups.builds() if process.pid in cgroups.processes(group)]
    process.kill()
    process.wait()
    assert lab("down", "--name", name, env=environment).returncode == 0
    assert [path.name for path in tmp_path.iterdir()] == ["bookworm.lock"]
    assert building
    assert not any(group.exists() for group in building)
