"""One script per host: nothing is lost on its way, and nothing can be forged."""

import subprocess
import time
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aiops.adapters.local_shell import LocalShell
from aiops.detectors import load
from aiops.domain.host import Host
from aiops.probes import Probe, UnreadableError
from aiops.probes.answer import Answer, read
from aiops.probes.dialects import written
from aiops.probes.script import Script, assemble

HERE = Host(name="here", local=True)
MARK = "0123456789abcdef0123456789abcdef"


def probe(name: str, *argv: str, **more: object) -> Probe[str]:
    return Probe(name, argv, str, **more)  # type: ignore[arg-type]  # each test gives fields of the right type


Run = Callable[[Script], bytes]


@pytest.fixture(params=[True, False], ids=["perl", "the shell alone"], scope="module")
def printed(request: pytest.FixtureRequest) -> Run:
    """What the script prints here, in each of its dialects."""

    def run(script: Script) -> bytes:
        text = written(script.mark, script.probes, perl=request.param)
        assert text == script.text or not request.param
        return LocalShell().run(HERE, text, 20).stdout

    return run


Framed = Callable[[Script, list[tuple[bytes, bytes, int]]], bytes]


def counted(script: Script, outputs: list[tuple[bytes, bytes, int]]) -> bytes:
    """As perl says it."""
    printed = f"\n{script.mark} start\n".encode()
    for number, (stdout, stderr, code) in enumerate(outputs):
        printed += f"\n{script.mark} {number} raw {len(stdout)} {len(stderr)} {code}\n".encode() + stdout + stderr
    return printed + f"\n{script.mark} stop\n".encode()


def spelled(script: Script, outputs: list[tuple[bytes, bytes, int]]) -> bytes:
    """As the shell says it."""
    lines = [f"{script.mark} start"]
    for number, (stdout, stderr, code) in enumerate(outputs):
        lines += [f"{script.mark} {number} out {b64encode(stdout).decode()}"]
        lines += [f"{script.mark} {number} end :{code}:{b64encode(stderr).decode()}"]
    return "\n".join(["", *lines, ""]).encode()


hostile = st.one_of(
    st.binary(max_size=400),
    st.lists(
        st.sampled_from(
            [
                MARK,
                " 0 out ",
                " 1 out ",
                " 1 end ",
                " 0 raw ",
                " 1 raw 1 0 0",
                ":0:",
                "\n",
                "\r\n",
                " start",
                " powerless",
                "QQ==",
                "\0",
            ]
        )
    ).map(lambda parts: "".join(parts).encode()),
)


dialects = pytest.mark.parametrize("framed", [counted, spelled])


@dialects
@given(outputs=st.lists(st.tuples(hostile, hostile, st.integers(0, 255)), min_size=1, max_size=4))
def test_whatever_a_probe_prints_comes_back_as_it_was(framed: Framed, outputs: list[tuple[bytes, bytes, int]]) -> None:
    script = assemble([probe(f"p{number}", "true") for number in range(len(outputs))], MARK)
    answers = script.answers(framed(script, outputs))
    assert [answers[each] for each in script.probes] == [Answer(*output) for output in outputs]


@dialects
@given(before=st.binary(max_size=300), after=st.binary(max_size=300))
def test_what_is_printed_around_the_frames_changes_nothing(framed: Framed, before: bytes, after: bytes) -> None:
    script = assemble([probe("p", "true")], MARK)
    answers = script.answers(before + framed(script, [(b"out", b"err", 3)]) + after)
    assert answers[script.probes[0]] == Answer(b"out", b"err", 3)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(stdout=hostile, stderr=hostile)
def test_a_real_shell_carries_any_bytes_even_those_that_know_the_mark(
    printed: Run, tmp_path: Path, stdout: bytes, stderr: bytes
) -> None:
    (tmp_path / "out").write_bytes(stdout)
    (tmp_path / "err").write_bytes(stderr)
    both = probe(
        "both", "sh", "-c", 'cat "$1"; cat "$2" >&2; exit 3', "sh", str(tmp_path / "out"), str(tmp_path / "err")
    )
    victim = probe("victim", "echo", "untouched")
    script = assemble([both, victim], MARK)
    answers = script.answers(printed(script))
    assert answers[both] == Answer(stdout, stderr, 3)
    assert answers[victim] == Answer(b"untouched\n", b"", 0)


@given(st.text(st.characters(blacklist_characters="\0", blacklist_categories=["Cs"]), max_size=40))
@settings(max_examples=25, deadline=None)
def test_an_argument_reaches_the_command_as_it_is(printed: Run, argument: str) -> None:
    asked = probe("asked", "printf", "%s", argument)
    script = assemble([asked])
    answer = script.answers(printed(script))[asked]
    assert isinstance(answer, Answer)
    assert answer.stdout == argument.encode()


