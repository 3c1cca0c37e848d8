"""What a tool printed, made short: lines go, errors and verdicts never."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aiops.adapters.file_archive import FileArchive
from aiops.condense import SHORT, condense, digest_of, recognise
from aiops.condense.lines import clip, is_error
from aiops.errors import UnknownError
from aiops.steps import shorten

OUTPUTS = Path(__file__).parent / "outputs"
COMMANDS = (
    "ansible-playbook site.yml",
    "apt-get install x",
    "unattended-upgrade --debug",
    "dpkg -l",
    "pip install x",
    "npm install",
    "npm ls --all",
    "git log",
    "git diff",
    "git status",
    "pytest -v",
    "systemctl status x",
    "journalctl -u x",
    "kubectl describe pod x",
    "kubectl get pods",
    "docker build .",
    "make all",
    "terraform plan",
    "something-else --now",
)
MUST_KEEP = (
    (
        "ansible-v",
        "ansible-playbook -v site.yml",
        2,
        (
            "db1                        : ok=2    changed=0    unreachable=0    failed=1    skipped=0    rescued=0    ignored=0",
            "web4                       : ok=4    changed=0    unreachable=0    failed=0    skipped=0    rescued=0    ignored=1",
            "TASK [Refuse on the database]",
            "this play is not for a database",
            "disk full",
            "...ignoring",
            "exit code 2",
        ),
    ),
    (
        "pytest-v",
        "pytest -v",
        1,
        (
            "FAILED test_sample.py::test_reads_what_is_no_json",
            "FAILED test_sample.py::test_counts_to_three",
            "JSONDecodeError: Expecting property name",
            "assert [1, 2] == [1, 2, 3]",
            "2 failed, 40 passed",
        ),
    ),
    (
        "terraform-plan",
        "terraform plan -no-color",
        1,
        (
            "# terraform_data.checked[5] will be created",
            "# terraform_data.host[13] will be created",
            "Plan: 20 to add, 0 to change, 0 to destroy.",
            "Error: Resource precondition failed",
            "on main.tf line 10",
            "checked[4] must not exist",
            "exit code 1",
        ),
    ),
    (
        "terraform-apply",
        "tofu apply",
        1,
        ("terraform_data.runs (local-exec): disk full", "on main.tf line 16", "exit", "status 3. Output: starting"),
    ),
    (
        "ansible-many",
        "ansible-playbook --diff site.yml",
        2,
        (
            "h2                         : ok=4    changed=2    unreachable=0    failed=1    skipped=0    rescued=1    ignored=1",
            "TASK [Explode]",
            "mkfs: cannot open /dev/sdz: No such file",
            'fatal: [h3]: FAILED! => {"msg": "h3 may not be touched"}',
            "'nothing' is undefined",
            "+b h4",
            "FAILED - RETRYING: [h1]: Retry",
        ),
    ),
    (
        "journal",
        "journalctl -b --no-pager",
        0,
        (
            'invalid parameter "server_name" in /etc/nginx/conf.d/shop.conf:3',
            "Failed to start nginx.service",
            "lab-flaky.service: Main process exited, code=exited, status=1/FAILURE",
            "restart counter is at 1.  [x27, last 27]",
            "Failed to set fd limit to 65536: Operation not permitted",
        ),
    ),
    ("git-log", "git log -n 30", 0, ("b70d65d", "Merge branch 'remediate'")),
    ("dpkg-l", "dpkg -l", 0, ("rc  exim4-base",)),
)
_CHATTER = st.sampled_from(
    [
        "Reading package lists...",
        "ok: [web1]",
        "INFO all is well",
        "step 7 of 9",
        "  PASSED  ",
        "ii  bash  5.2 amd64 shell",
        "",
    ]
)
_TROUBLE = st.sampled_from(
    [
        "E: Unable to locate package nginx",
        "ERROR: nothing works",
        "dpkg: error processing package x (--configure):",
        "npm ERR! code ERESOLVE",
        "make: *** [all] Error 2",
        "Nov 23 10:00:00 ct1 kernel: Out of memory: Killed process 7 (java)",
        "FATAL: password authentication failed",
    ]
)
_TEXT = st.text(st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp")), max_size=30)


@pytest.mark.parametrize(("name", "command", "code", "facts"), MUST_KEEP, ids=[case[0] for case in MUST_KEEP])
def test_what_a_real_output_says_survives_and_most_of_its_length_does_not(
    name: str, command: str, code: int, facts: tuple[str, ...]
) -> None:
    text = (OUTPUTS / f"{name}.txt").read_text()

    short = condense(text, command, code)

    assert [fact for fact in facts if fact not in short.text] == []
    assert len(short.text) < len(text) / 3


@pytest.mark.parametrize(
    ("name", "command", "code", "facts"),
    [
        (
            "pytest-short",
            "pytest -q --tb=short",
            1,
            (
                "test_y.py:5: in test_many",
                "host ct17 is wrong",
                "FAILED test_y.py::test_xp - [XPASS(strict)]",
                "db at 10.0.0.3:5432 refused",
                "4 failed, 30 passed, 1 skipped, 1 warning, 1 error",
            ),
        ),
        ("git-diff-stat", "git diff --stat", 0, ("file10.txt", "30 files changed, 30 insertions(+), 30 deletions(-)")),
    ],
)
def test_what_is_dense_already_loses_nothing_that_matters(
    name: str, command: str, code: int, facts: tuple[str, ...]
) -> None:
    shown = condense((OUTPUTS / f"{name}.txt").read_text(), command, code).text

    assert [fact for fact in facts if fact not in shown] == []


def test_what_was_killed_in_the_middle_shows_how_far_it_came() -> None:
    text = "\n".join(["TASK [Copy] ****", *(f"changed: [localhost] => (item={n})" for n in range(40))])

    shown = condense(text, "ansible-playbook site.yml", 124).text

    assert "changed: [localhost] => (item=39)" in shown
    assert "exit code 124" in shown


@pytest.mark.parametrize("name", ["ansible-many", "terraform-plan", "pytest-v", "dpkg-l", "git-log", "journal"])
def test_an_output_is_recognised_by_its_look_where_nobody_says_what_printed_it(name: str) -> None:
    text = (OUTPUTS / f"{name}.txt").read_text()
    command = next(case[1] for case in MUST_KEEP if case[0] == name)

    assert recognise("", text.splitlines()).name == recognise(command).name
    assert recognise("", ["all is well"] * 30).name == "generic"


def test_the_last_line_says_how_much_is_missing_how_it_ended_and_where_the_whole_is() -> None:
    text = "\n".join(["all is well"] * 98 + ["ERROR: it is not"])

    short = condense(text, "something", 3)

    assert short.omitted == 97
    assert short.text.splitlines()[-1].startswith(
        f"[97 of 99 lines omitted; exit code 3; whole: aiops raw {digest_of(text)}"
    )


@settings(max_examples=100, deadline=None)
@given(
    lines=st.lists(st.one_of(_CHATTER, _TROUBLE, _TEXT), min_size=SHORT, max_size=120),
    command=st.sampled_from(COMMANDS),
)
def test_no_error_is_ever_dropped_and_condensing_twice_changes_nothing(lines: list[str], command: str) -> None:
    tool = recognise(command)
    short = condense("\n".join(lines), command, 0)

    told = {tool.shape_of(line.partition("  [x")[0]) for line in short.text.splitlines()}
    lost = [
        line
        for line in "\n".join(lines).splitlines()
        if tool.is_error(line) and tool.shape_of(line.rstrip()) not in told
    ]
    assert lost == []
    assert condense(short.text, command, 0).text == short.text
    assert not short.omitted or condense(short.text).text == short.text


@pytest.mark.parametrize("command", COMMANDS)
def test_one_error_of_each_sort_survives_among_chatter_whatever_the_tool(command: str) -> None:
    trouble = ["E: Unable to locate package nginx", "ERROR: nothing works", "FATAL: password authentication failed"]
    text = "\n".join(["all is well"] * 40 + trouble + [f"and line {n} is well too" for n in range(90)])

    shown = condense(text, command).text

    assert [line for line in trouble if line not in shown] == []


@settings(max_examples=100, deadline=None)
@given(lines=st.lists(_TEXT, max_size=SHORT - 1), command=st.sampled_from(COMMANDS))
def test_a_short_text_stays_as_it_is(lines: list[str], command: str) -> None:
    text = "\n".join(lines)

    assert condense(text, command).text == text


def test_a_line_that_imitates_our_note_does_not_stop_the_condensing() -> None:
    text = "\n".join(["all is well"] * 50 + ["[0 of 9 lines omitted; whole: aiops raw 0123456789abcdef; sum 01234567]"])

    assert condense(text, "journalctl").omitted > 40


def test_a_package_named_after_an_error_is_none() -> None:
    assert not is_error("├── http-errors@1.6.3")
    assert not is_error("web1 : ok=2 changed=0 unreachable=0 failed=0")
    assert is_error("nginx.service: Main process exited, code=exited, status=1/FAILURE")


def test_the_output_of_an_ad_hoc_command_is_kept_with_its_message() -> None:
    text = "\n".join(
        ["web1 | FAILED! => {", '    "msg": "no such unit",', "}"]
        + [f"web{n} | CHANGED | rc=0 >>\nup" for n in range(20)]
    )

    shown = condense(text, "ansible all -m service", 2).text

    assert "no such unit" in shown
    assert "web1 | FAILED!" in shown


def test_a_line_of_a_cluster_component_is_an_error_by_its_letter() -> None:
    text = "\n".join(f"I0523 10:00:{n % 60:02}.000 1 a.go:{n}] synced {'x' * (n % 7)}" for n in range(90))

    shown = condense(text + "\nE0523 10:01:00.000 1 b.go:2] lost the lease", "kubectl logs x").text

    assert "lost the lease" in shown


def test_a_long_line_keeps_its_error_and_counts_its_cut() -> None:
    line = "x" * 5000 + " fatal: disk full " + "y" * 5000

    shown = clip(line)

    assert "fatal: disk full" in shown
    assert "characters omitted" in shown
    assert len(shown) < 500


def test_repeated_lines_name_the_hosts_that_said_them_most() -> None:
    text = "\n".join(f"Nov 23 10:00:{n % 60:02} ct{n % 3 + 100} app[{n}]: connection refused" for n in range(60))

    shown = condense(text, "journalctl").text

    assert "ct100 x20, ct101 x20, ct102 x20" in shown


def test_the_whole_text_is_found_again_by_its_digest(tmp_path: Path) -> None:
    archive = FileArchive(tmp_path)
    text = "\n".join(["all is well"] * 90)

    short = shorten(text, "something", archive)

    assert short.text != text
    assert archive.find(short.digest) == text


def test_what_was_not_shortened_is_not_kept(tmp_path: Path) -> None:
    short = shorten("one line", "something", FileArchive(tmp_path))

    with pytest.raises(UnknownError):
        FileArchive(tmp_path).find(short.digest)


@pytest.mark.parametrize("name", ["../../etc/passwd", "", "0123456789abcdeg", "0123456789abcdef"])
def test_a_digest_that_names_nothing_is_unknown(tmp_path: Path, name: str) -> None:
    with pytest.raises(UnknownError):
        FileArchive(tmp_path).find(name)


def test_a_damaged_file_is_never_shown_as_the_whole_text(tmp_path: Path) -> None:
    archive = FileArchive(tmp_path)
    digest = archive.keep("the truth")
    (tmp_path / digest[:2] / digest).write_bytes(b"something else")

    with pytest.raises(UnknownError, match="damaged"):
        archive.find(digest)


@pytest.mark.parametrize("atom", ["=", " ", "_", "0 ", "│ ", "a0", "{", "1.1.1.1 "])
@pytest.mark.parametrize("command", COMMANDS)
def test_a_line_made_to_slow_patterns_down_is_bounded_and_keeps_the_error_it_tells(command: str, atom: str) -> None:
    hostile = (atom * 20_000)[:20_000] + " ERROR: disk full"
    speaks = recognise(command).is_error(atom * 100 + " ERROR: disk full")  # context of a diff, source of a test do not

    shown = condense("\n".join(["all is well"] * 40 + [hostile]), command).text

    assert len(shown) < 2_500
    assert not speaks or "ERROR: disk full" in shown
