"""A catalogue entry: what a playbook fixes, how risky it is, what it takes."""

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Risk = Literal["read_only", "low", "medium", "high"]
ParamType = Literal["str", "int", "bool", "list"]
ParamValue = str | int | bool | list[str]
Given = Mapping[str, Mapping[str, Any]]
"""What the operator says of playbooks: ``{playbook: {parameter: value, "roles": {role: {...}}, "hosts": {host: {...}}}}``."""


class Param(BaseModel):
    """One option of the playbook, as its argument spec declares it. ``pattern`` must match the whole value."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: ParamType = "str"
    description: str
    required: bool = False
    default: ParamValue | None = None
    choices: tuple[str, ...] = ()
    pattern: str = ""
    elements: Literal["str"] | None = None
    minimum: int | None = None
    maximum: int | None = None


class Fix(BaseModel):
    """A finding kind the playbook repairs and where its parameters come from.

    ``params`` maps a parameter to ``host``, ``subject`` or ``evidence.<key>`` of the finding, or to ``setting``: what the
    operator says of the playbook on that host (``[playbooks]`` in the settings). Values are ours, never a model's.
    ``subject`` is a shell pattern: findings about anything else are not fixed. Where several remediations fit one incident,
    the highest ``precedence`` is the known fix; one below 0 is offered to rules, models and humans, and never chosen by itself.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: str
    subject: str = "*"
    params: dict[str, str] = Field(default_factory=dict)
    precedence: int = 0


class Undo(BaseModel):
    """The playbook of the catalogue that takes a repair back, by what the repair left on the host.

    ``params`` maps a parameter of that playbook to a parameter of the plan that is taken back, or to a constant (``=text``).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    playbook: str
    params: dict[str, str] = Field(default_factory=dict)


class Remediation(BaseModel):
    """One playbook of the catalogue."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    title: str
    description: str
    fixes: tuple[Fix, ...] = ()
    risk: Risk
    approval: Literal["auto", "human"]
    max_hosts: int = Field(default=1, ge=1)
    timeout: int = Field(default=300, ge=5, description="seconds until the whole process group is killed")
    verify: tuple[str, ...] = Field(min_length=1, description="detectors that prove the repair")
    rollback: str
    undo: Undo | None = Field(default=None, description="how `aiops undo` takes it back; nothing: it cannot")
    destructive: bool = Field(default=False, description="whether its approval needs the host's name, typed by a human")
    needs_root: bool = True
    aliases: tuple[str, ...] = Field(default=(), description="older names under which it is still asked for")
    never_roles: tuple[str, ...] = Field(default=(), description="host roles on which it must never run")
    params: dict[str, Param] = Field(default_factory=dict)
    digest: str = Field(description="SHA-256 over the playbook, its manifest and every role it names")

    def fix_for(self, kind: str, subject: str) -> Fix | None:
        """How it repairs findings of that kind about that subject, if it does."""
        return next((fix for fix in self.fixes if fix.kind == kind and fnmatchcase(subject, fix.subject)), None)
