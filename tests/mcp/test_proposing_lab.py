"""A client proposes a repair over MCP: without a human nothing happens, after the approval the host is mended. On a real host.

The human answers at the command line, and by the card on the phone.
"""

import os
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping
from getpass import getuser
from pathlib import Path
from typing import Any

import anyio
import pytest

from aiops.domain.incident import State
from aiops.settings import load_settings
from tasks.real_hosts import fleet, lab
from tests.pipeline.test_real_hosts import Real
from tests.voice.telegram_server import DIRECT, GROUP, TOKEN, Telegram, running

pytestmark = [pytest.mark.lab, pytest.mark.mcp, pytest.mark.timeout(1100)]

ROOT = Path(__file__).parents[2]
NAME = f"mcp{os.getpid()}"
MARIE, STRANGER = 11, 666
AUTO = '[policy]\ndefault = "auto"\n'


@pytest.fixture(scope="module")
def telegram() -> Iterator[Telegram]:
    with running() as server:
        yield server


@pytest.fixture(scope="module")
def real(telegram: Telegram, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Real]:
    """One host, and a policy that would start anything by itself: what an agent proposed it must not."""
    folder = tmp_path_factory.mktemp("mcp")
    (folder / "telegram_token").write_text(TOKEN)
    phone = f"""
[telegram]
token_file = "{folder}/telegram_token"
group = {GROUP}
direct = {DIRECT}
users = [{MARIE}]
api = "{telegram.api}"
"""
    with fleet(folder, NAME, hosts=1, policy=AUTO, more=phone) as local:
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


def proposed(real: Real) -> Mapping[str, Any]:
    """What the client is told of its proposal."""

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
    return plan  # type: ignore[no-any-return]


def waits(real: Real, plan: Mapping[str, Any]) -> None:
    """The whole loop goes round once, and still nothing has started for it."""
    real.sweep("disk", host="ct201")
    assert real.services.ledger.approval(plan["plan"]) is None
    assert real.services.ledger.outcome(plan["plan"]) is None
    assert not active()


def mended(real: Real, plan: Mapping[str, Any], by: str) -> None:
    """The plan was carried out because that human said so, and its detector saw the end of the trouble."""
    real.wait_for(
        lambda: real.services.ledger.get(plan["incident"]).state is State.RESOLVED, 250, "the proposal is carried out"
    )
    outcome, approval = real.services.ledger.outcome(plan["plan"]), real.services.ledger.approval(plan["plan"])
    assert outcome
    assert approval
    assert outcome.status == "success"
    assert approval.by == by
    assert active()


def card(telegram: Telegram, plan: Mapping[str, Any]) -> int:
    """The message with buttons that tells of the proposal."""
    (number,) = telegram.until(
        lambda: [n for n, one in telegram.shown.items() if plan["incident"] in one["text"] and one.get("reply_markup")],
        "the card",
        60,
    )
    return int(number)


def test_a_proposal_waits_for_a_human_and_then_mends_the_host(real: Real) -> None:
    lab("break", "ct201", "dead-service", "--name", NAME)
    assert not active()
    plan = proposed(real)
    waits(real, plan)
    real.command("approve", plan["incident"], "--digest", plan["digest"][:12])
    mended(real, plan, getuser())


def test_a_proposal_is_a_card_on_the_phone_and_only_the_right_press_on_it_mends_the_host(
    real: Real, telegram: Telegram
) -> None:
    lab("break", "ct201", "dead-service", "--name", NAME)
    assert not active()
    plan = proposed(real)
    asked = card(telegram, plan)
    assert "restart_service" in telegram.shown[asked]["text"]
    approve = telegram.button(asked, "Approve")
    assert "not on this bot's list" in telegram.toast(telegram.press_nonce(STRANGER, asked, approve))
    waits(real, plan)
    said = telegram.toast(telegram.press(MARIE, asked, "Approve"))
    assert said.startswith("Approved: restart_service on ct201")
    mended(real, plan, f"telegram:{MARIE}")


def test_a_proposal_that_is_denied_on_the_phone_changes_nothing(real: Real, telegram: Telegram) -> None:
    lab("break", "ct201", "dead-service", "--name", NAME)
    assert not active()
    plan = proposed(real)
    asked = card(telegram, plan)
    started = len(real.events(type="remediation.started"))
    telegram.toast(telegram.press(MARIE, asked, "Deny"))
    waits(real, plan)
    assert real.services.ledger.get(plan["incident"]).state is not State.AWAITING_APPROVAL
    assert len(real.events(type="remediation.started")) == started
