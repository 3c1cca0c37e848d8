"""Reads policy files and the cases that a policy is tried with, strictly."""

from datetime import datetime, time
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from aiops.domain.host import Host
from aiops.domain.policy import Decision, Policy
from aiops.domain.remediation import Remediation
from aiops.domain.severity import Severity
from aiops.errors import ManifestError
from aiops.remediations.strict_yaml import read

POLICIES = Path(__file__).resolve().parents[2] / "policy"
Model = TypeVar("Model", bound=BaseModel)


class Case(BaseModel):
    """One question to a policy, and the answer that is wanted. ``at`` is on the policy's own clock."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    kind: str
    playbook: str
    roles: tuple[str, ...] = Field(min_length=1, description="one host per role")
    severity: Severity = Severity.WARNING
    at: time = time(12)
    relapse: bool = False
    want: Decision

    def answer(self, policy: Policy, remediation: Remediation) -> tuple[Decision, str]:
        """What the policy really says."""
        hosts = [Host(name=f"host{n}", role=role) for n, role in enumerate(self.roles, start=1)]
        moment = datetime.combine(datetime.now(ZoneInfo(policy.timezone)).date(), self.at, ZoneInfo(policy.timezone))
        return policy.decide([self.kind], remediation, hosts, self.severity, relapse=self.relapse, at=moment)


class _Cases(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    policy: str = ""
    cases: tuple[Case, ...] = Field(min_length=1)


def load_policy(name: str) -> Policy:
    """A policy file: a path, or the name of a shipped one.

    :raises ManifestError: it cannot be used
    """
    shipped = POLICIES / f"{name}.yml"
    return _parsed(shipped if shipped.parent == POLICIES and shipped.is_file() else Path(name), Policy)


def load_cases(path: Path) -> tuple[str, tuple[Case, ...]]:
    """The name of the policy that the cases are for (empty: the one in force), and the cases.

    :raises ManifestError: the file cannot be used
    """
    read_cases = _parsed(path, _Cases)
    return read_cases.policy, read_cases.cases


def _parsed(path: Path, model: type[Model]) -> Model:
    whole: Any = read(path)
    try:
        return model.model_validate(whole)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ManifestError(str(path), f"{where}: {first['msg']}".removeprefix(": ")) from None
