"""The host's side of the fence, as a program."""

import fcntl
import shutil
import subprocess
from pathlib import Path

import pytest

from aiops.remediations import SHIPPED

SCRIPT = SHIPPED.parent / "fence.sh"
BUSY, FENCED = 75, 76


class Fence:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, *arguments: str, give: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        argv = ["/bin/sh", str(self.folder / "fence.sh"), *arguments]
        return subprocess.run(argv, input=give, capture_output=True, timeout=30, check=False)

    def code(self, *arguments: str) -> int:
        return self(*arguments).returncode


@pytest.fixture
def fence(tmp_path: Path) -> Fence:
    shutil.copy(SCRIPT, tmp_path / "fence.sh")
    return Fence(tmp_path)


def test_the_first_run_stamps_the_host_and_may_work(fence: Fence) -> None:
    assert fence.code("acquire", "5", "p1") == 0
    done = fence("run", "5", "cat", give=b"hello")
    assert (done.returncode, done.stdout) == (0, b"hello")


def test_the_user_that_ansible_adds_is_passed_over(fence: Fence) -> None:
    fence("acquire", "5", "p1")
    assert fence("run", "5", "-u", "root", "echo", "-u", "x").stdout == b"-u x\n"


def test_the_exit_code_is_the_commands_own(fence: Fence) -> None:
    fence("acquire", "5", "p1")
    assert fence.code("run", "5", "sh", "-c", "exit 42") == 42


def test_a_command_of_an_older_run_is_refused(fence: Fence) -> None:
    fence("acquire", "5", "p1")
    fence("acquire", "6", "p2")
    refused = fence("run", "5", "touch", str(fence.folder / "harm"))
    assert refused.returncode == FENCED
    assert b"aiops-fence: p2 has this host with fence 6; fence 5 has no say" in refused.stderr
    assert not (fence.folder / "harm").exists()
    assert fence.code("run", "6", "true") == 0


def test_a_command_that_comes_before_its_stamp_is_refused(fence: Fence) -> None:
    assert fence.code("run", "5", "true") == FENCED
    fence("acquire", "5", "p1")
    assert fence.code("run", "6", "true") == FENCED


@pytest.mark.parametrize(
    ("again", "plan", "code"), [("5", "p1", 0), ("5", "p2", FENCED), ("4", "p1", FENCED), ("6", "p2", 0)]
)
def test_only_a_higher_fence_or_the_same_run_stamps_again(fence: Fence, again: str, plan: str, code: int) -> None:
    fence("acquire", "5", "p1")
    assert fence.code("acquire", again, plan) == code
    assert fence.code("run", "5", "true") == (FENCED if again == "6" else 0)


def test_fences_are_compared_as_numbers(fence: Fence) -> None:
    fence("acquire", "1795417200123", "p1")
    assert fence.code("acquire", "999999999999", "p2") == FENCED
    assert fence.code("acquire", "1795417200124", "p2") == 0


@pytest.mark.parametrize("number", ["", "x", "-1", "1 2", "5; touch /x", "0x5"])
def test_something_that_is_no_number_is_refused(fence: Fence, number: str) -> None:
    assert fence.code("acquire", number, "p1") == FENCED
    assert fence.code("run", number, "true") == FENCED


@pytest.mark.parametrize("stamp", ["", "garbage", "x p1\n", "\0\0\0"])
def test_a_stamp_that_cannot_be_read_stops_everything(fence: Fence, stamp: str) -> None:
    (fence.folder / "stamp").write_text(stamp)
    assert fence.code("run", "5", "true") == FENCED
    assert fence.code("acquire", "5", "p1") == FENCED


def test_while_a_command_works_a_newer_run_is_told_to_come_later(fence: Fence) -> None:
    fence("acquire", "5", "p1")
    argv = ["/bin/sh", str(fence.folder / "fence.sh"), "run", "5", "sh", "-c", "echo begun; exec cat"]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as orphan:
        assert orphan.stdout is not None
        assert orphan.stdin is not None
        assert orphan.stdout.readline() == b"begun\n"
        refused = fence("acquire", "6", "p2")
        orphan.stdin.close()
    assert refused.returncode == BUSY
    assert b"still working" in refused.stderr
    assert fence.code("acquire", "6", "p2") == 0


def test_a_service_that_a_command_starts_does_not_keep_the_lock(fence: Fence) -> None:
    fence("acquire", "5", "p1")
    started = fence("run", "5", "sh", "-c", "sleep 20 >/dev/null 2>&1 </dev/null & echo $!")
    with (fence.folder / "lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    subprocess.run(["kill", started.stdout.decode().strip()], check=True)


def test_it_is_clean_for_shellcheck() -> None:
    program = shutil.which("shellcheck")
    assert program, "shellcheck is not installed"
    checked = subprocess.run([program, str(SCRIPT)], capture_output=True, check=False, text=True)
    assert checked.stdout == ""
