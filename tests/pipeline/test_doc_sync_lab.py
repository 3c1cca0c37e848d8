"""doc-sync beside a real host: what differs is seeded, the journal is the one that a real repair wrote, and git is reached over
ssh alone. What is found, proposed once, and then silent."""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from aiops import bootstrap
from aiops.domain.incident import State
from aiops.settings import load_settings
from tasks.local import Local
from tasks.real_hosts import beside, booted, lab
from tests.contracts.sshd import Sshd, running
from tests.night.test_doc_sync import Remote, git
from tests.pipeline.test_storm import aiops
from tests.system import System

pytestmark = [pytest.mark.lab, pytest.mark.timeout(600)]

NAME = f"docs{os.getpid()}"
PAGE = """# Machines

<!-- aiops:hosts -->
| host | address | role | notes |
|---|---|---|---|
| ct201 | 10.9.9.9 | dns | my own words |
| ct999 | 10.9.9.10 | web | gone long ago |
<!-- /aiops:hosts -->
"""


@dataclass
class Written:
    """What is written down, each a bare repository behind a real sshd, and the map of another source."""

    wiki: Remote
    journal: Remote
    infra: Remote
    chart: Path

    def draw(self, *machines: str) -> None:
        """The map shows these machines."""
        nodes = [{"label": name, "nodeType": "lxc"} for name in machines]
        self.chart.write_text(
            json.dumps({"zones": [{"label": "LAN", "nodeType": "groupRect", "children": nodes}]}), encoding="utf-8"
        )


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    with running(tmp_path_factory.mktemp("sshd")) as server:
        yield server


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Written:
    folder = tmp_path_factory.mktemp("remotes")
    return Written(*(Remote(folder, name) for name in ("wiki", "ops-journal", "infra")), folder / "map.json")


@pytest.fixture(scope="module")
def local(sshd: Sshd, written: Written, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Local]:
    def address(remote: Remote) -> str:
        return f"ssh://{sshd.user}@127.0.0.1:{sshd.port}{remote.bare}"

    way = f'key_file = "{sshd.key}"\nknown_hosts = "{sshd.known_hosts}"\n'
    written.draw("ct201")
    more = f"""
[records]
journal_remote = "{address(written.journal)}"
{way}
[docs]
wiki_remote = "{address(written.wiki)}"
journal_remote = "{address(written.journal)}"
repositories = ["{address(written.infra)}"]
{way}
"""
    folder = tmp_path_factory.mktemp("docs")
    with (
        booted(folder, NAME, hosts=1) as settings,
        beside(
            folder / "system",
            settings.replace("[fleet]\n", f'[fleet]\nhomelable = "{written.chart}"\n'),
            more=more,
        ) as local,
    ):
        yield local


@pytest.fixture(scope="module")
def system(local: Local) -> System:
    started = System(local, load_settings())
    started.wait_online("detect", "incidents", "remediation", "night")
    return started


def repaired(system: System) -> str:
    """A service of the host dies and is restarted; the plan that did it, when the journal has arrived at its remote."""
    ledger = bootstrap.incidents(system.settings).ledger
    lab("break", "ct201", "dead-service", "--name", NAME)
    aiops("sweep", "health", "--host", "ct201", code=1)
    system.wait_for(
        lambda: [one for one in ledger.search(host="ct201") if one.state is State.RESOLVED], 180, "it is repaired"
    )
    (incident,) = ledger.search(host="ct201")
    plan = ledger.plan_of(incident.id)
    assert plan
    system.wait_for(lambda: system.events(type="records.pushed"), 60, "the journal is pushed")
    return plan.id


def run(system: System) -> int:
    """One run of the task to its end; how many reports there are after it."""
    log = system.local.folder / "log" / "night.log"

    def ended() -> int:
        return sum("doc_sync" in line and "succeeded" in line for line in log.read_text().splitlines())

    before = ended()
    assert "asked for" in aiops("doc-sync")
    system.wait_for(lambda: ended() > before, 90, "doc-sync has ended")
    system.wait_for(lambda: not system.client.llen("incidents"), 30, "what it says is told")
    return len(system.events(type="night.report", cron="guardian-doc-sync"))


def test_seeded_differences_are_found_proposed_once_and_then_there_is_silence(system: System, written: Written) -> None:
    plan = repaired(system)
    host = next(one for one in bootstrap.inventory(system.settings).hosts() if one.name == "ct201")
    written.wiki.commit("first", machines=PAGE)
    written.infra.commit(f"Restart the service\n\nPlan: {plan}\n", a="1")
    silent = written.infra.commit("Quick fix nobody wrote down", a="2")
    written.draw("ct201", "forgotten")
    main = git(written.wiki.bare, "rev-parse", "main")

    said = aiops("doc-sync", "--dry-run", code=1)
    wanted = [
        "inventory: forgotten is missing; homelable has it",
        "machines.md: ct999 is no such host (any more)",
        f"machines.md: ct201: address is written as 10.9.9.9, it is {host.address}",
        f"machines.md: ct201: role is written as dns, it is {host.role}",
        f"journal: infra {silent[:7]} of ",
    ]
    assert [line for line in wanted if line not in said] == []
    assert len(said.splitlines()) == len(wanted), "what the real journal names by its plan is no difference"
    assert written.wiki.branches() == ["main"]

    assert run(system) == 1
    (report,) = system.events(type="night.report", cron="guardian-doc-sync")
    assert report["symptom"].startswith("doc-sync: 5 differences; the branch doc-sync/")
    (branch,) = [name for name in written.wiki.branches() if name != "main"]
    page = git(written.wiki.bare, "show", f"{branch}:machines.md")
    assert f"| ct201 | {host.address} | {host.role} | my own words |" in page
    assert "ct999" not in page
    assert git(written.wiki.bare, "rev-parse", f"{branch}^") == main == git(written.wiki.bare, "rev-parse", "main")

    assert run(system) == 1, "the same differences are told once"
    assert written.wiki.branches() == [branch, "main"]

    git(written.wiki.clone, "fetch", "--quiet", "origin", branch)
    git(written.wiki.clone, "merge", "--quiet", "--ff-only", "FETCH_HEAD")
    git(written.wiki.clone, "push", "--quiet", "origin", "HEAD:main", f":{branch}")
    git(written.journal.clone, "pull", "--quiet", "origin", "main")
    written.journal.commit("By hand", quick=f"{silent[:9]}: what I did in a hurry\n")
    written.draw("ct201")
    assert aiops("doc-sync", "--dry-run").strip().endswith("nothing differs")
    assert run(system) == 1, "nothing differs, so nothing is said"
    assert written.wiki.branches() == ["main"]
