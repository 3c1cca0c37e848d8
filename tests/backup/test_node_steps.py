"""Port ``Nodes`` over a real sshd: a step is begun once, lives on without us, ends in its time, and its end is remembered."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from aiops.adapters.node_steps import NodeSteps
from aiops.adapters.ssh import FabricShell
from aiops.domain.host import Host
from aiops.errors import HostUnreachableError, RefusedError
from aiops.ports import Progress
from tests.contracts.sshd import Sshd, running

SCRIPT = Path(__file__).parents[2] / "ansible" / "run_step.sh"
RUN = "night-2026-11-23"
NASTY = "$(touch {place}) '\"; touch {place}\n__AIOPS_END__\n`touch {place}`"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    with running(tmp_path_factory.mktemp("sshd")) as made:
        yield made


class Node:
    def __init__(self, server: Sshd, folder: Path) -> None:
        self.server, self.folder, self.host = server, folder, server.host
        self.shell = FabricShell(server.user, server.key, server.known_hosts)
        self.steps = NodeSteps(self.shell, SCRIPT, root=True, folder=str(folder))

    def start(self, step: str, *argv: str, seconds: float = 60, fence: int = 1) -> Progress:
        return self.steps.start(self.host, RUN, fence, step, argv, seconds)

    def state(self, step: str, fence: int = 1) -> Progress:
        return self.steps.state(self.host, RUN, fence, step)

    def until(self, step: str, wanted: Callable[[Progress], bool], seconds: float = 60) -> Progress:
        deadline = time.monotonic() + seconds
        while not wanted(found := self.state(step)):
            assert time.monotonic() < deadline, found
            time.sleep(0.05)
        return found

    def ended(self, step: str) -> Progress:
        return self.until(step, lambda progress: progress.state == "done")


@pytest.fixture
def node(server: Sshd, tmp_path: Path) -> Iterator[Node]:
    made = Node(server, tmp_path / "node")
    yield made
    made.shell.close()


def test_a_step_is_begun_once_and_its_end_is_remembered(node: Node, tmp_path: Path) -> None:
    assert node.state("a").state == "absent"
    log = tmp_path / "log"
    node.start("a", "sh", "-c", f"echo said; echo ran >>{log}; exit 3")
    node.ended("a")
    again = node.start("a", "sh", "-c", f"echo ran >>{log}")
    assert (again.state, again.code, again.output) == ("done", 3, "said\n")
    assert log.read_text() == "ran\n"


def test_no_word_of_a_command_is_read_by_a_shell(node: Node, tmp_path: Path) -> None:
    word = NASTY.format(place=tmp_path / "pwned")
    node.start("a", "printf", "%s", word)
    assert node.ended("a").output == word
    assert not (tmp_path / "pwned").exists()


def test_a_step_lives_on_without_the_connection_that_began_it(node: Node, tmp_path: Path) -> None:
    go = tmp_path / "go"
    progress = node.start("a", "sh", "-c", f"while [ ! -e {go} ]; do sleep 0.05; done; echo through")
    assert progress.state == "running"
    node.shell.close()
    assert node.state("a").state == "running"
    go.touch()
    assert node.ended("a").output == "through\n"


def test_a_step_ends_in_its_time(node: Node) -> None:
    node.start("a", "sleep", "600", seconds=1)
    assert node.ended("a").code == 124


def test_a_stop_reaches_what_runs_and_lets_it_tidy_up(node: Node, tmp_path: Path) -> None:
    tidy = tmp_path / "tidy"
    node.start(
        "a", "sh", "-c", f"trap 'echo interrupted by signal; touch {tidy}; exit 255' TERM; while :; do sleep 0.1; done"
    )
    node.start("b", "true")
    node.steps.stop(node.host, RUN, 1)
    ended = node.ended("a")
    assert ended.code == 255
    assert ended.output.endswith("interrupted by signal\n")
    assert tidy.exists()
    assert node.state("b").code == 0


def test_an_older_fence_has_no_say_any_more(node: Node) -> None:
    node.start("a", "true", fence=5)
    node.start("b", "true", fence=7)
    with pytest.raises(RefusedError, match="fence 5 has no say"):
        node.start("c", "true", fence=5)
    with pytest.raises(RefusedError, match="fence 6"):
        node.state("a", fence=6)
    assert node.state("c", fence=7).state == "absent"


def test_a_step_whose_keeper_was_killed_is_lost_and_never_called_done(node: Node) -> None:
    node.start("a", "sleep", "600")
    session = (node.folder / RUN / "a" / "session").read_text().strip()
    for entry in Path("/proc").iterdir():
        with suppress(OSError, ValueError, IndexError):
            if (entry / "stat").read_text().rpartition(")")[2].split()[3] == session:
                os.kill(int(entry.name), signal.SIGKILL)
    assert node.until("a", lambda progress: progress.state != "running").state == "lost"


def test_a_folder_that_others_may_write_is_not_used(node: Node) -> None:
    node.folder.mkdir(mode=0o777)
    node.folder.chmod(0o777)
    with pytest.raises(RefusedError, match="not our own"):
        node.start("a", "true")


@pytest.mark.parametrize("name", ["../a", "a/b", ".a", "a b", ""])
def test_a_name_that_is_a_path_is_refused(node: Node, name: str) -> None:
    with pytest.raises(RefusedError, match="no name"):
        node.start(name, "true")


def test_a_host_that_does_not_let_us_in_does_not_answer(node: Node) -> None:
    assert node.steps.answers(node.host)
    nobody = Host(name="nobody", address="127.0.0.1", port=9)
    assert not node.steps.answers(nobody)
    with pytest.raises(HostUnreachableError):
        node.steps.state(nobody, RUN, 1, "a")
