"""What the detection account may do as root."""

import shutil
import subprocess
from pathlib import Path

import pytest

from aiops.detectors import load
from aiops.errors import SettingsError
from aiops.probes import Probe
from aiops.probes.sudoers import sudoers


def root(*argv: str) -> Probe[str]:
    return Probe("p", argv, str, sudo=True)


def test_every_probe_that_needs_root_and_no_other_is_allowed() -> None:
    probes = [probe for detector in load().values() for probe in detector.probes]
    lines = [line for line in sudoers("aiops", probes).splitlines() if "NOPASSWD" in line]
    needing = {probe for probe in probes if probe.sudo}
    assert len(lines) == len(needing)
    assert all(line.startswith("aiops ALL=(root) NOPASSWD: /usr/bin/timeout -k 2 ") for line in lines)
    assert {line.split()[7] for line in lines} == {probe.argv[0] for probe in needing}
    assert not [line for line in lines if set(line) & set("*?[")]


def test_visudo_accepts_the_list(tmp_path: Path) -> None:
    visudo = shutil.which("visudo", path="/usr/sbin:/usr/bin")
    assert visudo, "install sudo: this test needs its visudo"
    path = tmp_path / "aiops"
    awkward = root("/usr/bin/stat", "--format=%n:%s,%m", "/etc/a=b", "/srv/a,b:c")
    path.write_text(sudoers("aiops", [awkward, *(probe for each in load().values() for probe in each.probes)]))
    path.chmod(0o440)
    done = subprocess.run([visudo, "-cf", str(path)], capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_what_sudo_reads_as_syntax_is_escaped() -> None:
    assert r"--format\=%n\:%s\,%m" in sudoers("aiops", [root("/usr/bin/stat", "--format=%n:%s,%m")])


@pytest.mark.parametrize("argument", ["*", "a?b", "[a]", "!x", "a b", "a\\b", "a\nb", "", "^x$", "#1"])
def test_an_argument_that_sudo_would_read_as_a_pattern_is_refused(argument: str) -> None:
    with pytest.raises(SettingsError, match="exactly"):
        sudoers("aiops", [root("/usr/bin/cat", argument)])


def test_a_relative_command_is_refused() -> None:
    with pytest.raises(SettingsError, match="absolute"):
        sudoers("aiops", [root("cat", "/etc/shadow")])


@pytest.mark.parametrize("account", ["", "ALL", "a b", "%wheel", "root\nx ALL=(ALL) NOPASSWD: ALL"])
def test_an_account_that_is_no_name_is_refused(account: str) -> None:
    with pytest.raises(SettingsError, match="account"):
        sudoers(account, [])
