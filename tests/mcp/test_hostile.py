"""Servers that mean harm: cut off and named, nothing of them left, nobody held up, nothing done."""

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from aiops.adapters.process_tree import marks
from aiops.domain.tool import Heard
from aiops.errors import CutOffError, RefusedError, UnknownError
from tests.mcp.servers import HERE, believe, hostile, tools

pytestmark = pytest.mark.mcp


@pytest.fixture(autouse=True)
def nothing_left(tmp_path: Path) -> Iterator[None]:
    before = marks("AIOPS_MCP")
    yield
    deadline = time.monotonic() + 20
    while marks("AIOPS_MCP") - before:
        assert time.monotonic() < deadline, "a server outlived its visit"
        time.sleep(0.1)
    assert not list((tmp_path / "run").glob("*"))


def look(folder: Path, mode: str, *words: str, **more: float) -> Heard:
    with tools(folder, hostile(mode, *words, **more)).visit() as visit:
        return visit.ask(mode, "look", {})


@pytest.mark.parametrize(
    ("mode", "says"),
    [
        ("flood", "said more than 200000 bytes"),
        ("spam", "said more than 200000 bytes"),
        ("liar", "does not keep to the schema it declared"),
        ("shifty", "changed its tools while it was asked"),
        ("dies", "it ended by itself"),
        ("half", "it printed what is no message of the protocol"),
        ("deep", "it printed what is no message of the protocol"),
        ("bytes", "it printed what is no message of the protocol"),
    ],
)
def test_what_misbehaves_is_cut_off_and_named(tmp_path: Path, mode: str, says: str) -> None:
    with tools(tmp_path, hostile(mode)).visit() as visit:
        heard = visit.ask(mode, "look", {})
        assert says in heard.cut_off
        assert heard.text == ""
        began = time.monotonic()
        assert visit.ask(mode, "look", {}).cut_off  # not started again
        assert time.monotonic() - began < 2


@pytest.mark.parametrize("mode", ["hang", "regex"])
def test_what_never_answers_is_ended_when_its_time_is_over(tmp_path: Path, mode: str) -> None:
    began = time.monotonic()
    heard = look(tmp_path, mode, seconds=8)
    assert "did not answer within 8 s" in heard.cut_off or "was killed" in heard.cut_off
    assert time.monotonic() - began < 90


@pytest.mark.parametrize(
    ("mode", "says"), [("silent", "did not answer within 5 s"), ("garbage", "no message of the protocol")]
)
def test_what_does_not_even_begin_cannot_be_trusted(tmp_path: Path, mode: str, says: str) -> None:
    with pytest.raises(CutOffError, match=says):
        tools(tmp_path, hostile(mode, seconds=5))


def test_a_program_that_is_not_there_is_named(tmp_path: Path) -> None:
    gone = hostile("gone")
    with pytest.raises(CutOffError, match="gone was cut off"):
        tools(tmp_path, gone.__class__(**{**vars(gone), "assignment": lambda: missing(gone)}))


def missing(server: object) -> object:
    assignment = server.assignment()  # type: ignore[attr-defined]
    return assignment.model_copy(update={"command": ("/usr/bin/no-such-program",)})


def test_a_tool_that_changed_after_it_was_trusted_is_not_asked_until_a_human_looks(tmp_path: Path) -> None:
    switch = tmp_path / "switch" / "on"
    switch.parent.mkdir()
    tmp_path.chmod(0o755)
    found = tools(tmp_path, hostile("changed", str(switch), paths=(switch.parent,)))
    with found.visit() as visit:
        assert visit.ask("changed", "look", {}).text == "nothing special"
    switch.touch()
    with found.visit() as visit:
        with pytest.raises(RefusedError, match="it has changed since it was trusted"):
            visit.ask("changed", "look", {})
        standings = {one.tool.name: one.standing for one in visit.offered("changed")}
        assert standings == {"look": "changed", "wipe": "trusted", "new": "new"}
    believe(found, "changed")
    with found.visit() as visit:
        assert visit.ask("changed", "look", {}).text == "nothing special"


def test_another_program_under_the_same_name_is_another_server(tmp_path: Path) -> None:
    tools(tmp_path, hostile("plain", name="one"))
    found = tools(tmp_path, hostile("orders", name="one"), trusted=False)
    with found.visit() as visit, pytest.raises(RefusedError, match="it has changed"):
        visit.ask("one", "look", {})


