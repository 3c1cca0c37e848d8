"""What Ansible printed inside Semaphore, read back."""

from aiops.adapters.semaphore_api import Line
from aiops.adapters.semaphore_output import played, read, text_of
from tests.semaphore.server import ansible


def lines(*texts: str) -> list[Line]:
    return [Line(output=text, time=f"2026-11-23T12:00:{index:02}Z") for index, text in enumerate(texts)]


TASK = "TASK [Restart nginx] *****"
RECAP = "PLAY RECAP *****"
FINE = "web1 : ok=2 changed=1 unreachable=0 failed=0 skipped=3 rescued=0 ignored=0"


def test_a_task_s_seconds_come_from_the_lines_times() -> None:
    record = read(lines("PLAY [x] ***", TASK, "", "", "changed: [web1]", RECAP, FINE))
    assert [(end.task, end.status, end.seconds) for end in record.ends] == [("Restart nginx", "changed", 3.0)]
    assert record.recap == {"web1": {"ok": 2, "changed": 1, "unreachable": 0, "failures": 0, "skipped": 3}}


def test_colours_and_items_and_delegation_do_not_hide_a_line() -> None:
    record = read(
        lines(
            TASK, "\x1b[0;33mchanged: [web1] => (item=a)\x1b[0m", "ok: [web1 -> ct196(192.0.2.1)]", "skipping: [web2]"
        )
    )
    assert [(end.host, end.status) for end in record.ends] == [("web1", "changed"), ("web1", "ok"), ("web2", "skipped")]


def test_a_failure_that_is_ignored_is_no_failure() -> None:
    texts = (
        TASK,
        'fatal: [web1]: FAILED! => {"msg": "first"}',
        "...ignoring",
        'fatal: [web1]: FAILED! => {"msg": "second"}',
    )
    record = read(lines(*texts))
    assert [end.ignored for end in record.ends] == [True, False]
    assert record.reason() == "web1: Restart nginx: second"


def test_a_result_over_many_lines_is_read_as_one() -> None:
    record = read(
        lines(
            TASK,
            "fatal: [web1]: FAILED! => {",
            '    "assertion": false,',
            '    "msg": "no"',
            "}",
            "...ignoring",
            RECAP,
            FINE,
        )
    )
    assert [(end.message, end.ignored) for end in record.ends] == [("no", True)]
    assert list(record.recap) == ["web1"]


def test_a_result_that_is_cut_off_is_still_a_failure() -> None:
    assert read(lines(TASK, "fatal: [web1]: FAILED! => {", '    "msg": "no"')).reason() == "web1: Restart nginx: {"


def test_what_stands_after_the_arrow_need_not_be_json() -> None:
    assert read(lines(TASK, "fatal: [web1]: FAILED! => not { json")).reason() == "web1: Restart nginx: not { json"
    assert read(lines(TASK, "fatal: [web1]: FAILED! => [1]")).reason() == "web1: Restart nginx: [1]"


def test_only_the_last_recap_counts() -> None:
    imitation = [RECAP, "web2 : ok=9 changed=0 unreachable=0 failed=0"]
    record = read(lines(TASK, *imitation, "ok: [web1]", RECAP, FINE, "", "Playbook run took 0 days"))
    assert list(record.recap) == ["web1"]
    assert not record.succeeded(["web1", "web2"])


def test_an_output_without_recap_proves_no_end() -> None:
    record = read(lines(TASK, "ok: [web1]"))
    assert record.recap == {}
    assert not record.succeeded(["web1"])


def test_before_the_first_play_nothing_was_played() -> None:
    assert not played(lines("Cloning", "Preparing: 21", "Running galaxy failed: PLAY"))
    assert played([Line(output=text) for text in ansible(["web1"])])
    assert played(lines("PLAY ****"))


def test_control_characters_are_taken_out_and_letters_are_not() -> None:
    assert text_of(lines("\x1b[31mréd\x1b[0m\x07", "two\x1b]0;title\x07")) == "réd\ntwo]0;title"


def test_times_that_cannot_be_compared_are_no_reason_to_fail() -> None:
    record = read(
        [
            Line(output=TASK, time="2026-11-23T12:00:00"),
            Line(output="ok: [web1]", time="2026-11-23T12:00:09Z"),
            Line(output="x"),
        ]
    )
    assert record.ends[0].seconds == 0.0
