"""From a command to the tool that reads what it printed."""

import re
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
    unattended,
)

_COMMANDS: Final = (
    (r"\bunattended-upgrades?\b", unattended.TOOL),
    (r"\bansible(?:-playbook|-pull)?\b", ansible.TOOL),
    (r"\bdpkg(?:-query)? (?:.*\s)?(?:-l|--list)\b", dpkg.TOOL),
    (r"\b(?:apt|apt-get|aptitude|dpkg)\b", apt.TOOL),
    (r"\bjournalctl\b|\bdmesg\b|\bkubectl logs\b|\b(?:docker|podman|crictl) logs\b|\.log\b|\bsyslog\b", log.TOOL),
    (r"\bsystemctl\b", systemctl.TOOL),
    (r"\bkubectl\b", kubectl.TOOL),
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


def recognise(command: str) -> Tool:
    """The rules for what the command prints; general ones for a command nobody knows."""
    named = f"{command} "
    return next((tool for pattern, tool in _PATTERNS if pattern.search(named)), generic.TOOL)
