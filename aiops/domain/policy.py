"""Who may do what, to which hosts: data, decided by plain code."""

from datetime import datetime
from typing import Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from aiops.domain.fact import utcnow
from aiops.domain.host import Host
from aiops.domain.hours import Hours, Zone, end_of, within
from aiops.domain.plan import ApprovedPlan
from aiops.domain.remediation import Remediation
from aiops.domain.severity import Severity

Decision = Literal["auto", "ask", "never"]


class Rule(BaseModel):
    """Empty fields match everything; the first rule that matches decides."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kinds: tuple[str, ...] = ()
    playbooks: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    severities: tuple[Severity, ...] = ()
    hours: Hours = Field(default="", description="only at that time of day: 22:30-07:00")
    decision: Decision
    why: str = Field(default="", description="for whoever asks which rule decided")

    def matches(self, kind: str, playbook: str, role: str, severity: Severity) -> bool:
        """Whether every field that is given holds the value."""
        pairs = ((self.kinds, kind), (self.playbooks, playbook), (self.roles, role), (self.severities, severity))
        return all(not allowed or value in allowed for allowed, value in pairs)


class Answer(NamedTuple):
    """What one rule says about one finding kind on one host. ``number`` counts from 1; 0 is the default."""

    kind: str
    host: str
    number: int
    decision: Decision
    why: str

    def __str__(self) -> str:
        rule = f"rule {self.number}" if self.number else "the default, since no rule matches"
        return f"{rule}: {self.decision} for {self.kind} on {self.host}" + (f" ({self.why})" if self.why else "")


class Policy(BaseModel):
    """CT190's policy. A fresh install asks before everything that changes a host."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    default: Decision = Field(
        default="ask", description="auto, ask or never, where no rule matches; ask: what only looks is auto"
    )
    rules: tuple[Rule, ...] = Field(default=(), description="the first that matches decides")
    mode: Literal["rules", "ladder"] = Field(
        default="rules",
        description="ladder: what the rules allow is limited by the rung of each playbook and role, see `aiops autonomy`",
    )
    raise_after: int = Field(
        default=5, ge=1, description="repairs proved in a row after which the next rung is proposed to a human"
    )
    plan_lifetime: int = Field(default=3600, ge=60, description="seconds a plan may wait for its approval")
    start_within: int = Field(default=600, ge=30, description="seconds from approval to start")
    relapse_hours: int = Field(default=24, ge=1, description="hours within which the same trouble is a relapse")
    quiet_hours: Hours = Field(
        default="",
        description="time of day, such as 22:30-07:00, in which nobody is asked: what is found is looked at again first",
    )
    timezone: Zone = Field(default="UTC", description="the zone of hours and quiet_hours; not set: `timezone`")

    def decide(
        self,
        kinds: list[str],
        remediation: Remediation,
        hosts: list[Host],
        severity: Severity,
        *,
        relapse: bool,
        at: datetime | None = None,
    ) -> tuple[Decision, str]:
        """The strictest answer over all findings and hosts, and the reason for it.

        More hosts, more kinds or a relapse never make the answer more automatic.
        """
        forbidden = _forbidden(remediation, hosts)
        if forbidden:
            return "never", forbidden
        answers = self.answers(kinds, remediation, hosts, severity, at or utcnow())
        last = max(answers, key=lambda answer: _STRICTNESS.index(answer.decision), default=None)
        strictest = last.decision if last else "ask"
        if strictest == "auto" and remediation.approval == "human":
            return "ask", f"{remediation.id} always needs a human"
        if strictest == "auto" and relapse:
            return "ask", "the same trouble came back after a repair"
        return strictest, f"policy says {strictest}, by {last}" if last else "no finding that it fixes"

    def answers(
        self, kinds: list[str], remediation: Remediation, hosts: list[Host], severity: Severity, at: datetime
    ) -> list[Answer]:
        """Which rule speaks for each kind on each host; the strictest of them decides."""
        return [self._rule(kind, remediation, host, severity, at) for kind in kinds for host in hosts]

    def quiet_until(self, at: datetime) -> datetime | None:
        """When the quiet hours end that the moment lies in; None outside of them."""
        if not self.quiet_hours or not within(self.quiet_hours, at, self.timezone):
            return None
        return end_of(self.quiet_hours, at, self.timezone)

    def _rule(self, kind: str, remediation: Remediation, host: Host, severity: Severity, at: datetime) -> Answer:
        for number, rule in enumerate(self.rules, start=1):
            timely = not rule.hours or within(rule.hours, at, self.timezone)
            if timely and rule.matches(kind, remediation.id, host.role, severity):
                return Answer(kind, host.name, number, rule.decision, rule.why)
        if remediation.risk == "read_only" and self.default == "ask":
            return Answer(kind, host.name, 0, "auto", "it only looks, and changes nothing")
        return Answer(kind, host.name, 0, self.default, "")


