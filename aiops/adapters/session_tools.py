"""What an agent may do in a session: read what was recorded about its incident, and propose. No host and no file is touched.

What came from machines is condensed, scrubbed, cut, and quoted between marks that are new every time.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from aiops.adapters.playbook_check import check
from aiops.adapters.quote import MOST_CHARACTERS, quoted
from aiops.condense import condense
from aiops.condense.scrub import scrub
from aiops.domain.remediation import Remediation
from aiops.domain.session import Grant, ProposedPlan, ProposedPlaybook
from aiops.errors import ManifestError, RefusedError
from aiops.remediations import check_params, names, schema_for_llm

_FINDINGS: Final = 60


class ToolRefusedError(Exception):
    """The agent asked for what it may not do; the text says what and why."""


class _Arguments(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class _None(_Arguments):
    pass


class _Finding(_Arguments):
    fingerprint: str = Field(max_length=64, description="of one finding of the incident")


class _Host(_Arguments):
    name: str = Field(max_length=253, description="a host of the incident")


class _Playbook(_Arguments):
    id: str = Field(max_length=100, description="as the catalogue lists it")


class _Plan(_Arguments):
    playbook: str = Field(max_length=100, description="id of a playbook of the catalogue")
    host: str = Field(max_length=253, description="a host of the incident")
    params: dict[str, str | int | bool | list[str]] = Field(default_factory=dict, description="as its manifest allows")
    reason: str = Field(min_length=10, max_length=2000, description="what is wrong, and why this mends it")


class _NewPlaybook(_Arguments):
    id: str = Field(pattern=r"^[a-z][a-z0-9_]{2,60}$", description="a name that the catalogue does not have")
    playbook: str = Field(max_length=30_000, description="the playbook, YAML")
    manifest: str = Field(max_length=30_000, description="its manifest in the form that `playbook` shows, YAML")
    reason: str = Field(min_length=10, max_length=2000, description="what is wrong, and why this mends it")


class _Outside(_Arguments):
    server: str = Field(max_length=100, description="as `servers` lists it")
    tool: str = Field(max_length=128, description="one of its tools")
    arguments: dict[str, Any] = Field(default_factory=dict, description="as the tool takes them")


class _GiveUp(_Arguments):
    reason: str = Field(min_length=10, max_length=2000, description="what you found and what a human should look at")


class Outside(Protocol):
    """Servers of others, asked by somebody outside of the walls."""

    def servers(self) -> str:
        """What can be asked, quoted."""

    def ask(self, server: str, tool: str, arguments: Mapping[str, Any]) -> str:
        """The answer, quoted, or a sentence that says why there is none."""


@dataclass(frozen=True)
class Tool:
    """One tool: what it takes, and what it does with it."""

    description: str
    takes: type[_Arguments]
    use: Callable[[Any], str]


class Toolbox:
    """The tools of one session. After a proposal or ``give_up`` it is ``over``."""

    def __init__(self, grant: Grant, catalogue: Mapping[str, Remediation], outside: Outside | None = None) -> None:
        self._grant, self._incident, self._catalogue = grant, grant.question.incident, catalogue
        self.plan: ProposedPlan | None = None
        self.playbook: ProposedPlaybook | None = None
        self.given_up = ""
        self.tools = {
            "incident": Tool("The incident and its findings.", _None, self._show_incident),
            "evidence": Tool("Everything recorded about one finding.", _Finding, self._show_evidence),
            "host": Tool("What is recorded about a host, and when it was last looked at.", _Host, self._show_host),
            "changes": Tool(
                "What changed lately, and what is remembered of the hosts, with source and age.", _None, self._changes
            ),
            "similar": Tool("Earlier incidents of the host and similar ones elsewhere.", _None, self._similar),
            "catalogue": Tool("The playbooks, one line each.", _None, self._list_catalogue),
            "playbook": Tool(
                "One playbook's manifest: what it does, its parameters, its risk.", _Playbook, self._manifest
            ),
            "propose_plan": Tool(
                "Propose a playbook for a host. A human decides. Ends the session.", _Plan, self._propose
            ),
            "propose_playbook": Tool(
                "Propose a new playbook, for review. A human decides. Ends the session.",
                _NewPlaybook,
                self._propose_new,
            ),
            "give_up": Tool("Say what you found, without a proposal. Ends the session.", _GiveUp, self._give_up),
        }
        if outside:
            self._outside = outside
            self.tools |= {
                "servers": Tool("Other systems that can be asked, and how.", _None, lambda _: outside.servers()),
                "ask_server": Tool("Ask another system; it can only be read.", _Outside, self._ask_outside),
            }

    @property
    def over(self) -> bool:
        """Whether there is a proposal, or the agent has none."""
        return bool(self.plan or self.playbook or self.given_up)

    def schemas(self) -> list[dict[str, Any]]:
        """The tools as OpenAI's wire format describes functions."""
        return [
            {
                "type": "function",
                "function": {"name": name, "description": tool.description, "parameters": _schema(tool.takes)},
            }
            for name, tool in self.tools.items()
        ]

    def call(self, name: str, arguments: str | Mapping[str, Any]) -> str:
        """Use a tool; returns what it says.

        :raises ToolRefusedError: there is no such tool, or not with these arguments
        """
        tool = self.tools.get(name)
        if tool is None:
            raise ToolRefusedError(f"there is no tool {name[:80]!r} here; you can only read and propose")
        try:
            given = json.loads(arguments or "{}") if isinstance(arguments, str) else dict(arguments)
            taken = tool.takes.model_validate(given)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(map(str, first["loc"]))
            raise ToolRefusedError(f"{name}: {f'{where}: ' * bool(where)}{first['msg']}") from None
        except (ValueError, TypeError, RecursionError):
            raise ToolRefusedError(f"{name}: its arguments are no JSON object") from None
        return tool.use(taken)

    def _show_incident(self, _: _None) -> str:
        incident = self._incident
        findings = [
            {
                "fingerprint": finding.fingerprint,
                "kind": finding.kind,
                "host": finding.host,
                "subject": finding.subject,
                "severity": finding.severity.value,
                "summary": finding.summary,
                "seen_at": f"{finding.seen_at:%Y-%m-%d %H:%M} UTC",
            }
            for finding in incident.findings[:_FINDINGS]
        ]
        left_out = len(incident.findings) - len(findings)
        known = {"id": incident.id, "title": incident.title, "severity": incident.severity.value}
        more = {"relapse_of": incident.relapse_of, "findings": findings, "findings_left_out": left_out}
        return quoted(known | more)

    def _show_evidence(self, asked: _Finding) -> str:
        for finding in self._incident.findings:
            if finding.fingerprint == asked.fingerprint:
                evidence = {
                    key: condense(value).text if isinstance(value, str) else value
                    for key, value in finding.evidence.items()
                }
                return quoted({"kind": finding.kind, "subject": finding.subject, "evidence": evidence})
        raise ToolRefusedError(f"evidence: no finding of this incident has the fingerprint {asked.fingerprint!r}")

    def _show_host(self, asked: _Host) -> str:
        for host in self._grant.hosts:
            if host.name == asked.name:
                known = host.model_dump(mode="json", include={"name", "role", "pair", "expected_state", "labels"})
                return quoted(known | {"looks": [look for look in self._grant.looks if f" {host.name}:" in look]})
        raise ToolRefusedError(f"host: {asked.name!r} is no host of this incident")

    def _changes(self, _: _None) -> str:
        question = self._grant.question
        return quoted({"changed_lately": list(question.changes), "known_facts": list(question.facts)})

    def _similar(self, _: _None) -> str:
        question = self._grant.question
        return quoted({"earlier_on_the_host": list(question.history), "similar_elsewhere": list(question.similar)})

    def _list_catalogue(self, _: _None) -> str:
        lines = [
            f"{entry.id} (risk {entry.risk}; fixes {', '.join(fix.kind for fix in entry.fixes) or 'nothing by itself'}): "
            f"{entry.title}"
            for entry in self._catalogue.values()
        ]
        return "\n".join(lines) or "the catalogue is empty"

    def _manifest(self, asked: _Playbook) -> str:
        entry = self._known(asked.id, "playbook")
        shown = entry.model_dump(mode="json", exclude={"params", "digest"}) | {"params": schema_for_llm(entry)}
        return json.dumps(shown, ensure_ascii=False, indent=1)[:MOST_CHARACTERS]

    def _propose(self, asked: _Plan) -> str:
        entry = self._known(asked.playbook, "propose_plan")
        if asked.host not in self._incident.hosts:
            raise ToolRefusedError(f"propose_plan: {asked.host!r} is no host of this incident")
        try:
            check_params(entry, asked.params)
        except RefusedError as error:
            raise ToolRefusedError(f"propose_plan: {error.text}") from None
        self.plan = ProposedPlan(**asked.model_dump(exclude={"reason"}), reason=scrub(asked.reason))
        return "noted; a human decides"

    def _propose_new(self, asked: _NewPlaybook) -> str:
        proposed = ProposedPlaybook(**asked.model_dump())
        try:
            check(proposed, names(self._catalogue))
        except ManifestError as error:
            # A slip in a file is no attempt at anything: it is told, and may be put right.
            return f"not taken: {error.reason}"
        self.playbook = proposed
        return "noted; a human reviews it"

    def _give_up(self, asked: _GiveUp) -> str:
        self.given_up = scrub(asked.reason)
        return "noted"

    def _ask_outside(self, asked: _Outside) -> str:
        return self._outside.ask(asked.server, asked.tool, asked.arguments)

    def _known(self, name: str, tool: str) -> Remediation:
        if name not in self._catalogue:
            raise ToolRefusedError(f"{tool}: the catalogue has no {name!r}")
        return self._catalogue[name]


def _schema(takes: type[_Arguments]) -> dict[str, Any]:
    schema = takes.model_json_schema()
    schema.pop("title", None)
    return schema