def test_two_scripts_have_different_marks() -> None:
    assert assemble([]).mark != assemble([]).mark


def test_a_probe_that_many_checks_read_runs_once() -> None:
    assert len(assemble([probe("p", "true"), probe("q", "true"), probe("p", "true")]).probes) == 2


@pytest.mark.parametrize("cut", [0.3, 0.6, 0.9])
def test_a_script_cut_short_on_its_way_does_nothing(cut: float, tmp_path: Path) -> None:
    script = assemble([probe("p", "touch", str(tmp_path / "done"))])
    text = script.text[: int(len(script.text) * cut)]
    subprocess.run(["sh", "-s"], input=text.encode(), capture_output=True, timeout=20, check=False)
    assert not (tmp_path / "done").exists()


def test_the_script_satisfies_shellcheck(tmp_path: Path) -> None:
    probes = [probe for detector in load().values() for probe in detector.probes]
    path = tmp_path / "script.sh"
    path.write_text(assemble(probes).text, encoding="utf-8")
    done = subprocess.run(
        ["shellcheck", "-s", "sh", str(path)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout == ""
    assert done.returncode == 0


def test_the_program_is_strict_though_it_does_not_load_strict_on_each_host() -> None:
    script = assemble(probe for detector in load().values() for probe in detector.probes)
    program = script.text.partition(f"<<'{script.mark}'\n")[2].partition(f"\n{script.mark}\n")[0]
    done = subprocess.run(
        ["perl", "-Mstrict", "-Mwarnings", "-c"], input=program, capture_output=True, text=True, timeout=20, check=False
    )
    assert program
    assert done.stderr == "- syntax OK\n"


def test_a_host_that_runs_something_else_did_not_run_the_script() -> None:
    with pytest.raises(UnreadableError, match="This account is currently not available"):
        assemble([probe("p", "true")]).answers(b"This account is currently not available.\n")


@dialects
@pytest.mark.parametrize("kept", range(1, 12))
def test_output_that_was_cut_short_is_unreadable_and_what_came_before_is_not(framed: Framed, kept: int) -> None:
    script = assemble([probe("first", "true"), probe("second", "true")], MARK)
    whole = framed(script, [(b"1", b"", 0), (b"22222222", b"222", 0)])
    answers = script.answers(whole[: whole.index(b" 1 " + (b"raw" if framed is counted else b"out")) + kept])
    assert answers[script.probes[0]] == Answer(b"1", b"", 0)
    assert isinstance(answers[script.probes[1]], UnreadableError)


@dialects
def test_a_missing_frame_is_unreadable_and_the_others_are_not(framed: Framed) -> None:
    script = assemble([probe("first", "true"), probe("second", "true")], MARK)
    whole = framed(script, [(b"1", b"", 0), (b"2", b"", 0)])
    answers = script.answers(whole[: whole.index(f"{MARK} 1 ".encode())])
    assert answers[script.probes[0]] == Answer(b"1", b"", 0)
    assert isinstance(answers[script.probes[1]], UnreadableError)


@dialects
def test_a_frame_that_comes_twice_is_believed_neither_time(framed: Framed) -> None:
    script = assemble([probe("p", "true")], MARK)
    twice = framed(script, [(b"first", b"", 0)]) + framed(script, [(b"second", b"", 0)])
    assert isinstance(script.answers(twice)[script.probes[0]], UnreadableError)


def refused(printed: Run, asked: Probe[str]) -> UnreadableError:
    script = assemble([asked])
    answer = script.answers(printed(script))[asked]
    assert isinstance(answer, Answer)
    with pytest.raises(UnreadableError) as caught:
        read(asked, answer)
    return caught.value


def test_what_perl_says_itself_is_what_the_command_says(printed: Run) -> None:
    now, mounts, missing = (
        probe("now", "date", "+%s"),
        probe("mounts", "cat", "/proc/self/mountinfo"),
        probe("missing", "cat", "/proc/self/nothing"),
    )
    script = assemble([now, mounts, missing])
    before = int(time.time())
    answers = script.answers(printed(script))
    assert before <= int(read(now, answers[now])) <= int(time.time())
    assert read(mounts, answers[mounts]) == Path("/proc/self/mountinfo").read_text(encoding="utf-8")
    with pytest.raises(UnreadableError, match="cat ended with 1: cat: /proc/self/nothing: No such file"):
        read(missing, answers[missing])


def test_what_perl_reads_itself_has_the_same_limit(printed: Run) -> None:
    mounts = probe("mounts", "cat", "/proc/self/mountinfo", limit=20)
    script = assemble([mounts])
    with pytest.raises(UnreadableError, match="printed more than 20 bytes"):
        read(mounts, script.answers(printed(script))[mounts])


def test_a_missing_command_is_named_with_its_package(printed: Run) -> None:
    error = refused(printed, probe("p", "nosuch-command"))
    assert "nosuch-command is not there" in error.reason
    assert error.remedy == "install nosuch-command"


def test_a_missing_command_costs_the_others_nothing_however_much_they_print(printed: Run) -> None:
    """Answers wait to be said together; the process that could not become a command must not say them a second time."""
    probes = [
        probe("small", "echo", "one"),
        probe("missing", "nosuch-command"),
        probe("large", "head", "-c", "300000", "/dev/zero"),
        probe("absent", "no-such-command"),
        probe("last", "echo", "two"),
    ]
    script = assemble(probes)
    answers = script.answers(printed(script))
    read_ones = [answer.stdout for answer in answers.values() if isinstance(answer, Answer)]
    assert read_ones == [b"one\n", b"", bytes(300_000), b"", b"two\n"]
    assert [answer.code for answer in answers.values() if isinstance(answer, Answer)] == [0, 127, 0, 127, 0]


def test_a_command_that_hangs_is_ended(printed: Run) -> None:
    assert refused(printed, probe("p", "sleep", "20", seconds=1)).reason == "sleep did not end within 1 s"


def test_a_command_that_ignores_its_end_is_killed(printed: Run) -> None:
    stubborn = probe("p", "sh", "-c", "trap '' TERM; while :; do sleep 0.1; done", seconds=1)
    assert refused(printed, stubborn).reason == "sh did not end within 1 s"


def test_an_exit_code_nobody_expects_is_no_answer(printed: Run) -> None:
    error = refused(printed, probe("p", "sh", "-c", "echo half; echo broken >&2; exit 4"))
    assert error.reason == "sh ended with 4: broken"


def test_too_much_output_is_no_answer(printed: Run) -> None:
    assert (
        refused(printed, probe("p", "head", "-c", "2000", "/dev/zero", limit=1999)).reason
        == "head printed more than 1999 bytes"
    )


def test_output_up_to_the_limit_is_an_answer(printed: Run) -> None:
    asked = probe("p", "head", "-c", "1999", "/dev/zero", limit=1999)
    script = assemble([asked])
    answer = script.answers(printed(script))[asked]
    assert isinstance(answer, Answer)
    assert len(read(asked, answer)) == 1999


def test_a_probe_gets_no_standard_input_and_the_same_surroundings_everywhere(printed: Run) -> None:
    asked = probe("p", "sh", "-c", 'cat; echo "$LC_ALL $TZ $PATH"')
    script = assemble([asked])
    answer = script.answers(printed(script))[asked]
    assert isinstance(answer, Answer)
    assert answer.stdout == b"C UTC /usr/sbin:/usr/bin:/sbin:/bin\n"


@pytest.mark.parametrize(
    "answer",
    [Answer(powerless=True), Answer(stderr=b"sudo: a password is required\n", code=1)],
    ids=["no sudo at all", "sudo says no"],
)
def test_without_sudo_the_remedy_is_the_sudo_list(answer: Answer) -> None:
    asked = probe("p", "/usr/bin/true", sudo=True, codes=(0, 1))
    with pytest.raises(UnreadableError) as caught:
        read(asked, answer)
    assert "aiops sudoers" in caught.value.remedy


def test_who_else_is_on_the_host_never_sees_the_mark(printed: Run) -> None:
    seen = probe("seen", "ps", "-e", "-ww", "-o", "args=")
    script = assemble([seen])
    answer = script.answers(printed(script))[seen]
    assert isinstance(answer, Answer)
    assert answer.stdout
    assert script.mark.encode() not in answer.stdout


def test_a_child_that_is_left_behind_ends_with_its_probe() -> None:
    asked = probe("p", "sh", "-c", "sleep 60 & echo done", seconds=1)
    after = probe("after", "echo", "here")
    script = assemble([asked, after])
    answers = script.answers(LocalShell().run(HERE, script.text, 20).stdout)
    assert answers[asked] == Answer(b"done\n", b"", 124)
    assert answers[after] == Answer(b"here\n", b"", 0)


@pytest.mark.parametrize("size", [0, 1, 2, 3, 44, 45, 46, 65535, 65536, 65537, 300_000])
def test_every_length_comes_back_whole(printed: Run, tmp_path: Path, size: int) -> None:
    (tmp_path / "file").write_bytes(bytes(number % 251 for number in range(size)))
    asked = probe("p", "cat", str(tmp_path / "file"))
    script = assemble([asked])
    assert script.answers(printed(script))[asked] == Answer((tmp_path / "file").read_bytes(), b"", 0)
