"""A client proposes a repair over MCP: without a human nothing happens, after the approval the host is mended. On a real host."""

import os
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest

from aiops.domain.incident import State
from aiops.settings import load_settings
from tasks.real_hosts import fleet, lab
from tests.pipeline.test_real_hosts import Real

pytestmark = [pytest.mark.lab, pytest.mark.mcp, pytest.mark.timeout(1100)]

ROOT = Path(__file__).parents[2]
NAME = f"mcp{os.getpid()}"
AUTO = '[policy]\ndefault = "auto"\n'


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Real]:
    """One host, and a policy that would start anything by itself: what an agent proposed it must not."""
    with fleet(tmp_path_factory.mktemp("mcp"), NAME, hosts=1, policy=AUTO) as local:
        system = Real(local, load_settings())
        system.wait_for(
            lambda: len({event["context"]["queue"] for event in system.events(type="worker.online")}) >= 5,
            400,
            "it is up",
        )
        yield system


def with_client(real: Real, work: Callable[[Any], Awaitable[Any]]) -> Any:
    from mcp import ClientSession, StdioServerParameters, stdio_client  # noqa: PLC0415 - not installed everywhere

    async def run() -> Any:
        environment = {**os.environ, "AIOPS_CONFIG": str(real.local.config), "PYTHONPATH": str(ROOT)}
        words = ["-m", "tasks.cli", "mcp", "serve"]
        parameters = StdioServerParameters(command=sys.executable, args=words, env=environment)
        with anyio.fail_after(120), (real.local.folder / "serve.log").open("a") as log:
            async with stdio_client(parameters, errlog=log) as streams, ClientSession(*streams) as session:
                await session.initialize()
                return await work(session)

    return anyio.run(run)


def active() -> bool:
    words = ("exec", "--name", NAME, "ct201", "--", "systemctl", "is-active", "cron.service")
    return lab(*words, check=False).strip() == "active"


def test_a_proposal_waits_for_a_human_and_then_mends_the_host(real: Real) -> None:
    lab("break", "ct201", "dead-service", "--name", NAME)
    assert not active()

    async def propose(session: Any) -> Any:
        asked = {
            "playbook": "restart_service",
            "hosts": ["ct201"],
            "params": {"unit": "cron.service"},
            "reason": "cron was killed and nothing starts it again",
        }
        result = await session.call_tool("propose_plan", asked)
        assert not result.is_error, result.content[0].text
        return result.structured_content["data"]

    plan = with_client(real, propose)
    assert plan["state"] == "awaiting_approval"
    real.sweep("disk", host="ct201")  # the whole loop goes round once, and still nothing has started for it
    assert real.services.ledger.approval(plan["plan"]) is None
    assert real.services.ledger.outcome(plan["plan"]) is None

    real.command("approve", plan["incident"], "--digest", plan["digest"][:12])
    real.wait_for(
        lambda: real.services.ledger.get(plan["incident"]).state is State.RESOLVED, 250, "the proposal is carried out"
    )
    outcome = real.services.ledger.outcome(plan["plan"])
    assert outcome
    assert outcome.status == "success"
    assert active()