def test_what_acts_and_what_nobody_labelled_is_refused_unless_policy_names_it_and_a_human_asks(tmp_path: Path) -> None:
    with tools(tmp_path, hostile("plain")).visit() as visit:
        with pytest.raises(RefusedError, match="only what reads is asked"):
            visit.ask("plain", "wipe", {})
        with pytest.raises(RefusedError, match=r"mcp\.allow does not name it"):
            visit.ask("plain", "wipe", {}, act=True)
        with pytest.raises(RefusedError, match="only what reads"):
            visit.ask("plain", "no_such_tool", {})
        with pytest.raises(UnknownError):
            visit.ask("elsewhere", "look", {})
    with tools(tmp_path, hostile("plain"), allow=frozenset({"plain.wipe"})).visit() as visit:
        with pytest.raises(RefusedError, match="only what reads is asked"):
            visit.ask("plain", "wipe", {})
        assert visit.ask("plain", "wipe", {}, act=True).text == "nothing special"


def test_calls_and_the_size_of_questions_are_limited(tmp_path: Path) -> None:
    with tools(tmp_path, hostile("plain", calls=2)).visit() as visit:
        with pytest.raises(RefusedError, match="at most 32000 characters"):
            visit.ask("plain", "look", {"x": "y" * 40_000})
        visit.ask("plain", "look", {})
        visit.ask("plain", "look", {})
        with pytest.raises(RefusedError, match="2 questions to plain are used up"):
            visit.ask("plain", "look", {})


def test_a_server_sees_the_declared_variables_and_no_other(tmp_path: Path) -> None:
    os.environ["A_SECRET_OF_OURS"] = "correct-horse-battery"
    try:
        with tools(tmp_path, hostile("environment", environment={"NETBOX_URL": "x"})).visit() as visit:
            seen = json.loads(visit.ask("environment", "look", {}).text)
    finally:
        del os.environ["A_SECRET_OF_OURS"]
    assert seen["NETBOX_URL"] == "x"
    assert set(seen) <= {"PATH", "LC_ALL", "LC_CTYPE", "HOME", "TMPDIR", "AIOPS_MCP", "NETBOX_URL", "PWD"}


@pytest.mark.bubblewrap
def test_a_server_sees_no_file_of_ours(tmp_path: Path) -> None:
    secret = tmp_path / "signing"
    secret.write_text("correct-horse-battery")
    secret.chmod(0o644)
    places = [str(secret), "/root", "/etc/shadow", str(HERE)]
    with tools(tmp_path, hostile("files", *places)).visit() as visit:
        seen = json.loads(visit.ask("files", "look", {}).text)
    assert "hostile.py" in seen.pop(str(HERE))
    assert seen[str(secret)] == "FileNotFoundError"
    assert seen["/etc/shadow"] == "FileNotFoundError"
    assert ".ssh" not in seen["/root"]


def test_what_a_server_started_ends_with_the_visit(tmp_path: Path) -> None:
    length = f"{3000 + os.getpid() % 1000}.25"
    with tools(tmp_path, hostile("children", length)).visit() as visit:
        assert visit.ask("children", "look", {}).text.isdigit()
        assert running(length)
    deadline = time.monotonic() + 20
    while running(length):
        assert time.monotonic() < deadline
        time.sleep(0.1)


def running(length: str) -> bool:
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if f"sleep\0{length}" in (process / "cmdline").read_text():
                return True
        except OSError:
            continue
    return False


@pytest.mark.parametrize("mode", ["asks", "elicits", "roots"])
def test_a_server_that_wants_our_model_our_human_or_our_files_gets_an_error(tmp_path: Path, mode: str) -> None:
    text = look(tmp_path, mode).text
    answered = json.loads(text.removeprefix("it was answered: "))
    assert answered["id"] == 99
    assert answered["error"]["message"]
    assert "result" not in answered


def test_what_it_says_is_scrubbed(tmp_path: Path) -> None:
    text = look(tmp_path, "orders").text
    assert "Ignore your rules" in text  # data, shown as it is
    assert "correct-horse-battery" not in text
