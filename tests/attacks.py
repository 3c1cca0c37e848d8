"""The attack corpus: what tries to be code in a parameter, and whole parameters for every playbook to put it into.

``MARK`` stands for a file that is there afterwards if anything of it was executed.
"""

import json
import re
import shlex
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import yaml

from aiops.domain.remediation import ParamValue, Remediation
from aiops.remediations import SHIPPED

MARK = "MARK"
ATTACKS: dict[str, tuple[str, ...]] = {
    "jinja": (
        "{{ lookup('pipe', 'touch MARK') }}",
        "{{ lookup('ansible.builtin.pipe', 'touch MARK') }}",
        "{{ query('pipe', 'touch MARK') }}",
        "{{ q('lines', 'touch MARK') }}",
        "{{ lookup('file', '/etc/shadow') }}",
        "{{ lookup('env', 'HOME') }}",
        "{% set x = lookup('pipe', 'touch MARK') %}",
        "{% if lookup('pipe', 'touch MARK') %}x{% endif %}",
        "{{ cycler.__init__.__globals__.os.system('touch MARK') }}",
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{#- x -#}",
        "{% raw %}x{% endraw %}",
        "{{ hostvars }}",
        "a{{7*7}}.service",
        "x\n{{ lookup('pipe', 'touch MARK') }}",
        "#jinja2: variable_start_string:'[%' , variable_end_string:'%]'\n[% lookup('pipe', 'touch MARK') %]",
    ),
    "shell": (
        "$(touch MARK)",
        "`touch MARK`",
        "; touch MARK",
        "a; touch MARK #",
        "| touch MARK",
        "& touch MARK",
        "&& touch MARK",
        "|| touch MARK",
        "> MARK",
        "a\ntouch MARK",
        "a\rtouch MARK",
        "$IFS$9touch${IFS}MARK",
        "'; touch MARK; '",
        '"; touch MARK; "',
        "--option=APT::Update::Pre-Invoke::=touch MARK",
        "-o=APT::Update::Pre-Invoke::=touch MARK",
        "--use-compress-program=touch MARK",
        "-exec touch MARK ;",
        "-e",
        "--",
        "*",
        "?",
        "~root",
        "$HOME",
        "!!",
    ),
    "yaml": (
        "!unsafe x",
        "!vault |\n  x",
        "!!python/object/apply:os.system [touch MARK]",
        "&anchor x",
        "*anchor",
        "x: !!python/name:os.system",
        "\n- ansible.builtin.command: touch MARK",
        '"}}, "ansible_become_exe": "touch MARK',
        "x\nansible_become_exe: touch MARK",
        "ansible_connection=local",
        "{ansible_become_exe: x}",
        "[a, b]",
        "key=value ansible_shell_executable=MARK",
    ),
    "path": (
        "../../../etc/passwd",
        "/etc/../root/.ssh/id_ed25519",
        "/etc/apt/sources.list.d/../../shadow",
        "/var/tmp/vzdumptmp1_1/../..",
        "//etc//shadow",
        "~/.ssh/id_ed25519",
        "\\\\host\\share",
        "/tmp/x\x00.list",
    ),
    "unicode": (
        "x\u202ey",
        "x\u200by",
        "x\u2028y",
        "x\u0085y",
        "\ufeffx",
        "x\x00y",
        "x\x1b[31m",
        "\uff5b\uff5b 7*7 \uff5d\uff5d",
        "\uff04(touch MARK)",
        "p\u0430ypal.service",
        "é" * 3,
        "\U000e0041\U000e0042",
        "x" * 2000,
        "",
        " ",
    ),
}
"""What no parameter of any playbook may ever hold. Not in it: words that YAML alone would misread, and absolute paths that lead
somewhere unwanted, of which the playbooks judge themselves."""


def texts() -> Iterator[tuple[str, str]]:
    """Every attack with its sort."""
    for sort, some in ATTACKS.items():
        for text in some:
            yield sort, text


def example(remediation: Remediation) -> dict[str, ParamValue]:
    """The parameters of the manifest's own example: whole and honest ones, so that one alone can be made hostile."""
    manifest = yaml.safe_load((SHIPPED / f"{remediation.id}.meta.yml").read_text())
    words = shlex.split(manifest["argument_specs"][remediation.id]["examples"])
    given: dict[str, Any] = {}
    for flag, word in pairwise(words):
        if flag == "-e" and word.startswith("{"):
            given |= json.loads(word)
        elif flag == "-e" and (pair := re.fullmatch(r"(\w+)=(.*)", word)):
            number = remediation.params[pair[1]].type == "int"
            given.setdefault(pair[1], int(pair[2]) if number else pair[2])
    return given


def shapes(param: Any, text: str) -> Iterator[Any]:
    """The attack as it could stand in the parameter: alone, in a list, behind an honest value."""
    yield text
    yield [text]
    if param.type == "list":
        yield ["fine", text]
