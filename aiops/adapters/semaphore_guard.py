"""What must hold before anything is asked of Semaphore: its template does what the plan says, and no parameter can be code.

Semaphore hands the parameters to ``ansible-playbook --extra-vars``, and Ansible templates extra variables. Where we start
Ansible ourselves, ``ansible_vars`` marks them as data; over Semaphore's API there is no such mark, so only texts without any
sign of a template's language are let through, whatever a manifest allows.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from aiops.adapters.semaphore_api import Template
from aiops.domain.host import Host
from aiops.domain.remediation import ParamValue

_TEXT: Final = re.compile(r"[A-Za-z0-9 ._/:@+,=~%\\-]*")
"""Paths, units, packages, versions. No brace, quote, bracket, dollar, semicolon, bar, line end or letter beyond ASCII."""
_NAME: Final = re.compile(r"[a-z][a-z0-9_]*")
_GROUPS: Final = frozenset({"all", "ungrouped", "localhost"})
"""Names that a host limit reads as more than, or another than, the host."""


@dataclass(frozen=True)
class Expected:
    """What the settings say about the project. ``templates`` maps a playbook to the number of its template."""

    inventory: int
    templates: Mapping[str, int] = field(default_factory=dict)
    folder: str = "ansible/playbooks"

    def playbook(self, remediation: str) -> str:
        """The playbook's place in the repository that Semaphore checks out."""
        return "/".join(part for part in (self.folder.strip("/"), f"{remediation}.yml") if part)


def against_template(template: Template, remediation: str, expected: Expected) -> str:
    """Why the template must not be started, or nothing."""
    params = template.task_params or {}
    wanted = expected.playbook(remediation)
    checks = (
        (template.id != expected.templates.get(remediation), f"Semaphore answered with template {template.id}"),
        (template.app not in (None, "", "ansible"), f"it runs {template.app}, not Ansible"),
        (bool(template.type), f"it is a {template.type} template, not a task"),
        (
            (template.playbook or "").removeprefix("./") != wanted,
            f"its playbook is {template.playbook!r}, not {wanted!r}",
        ),
        (
            template.inventory_id != expected.inventory,
            f"its inventory is number {template.inventory_id}, not {expected.inventory}",
        ),
        (_arguments(template.arguments), "it adds arguments of its own, which could override ours"),
        (
            bool(params.get("tags") or params.get("skip_tags")),
            "it selects tags, so it would run another part than was approved",
        ),
        (
            params.get("allow_override_limit") is not True,
            "it would ignore the limit to the plan's hosts and run on all; allow to override the limit in the template",
        ),
    )
    return next((text for bad, text in checks if bad), "")


def against_hosts(hosts: Sequence[Host]) -> str:
    """Why these hosts cannot be a host limit, or nothing."""
    if not hosts:
        return "a plan without a host would have no limit"
    odd = [host.name for host in hosts if host.name.lower() in _GROUPS]
    if odd:
        return f"{odd[0]!r} is no single host to Ansible"
    local = [host.name for host in hosts if host.local]
    return f"{local[0]} is this machine, and Semaphore's would be another" if local else ""


def against_params(params: Mapping[str, ParamValue]) -> str:
    """Why the parameters must not be sent, or nothing."""
    for name, value in params.items():
        if not _NAME.fullmatch(name) or name.startswith(("ansible_", "semaphore_")):
            return f"{name!r} is no name for a parameter"
        if isinstance(value, bool | int):
            continue
        texts = value if isinstance(value, list) else [value]
        if not all(_TEXT.fullmatch(text) for text in texts):
            return f"{name!r} holds more than plain words, and Semaphore's Ansible reads parameters as templates"
    return ""


def _arguments(text: str | None) -> bool:
    """Whether there are any; what cannot be read counts as some."""
    if not text:
        return False
    try:
        return json.loads(text) not in ([], None)
    except ValueError:
        return True
