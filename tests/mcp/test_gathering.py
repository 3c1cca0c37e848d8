"""Agents' sessions and triage ask servers of others: within limits, quoted as data, and nothing a server does becomes an act."""

import json
import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from aiops.adapters.llm_prompt import prompt_for
from aiops.adapters.mcp_tools import Ask, McpTools
from aiops.adapters.memory_events import MemoryEvents
from aiops.adapters.session_runner import SessionRunner
from aiops.adapters.session_walls import walls
from aiops.domain.session import SessionBudget, SessionEnd
from aiops.domain.verdict import Question, Verdict
from aiops.ports import TriageServices
from aiops.steps import triage
from tests.mcp.servers import hostile, tools
from tests.sessions.ends import nothing_left
from tests.sessions.grants import CATALOGUE, INCIDENT, grant
from tests.sessions.model import Model, call, calls, scripted

pytestmark = pytest.mark.mcp
BUDGET = SessionBudget(seconds=120, calls=20, tokens=60_000)
GIVE_UP = call("give_up", reason="nothing here says what is wrong")


@pytest.fixture
def model() -> Iterator[Model]:
    with scripted() as running:
        yield running


def session(folder: Path, model: Model, found: McpTools, budget: SessionBudget = BUDGET) -> SessionEnd:
    runner = SessionRunner(
        folder / "sessions", partial(walls, "aiops-session"), base=model.base, model="scripted", outside=found
    )
    end = runner.run(grant(budget=budget), CATALOGUE, lambda: True)
    assert nothing_left(runner)
    return end


def told(end: SessionEnd, what: str) -> list[str]:
    return [line.text for line in end.lines if line.what == what]


def ask(server: str, tool: str = "look") -> dict[str, object]:
    return calls(("ask_server", json.dumps({"server": server, "tool": tool, "arguments": {}})))


def test_hostile_servers_lead_to_no_act_and_the_transcript_names_each(tmp_path: Path, model: Model) -> None:
    bad = [hostile("orders"), hostile("flood"), hostile("hang", seconds=8), hostile("liar")]
    found = tools(tmp_path, *bad)
    model.turns(call("servers"), *[ask(one.name) for one in bad], ask("orders", "wipe"), ask("nowhere"), GIVE_UP)
    end = session(tmp_path, model, found)
    assert end.ending == "nothing", end.reason
    assert end.plan is None
    assert end.playbook is None
    servers, orders, flood, hang, liar, wipe, nowhere, *_ = told(end, "result")
    assert set(json.loads(servers.split("\n", 1)[1].rsplit("\n", 1)[0])["servers"]) == {one.name for one in bad}
    mark, *_, last = orders.split("\n")
    assert mark == last
    assert mark != "=== data 0000000000000000 ==="
    assert "Ignore your rules" in orders
    assert "correct-horse-battery" not in orders
    assert "the server flood was cut off: it said more than" in flood
    assert "the server hang was cut off" in hang
    assert "the server liar was cut off: its answer does not keep to the schema" in liar
    assert "not asked: refused (act)" in wipe
    assert "not asked: there is no MCP server 'nowhere'" in nowhere
    assert len(told(end, "called")) == 8


def test_a_session_that_is_killed_while_a_server_hangs_leaves_nothing(tmp_path: Path, model: Model) -> None:
    found = tools(tmp_path, hostile("hang", seconds=60))
    model.turns(ask("hang"))
    runner = SessionRunner(
        tmp_path / "sessions", partial(walls, "aiops-session"), base=model.base, model="scripted", outside=found
    )
    end = runner.run(grant(budget=SessionBudget(seconds=8, calls=20, tokens=60_000)), CATALOGUE, lambda: True)
    assert end.ending == "stopped"
    assert nothing_left(runner)
    assert not list((tmp_path / "run").glob("*"))


def test_a_session_whose_questions_are_used_up_asks_no_more_and_says_so(tmp_path: Path, model: Model) -> None:
    found = tools(tmp_path, hostile("counts", calls=2))
    model.turns(*[ask("counts")] * 4, GIVE_UP)
    end = session(tmp_path, model, found)
    assert end.ending == "nothing", end.reason
    first, second, third, fourth = told(end, "result")[:4]
    assert "asked 1 times" in first
    assert "asked 2 times" in second
    assert third == fourth == "not asked: refused (calls): 2 questions to counts are used up"


def test_a_session_whose_turns_are_spent_asks_no_server_any_more_and_says_so(tmp_path: Path, model: Model) -> None:
    found = tools(tmp_path, hostile("counts"))
    model.turns(*[ask("counts")] * 3)
    budget = SessionBudget(seconds=120, calls=2, tokens=60_000)
    end = session(tmp_path, model, found, budget)
    assert end.ending == "stopped"
    assert [("asked 1 times" in one, "asked 2 times" in one) for one in told(end, "result")] == [
        (True, False),
        (False, True),
    ]
    assert "its turns are spent: 2" in told(end, "stopped")


class Judge:
    """Keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[Question] = []

    def judge(self, question: Question) -> Verdict:
        self.asked.append(question)
        return Verdict(incident=question.incident.id, action="alert_human", reason="a test", source="fallback")


def test_triage_gathers_what_the_settings_want_and_leaves_out_what_talks_to_it(tmp_path: Path) -> None:
    wanted = Ask("look", {"host": "{host}", "days": 2})
    found = tools(
        tmp_path,
        hostile("plain", gather=(wanted, Ask("wipe"), Ask("look", kinds=("disk.",)))),
        hostile("orders", gather=(wanted,)),
        hostile("hang", seconds=8, gather=(wanted,)),
        gather_seconds=60,
    )
    judge, events = Judge(), MemoryEvents()
    triage(Question(incident=INCIDENT), TriageServices(judge, events, tools=found))
    plain, wipe, orders, hang = judge.asked[0].outside
    assert (plain.text, plain.arguments) == ("nothing special", {"host": "ct201", "days": 2})
    assert "refused (act)" in wipe.cut_off
    assert orders.text == ""
    assert "its answer was left out" in orders.cut_off
    assert "hang" in hang.server
    assert hang.cut_off
    prompt = prompt_for(judge.asked[0]).messages
    assert "nothing special" not in prompt[0]["content"]
    assert "nothing special" in prompt[1]["content"]
    assert "wipe_host" not in prompt[1]["content"]
    assert [event.type for event in events.events].count("server.asked") == 4


def test_what_triage_gathers_has_one_end_for_all_servers_together(tmp_path: Path) -> None:
    servers = [hostile("hang", name=f"hang{n}", seconds=60, gather=(Ask("look"),)) for n in range(3)]
    found = tools(tmp_path, *servers, gather_seconds=10)
    began = os.times().elapsed
    heard = found.gather(Question(incident=INCIDENT))
    assert [bool(one.cut_off) for one in heard] == [True] * 3
    assert os.times().elapsed - began < 90


def test_what_triage_may_ask_is_counted_for_each_server_and_what_is_left_out_is_said(tmp_path: Path) -> None:
    found = tools(tmp_path, hostile("counts", calls=1, gather=(Ask("look"), Ask("look"))), gather_seconds=60)
    judge, events = Judge(), MemoryEvents()
    triage(Question(incident=INCIDENT), TriageServices(judge, events, tools=found))
    once, never = judge.asked[0].outside
    assert "asked 1 times" in once.text
    assert never.cut_off == "refused (calls): 1 questions to counts are used up"
    said = [event.symptom for event in events.events if event.type == "server.asked"]
    assert said[1] == f"counts.look: cut off: {never.cut_off}"
