"""The LiteLLM story on a real host: a crash loop, a paired upgrade, and two upgrades that are no good."""

import pytest

from aiops.domain.outcome import Outcome
from tests.remediation.fleet import Fleet
from tests.remediation.wheels import CRASHES, SERVES, UNIT, litellm_wheels

pytestmark = [pytest.mark.lab, pytest.mark.slow, pytest.mark.timeout(1000)]


@pytest.fixture(scope="module")
def llm(fleet: Fleet) -> Fleet:
    """A host with a litellm that crashes over and over, and wheels of newer ones."""
    folder = fleet.inside.root / "srv/wheels"
    folder.mkdir()
    litellm_wheels(folder, {"1.0.0": CRASHES, "1.1.0": SERVES, "1.2.0": CRASHES, "1.3.0": SERVES})
    fleet.inside.write("/etc/systemd/system/litellm.service", UNIT)
    fleet.run("systemctl", "daemon-reload")
    return fleet


def upgraded(llm: Fleet, version: str, extras: str) -> Outcome:
    return llm.repair("upgrade_litellm", version=version, extras_version=extras, wheels="/srv/wheels", settle_seconds=2)


def taken_back(llm: Fleet) -> Outcome:
    return llm.repair("undo_upgrade_litellm", settle_seconds=2)


def current(llm: Fleet) -> str:
    return llm.run("readlink", "/opt/litellm/current").strip()


def test_litellm_is_upgraded_as_a_pair_or_not_at_all(llm: Fleet) -> None:
    first = upgraded(llm, "1.0.0", "0.0.0")
    assert first.status == "failure", "it crashes over and over, and nothing was there before"
    assert "no version lives: there was none before" in first.reason
    assert current(llm) == "/opt/litellm/venvs/1.0.0-0.0.0"

    mismatch = upgraded(llm, "1.1.0", "0.0.0")
    assert mismatch.status == "failure"
    assert current(llm) == "/opt/litellm/venvs/1.0.0-0.0.0", "refused before the link was touched"

    paired = upgraded(llm, "1.1.0", "0.1.0")
    assert paired.status == "success", paired.reason
    assert "litellm 1.1.0 with litellm-proxy-extras 0.1.0 instead of 1.0.0-0.0.0" in paired.changes
    assert current(llm) == "/opt/litellm/venvs/1.1.0-0.1.0"

    again = upgraded(llm, "1.1.0", "0.1.0")
    assert again.status == "success"
    assert again.recap[llm.name]["changed"] == 0


def test_a_version_that_does_not_live_is_taken_back(llm: Fleet) -> None:
    outcome = upgraded(llm, "1.2.0", "0.2.0")
    assert outcome.status == "failure"
    assert "the version from before is back and lives" in outcome.reason
    assert current(llm) == "/opt/litellm/venvs/1.1.0-0.1.0"


def test_a_version_that_lives_and_is_not_wanted_makes_way_for_the_one_before(llm: Fleet) -> None:
    assert upgraded(llm, "1.3.0", "0.3.0").status == "success"
    announced = llm.looked("undo_upgrade_litellm", settle_seconds=2)
    assert "litellm is to run from 1.1.0-0.1.0 instead of 1.3.0-0.3.0" in announced.changes
    assert current(llm) == "/opt/litellm/venvs/1.3.0-0.3.0"

    llm.mended("undo_upgrade_litellm", settle_seconds=2)
    assert current(llm) == "/opt/litellm/venvs/1.1.0-0.1.0"


def test_a_link_that_somebody_has_moved_since_is_left_alone(llm: Fleet) -> None:
    llm.run("ln", "-sfT", "/opt/litellm/venvs/1.0.0-0.0.0", "/opt/litellm/current")
    outcome = taken_back(llm)
    llm.run("ln", "-sfT", "/opt/litellm/venvs/1.3.0-0.3.0", "/opt/litellm/current")
    assert outcome.reason.startswith("check mode failed, nothing was changed"), outcome.reason
    assert "has changed since" in outcome.reason


def test_an_upgrade_stays_when_the_version_before_does_not_live(llm: Fleet) -> None:
    llm.run("mv", "/opt/litellm/venvs/1.1.0-0.1.0", "/opt/litellm/venvs/aside")
    gone = taken_back(llm)
    llm.run("cp", "-a", "/opt/litellm/venvs/1.0.0-0.0.0", "/opt/litellm/venvs/1.1.0-0.1.0")
    outcome = taken_back(llm)

    assert "the environment from before is not there" in gone.reason
    assert outcome.status == "failure"
    assert "the version from before does not live, so the upgrade stays" in outcome.reason
    assert current(llm) == "/opt/litellm/venvs/1.3.0-0.3.0"
