"""From a command to the tool that reads what it printed."""

import re
from collections.abc import Sequence
from typing import Final

from aiops.condense.lines import Tool
from aiops.condense.tools import (
    ansible,
    apt,
    build,
    container,
    dpkg,
    generic,
    git,
    kubectl,
    log,
    npm,
    pip,
    pytest,
    systemctl,
    terraform,
    unattended,
)

_COMMANDS: Final = (
    (r"\bunattended-upgrades?\b", unattended.TOOL),
    (r"\bansible(?:-playbook|-pull)?\b", ansible.TOOL),
    (r"\bdpkg(?:-query)? (?:.*\s)?(?:-l|--list)\b", dpkg.TOOL),
    (r"\b(?:apt|apt-get|aptitude|dpkg)\b", apt.TOOL),
    (r"\bjournalctl\b|\bdmesg\b|\bkubectl logs\b|\b(?:docker|podman|crictl) logs\b|\.log\b|\bsyslog\b", log.TOOL),
    (r"\bsystemctl\b", systemctl.TOOL),
    (r"\b(?:terraform|tofu|terragrunt)\b", terraform.TOOL),
    (r"\b(?:kubectl|oc)\b", kubectl.TOOL),
    (r"\bgit log\b", git.LOG),
    (r"\bgit (?:diff|show)\b", git.DIFF),
    (r"\bgit\b", git.STATUS),
    (r"\bnpm (?:ls|list|ll)\b", npm.TREE),
    (r"\b(?:npm|npx|yarn|pnpm)\b", npm.INSTALL),
    (r"\bpytest\b|\bpy\.test\b", pytest.TOOL),
    (r"\bpip[0-9.]*\b|\buv pip\b|\bpipx\b", pip.TOOL),
    (r"\b(?:docker|podman|buildah|crictl|nerdctl)\b", container.TOOL),
    (r"\b(?:make|ninja|cmake|gcc|cc|cargo)\b", build.TOOL),
)
_PATTERNS: Final = tuple((re.compile(pattern), tool) for pattern, tool in _COMMANDS)


_SIGNS: Final = (
    (r"(?:PLAY|TASK) \[.*\] \*+$|PLAY RECAP \*+$", 1, ansible.TOOL),
    (r"=+ test session starts =+$|=+ short test summary info =+$", 1, pytest.TOOL),
    (r"Desired=Unknown/Install", 1, dpkg.TOOL),
    (
        r"(?:Setting up|Unpacking|Preparing to unpack) \S|Reading package lists|The following .*packages will be ",
        2,
        apt.TOOL,
    ),
    (r"commit [0-9a-f]{40}\b", 1, git.LOG),
    (
        r"Terraform (?:used the selected|will perform|planned)|OpenTofu (?:used|will)|Plan: \d+ to add",
        1,
        terraform.TOOL,
    ),
    (r"diff --git a/", 1, git.DIFF),
    (r"npm (?:ERR!|WARN|error|warn|http|verb) ", 2, npm.INSTALL),
    (r"(?:Collecting|Downloading|Requirement already satisfied:?|Installing collected packages:) \S", 2, pip.TOOL),
    (r"Namespace: +\S|Containers:$|Restart Count: +\d", 2, kubectl.TOOL),
    (
        r"[\u25cf\u00d7\u25cb*] \S+\.(?:service|socket|timer|mount)\b| +Loaded: loaded \(|  UNIT +LOAD +ACTIVE",
        1,
        systemctl.TOOL,
    ),
)
_READ: Final = tuple((re.compile(sign), least, tool) for sign, least, tool in _SIGNS)
_LOOKED_AT: Final = 400
"""Lines that are looked at: what a tool prints shows early which tool it is."""


def recognise(command: str, lines: Sequence[str] = ()) -> Tool:
    """The rules for what the command prints; for a command nobody knows, by what it printed, else general ones."""
    named = f"{command} "
    by_name = next((tool for pattern, tool in _PATTERNS if pattern.search(named)), None)
    return by_name or _by_look([line[:200] for line in lines[:_LOOKED_AT]])


def _by_look(lines: Sequence[str]) -> Tool:
    for sign, least, tool in _READ:
        if sum(sign.match(line) is not None for line in lines) >= least:
            return tool
    stamped = sum(log.stamped(line) for line in lines)
    return log.TOOL if lines and stamped > len(lines) / 2 else generic.TOOL
