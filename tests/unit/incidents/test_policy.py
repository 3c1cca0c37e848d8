"""Policy: the strictest answer wins, and wider never means more automatic."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiops.domain.host import Host
from aiops.domain.policy import Policy, Rule
from aiops.domain.severity import Severity
from tests.incident_world import RESTART

WEB = Host(name="web1", role="web")
AUTO = Policy(rules=(Rule(playbooks=("restart_service",), roles=("web",), decision="auto"),))
ORDER = ("auto", "ask", "never")


def decide(
    policy: Policy, *hosts: Host, kinds: tuple[str, ...] = ("service.dead",), relapse: bool = False, **change: object
) -> str:
    remediation = RESTART.model_copy(update=change)
    return policy.decide(list(kinds), remediation, list(hosts), Severity.WARNING, relapse=relapse)[0]


def test_a_fresh_policy_asks() -> None:
    assert decide(Policy(), WEB) == "ask"


def test_a_rule_allows_exactly_what_it_names() -> None:
    assert decide(AUTO, WEB) == "auto"
    assert decide(AUTO, Host(name="db1", role="db")) == "ask"


@pytest.mark.parametrize(
    ("hosts", "change"),
    [
        ((Host(name="x"),), {}),
        ((WEB,), {"never_roles": ("db", "web")}),
        ((WEB, Host(name="web2", role="web")), {}),
        ((Host(name="dns1", role="web", pair="dns"), Host(name="dns2", role="web", pair="dns")), {"max_hosts": 2}),
    ],
    ids=["unknown role", "a role the manifest forbids", "too many hosts", "both halves of a pair"],
)
def test_blast_radius_is_never(hosts: tuple[Host, ...], change: dict[str, object]) -> None:
    assert decide(AUTO, *hosts, **change) == "never"


def test_a_playbook_that_needs_a_human_is_asked_about_whatever_a_rule_says() -> None:
    assert decide(AUTO, WEB, approval="human") == "ask"


decisions = st.sampled_from(ORDER)
rules = st.builds(
    Rule,
    kinds=st.lists(st.sampled_from(["a.a", "b.b"]), max_size=1).map(tuple),
    roles=st.lists(st.sampled_from(["web", "db"]), max_size=1).map(tuple),
    decision=decisions,
)


@given(
    policy=st.builds(Policy, default=decisions, rules=st.lists(rules, max_size=4).map(tuple)),
    kinds=st.lists(st.sampled_from(["a.a", "b.b", "c.c"]), min_size=1, max_size=3, unique=True),
    roles=st.lists(st.sampled_from(["web", "db", ""]), min_size=1, max_size=3),
)
def test_wider_is_never_more_automatic(policy: Policy, kinds: list[str], roles: list[str]) -> None:
    hosts = [Host(name=f"h{n}", role=role) for n, role in enumerate(roles)]
    whole = ORDER.index(decide(policy, *hosts, kinds=tuple(kinds), max_hosts=5))
    part = ORDER.index(decide(policy, hosts[0], kinds=tuple(kinds[:1]), max_hosts=5))
    relapsed = ORDER.index(decide(policy, *hosts, kinds=tuple(kinds), max_hosts=5, relapse=True))
    assert part <= whole <= relapsed