def stricter(one: Decision, other: Decision) -> Decision:
    """The stricter of two decisions."""
    return max(one, other, key=_STRICTNESS.index)


def _forbidden(remediation: Remediation, hosts: list[Host]) -> str:
    """Why the hosts are too many or the wrong ones, whatever a rule says; or nothing."""
    if len(hosts) > remediation.max_hosts:
        return f"{len(hosts)} hosts, but {remediation.id} takes at most {remediation.max_hosts}"
    barred = [host.name for host in hosts if host.role in remediation.never_roles]
    if barred:
        return f"{remediation.id} must never run on {', '.join(barred)}: its manifest forbids that role"
    unknown = [host.name for host in hosts if not host.role]
    if unknown and remediation.risk != "read_only":
        return f"{', '.join(unknown)} has no role in the inventory, so it is read-only"
    pairs = [host.pair for host in hosts if host.pair]
    if len(pairs) != len(set(pairs)):
        return "the plan touches both halves of a redundant pair"
    return ""


_STRICTNESS: tuple[Decision, ...] = ("auto", "ask", "never")


class Floor(BaseModel):
    """CT196's own limits: checked again after the signature, whatever CT190 decided. No mode lifts them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    playbooks: tuple[str, ...] = Field(
        default=(), description="playbooks that may run here; empty: the whole catalogue"
    )
    never_hosts: tuple[str, ...] = Field(default=(), description="hosts that no plan may name")
    max_hosts: int = Field(default=3, ge=1, description="hosts in one plan")
    starts_per_hour: int = Field(default=10, ge=1, description="plans started in any 60 minutes")
    shadow: bool = Field(default=False, description='no plan runs here, whoever signed it; `shadow = "all"` sets it')

    def objection(self, approved: ApprovedPlan, remediation: Remediation, hosts: list[Host]) -> tuple[str, str] | None:
        """The reason (one word and a sentence) for which the plan must not run, or None."""
        plan = approved.plan
        pairs = [host.pair for host in hosts if host.pair]
        checks = (
            (self.shadow, "shadow", "this system is in shadow: nothing runs here, whoever signed it"),
            (
                bool(self.playbooks) and plan.remediation not in self.playbooks,
                "playbook",
                f"{plan.remediation} is not among the playbooks allowed here",
            ),
            (
                plan.playbook_digest != remediation.digest,
                "playbook_digest",
                f"{plan.remediation} here is not the playbook that was approved",
            ),
            (
                len(plan.hosts) > min(self.max_hosts, remediation.max_hosts),
                "max_hosts",
                f"{len(plan.hosts)} hosts are more than one plan may touch",
            ),
            (len(set(plan.hosts)) != len(plan.hosts), "hosts", "a host is named twice"),
            (
                any(host in self.never_hosts for host in plan.hosts),
                "never_hosts",
                "a host of the plan must never be touched",
            ),
            (len(pairs) != len(set(pairs)), "pair", "the plan touches both halves of a redundant pair"),
            (
                any(host.role in remediation.never_roles for host in hosts),
                "never_roles",
                f"{plan.remediation} must never run on a host of that role",
            ),
            (
                any(not host.role for host in hosts) and remediation.risk != "read_only",
                "role",
                "a host without a role is read-only",
            ),
            (
                approved.approval.mode == "auto" and remediation.approval == "human",
                "approval",
                f"{plan.remediation} needs a human's approval",
            ),
            (
                remediation.destructive and (approved.approval.typed,) != plan.hosts,
                "typed",
                f"{plan.remediation} is destructive, and nobody has typed the host's name",
            ),
        )
        return next(((word, text) for bad, word, text in checks if bad), None)
