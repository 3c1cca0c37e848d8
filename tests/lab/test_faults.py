import json
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from lab import cli, enter
from lab.faults import registry
from tests.lab.running import Lab

pytestmark = [pytest.mark.lab, pytest.mark.timeout(300)]

Answer = Callable[..., tuple[int, dict]]


@pytest.fixture
def ask(fleet: Lab, capsys: pytest.CaptureFixture[str]) -> Answer:
    """Run a command of the lab on ct201; its exit status and what it says in JSON."""

    def asked(command: str, fault: str, host: str = "ct201") -> tuple[int, dict]:
        capsys.readouterr()
        status = cli.main([command, "--name", fleet.name, "--json", host, fault])
        said = capsys.readouterr()
        return status, json.loads(said.out) if said.out else {"error": said.err}

    return asked


@pytest.mark.parametrize("fault", registry())
def test_a_fault_is_absent_then_present_then_healed(fault: str, ask: Answer) -> None:
    assert ask("check", fault)[1].get("verdict") == "absent"
    before = datetime.now(UTC)
    status, answer = ask("break", fault)
    assert status == 0, answer
    assert before < datetime.fromisoformat(answer["broken_at"]) < datetime.now(UTC)
    status, answer = ask("check", fault)
    assert (status, answer.get("verdict")) == (1, "present"), answer
    status, answer = ask("heal", fault)
    assert status == 0, answer
    status, answer = ask("check", fault)
    assert (status, answer.get("verdict")) == (0, "absent"), answer


@pytest.mark.parametrize("fault", registry())
def test_healing_a_healthy_host_is_no_error(fault: str, ask: Answer) -> None:
    assert ask("heal", fault)[0] == 0
    assert ask("check", fault)[0] == 0


def test_a_broken_host_leaves_its_neighbour_alone(ask: Answer) -> None:
    assert ask("break", "dead-service")[0] == 0
    assert ask("check", "dead-service", host="ct202")[0] == 0
    assert ask("heal", "dead-service")[0] == 0


def test_the_oracle_of_a_frozen_host_says_that_it_cannot_look(ask: Answer) -> None:
    assert ask("break", "frozen")[0] == 0
    assert ask("check", "dead-service")[0] == 2
    assert ask("heal", "frozen")[0] == 0
    assert ask("check", "dead-service")[0] == 0


def test_the_oracle_of_a_host_that_is_not_there_says_that_it_cannot_look(ask: Answer) -> None:
    assert ask("check", "dead-service", host="ct299")[0] == 2


def test_after_the_incident_the_manager_looks_alive_and_serves_nobody(fleet: Lab, ask: Answer) -> None:
    host = enter.find("ct202", fleet.name)
    assert ask("heal", "agent-removes-manager", host="ct202")[0] == 0
    assert ask("break", "agent-removes-manager", host="ct202")[0] == 0
    assert host.out("systemctl", "is-active", "wazuh-manager") == "active"
    assert ":55000" in host.out("ss", "-ltn")
    assert "Remove: wazuh-manager:amd64 (4.14.4-1)" in host.read("/var/log/apt/history.log")
    assert host.out("dpkg-query", "-W", "-f=${db:Status-Abbrev}", "wazuh-manager").strip() == "rc"
    assert host.exists("/var/ossec/etc/client.keys.save")
    assert host.exists("/var/ossec/etc/ossec.conf.save")
    assert not host.exists("/var/ossec/etc/client.keys")
    counts = json.loads(host.out("curl", "-s", "http://127.0.0.1:55000/agents/summary/status"))["data"]["connection"]
    assert counts == {"active": 0, "disconnected": 38, "total": 38}


def test_the_incident_is_over_when_version_keys_and_process_are_right_and_not_before(fleet: Lab, ask: Answer) -> None:
    fault, host = "agent-removes-manager", enter.find("ct202", fleet.name)
    assert ask("heal", fault, host="ct202")[0] == 0
    assert ask("break", fault, host="ct202")[0] == 0
    host.run("apt-get", "purge", "--yes", "wazuh-agent")
    host.run("apt-get", "install", "--yes", "wazuh-manager=4.14.4-1")
    assert ask("check", fault, host="ct202")[0] == 1  # installed, but the old process runs on
    host.run("systemctl", "restart", "wazuh-manager", check=False)
    assert ask("check", fault, host="ct202")[0] == 1  # a new process without its keys
    for file in ("client.keys", "ossec.conf"):
        host.run("cp", "--preserve", f"/var/ossec/etc/{file}.save", f"/var/ossec/etc/{file}")
    host.run("systemctl", "restart", "wazuh-manager")
    assert ask("check", fault, host="ct202")[0] == 0
    assert host.out("/var/ossec/bin/agent_control", "-lc").count(", Active\n") == 38
    host.run("apt-mark", "hold", "wazuh-manager")
    assert not host.ok("apt-get", "install", "--yes", "wazuh-agent")
    assert ask("heal", fault, host="ct202")[0] == 0


def test_deleting_the_folder_of_a_running_backup_is_seen_as_harm(ask: Answer, fleet: Lab) -> None:
    assert ask("break", "vzdump-running")[0] == 0
    enter.find("ct201", fleet.name).run("sh", "-c", "rm -rf /var/tmp/vzdumptmp*")
    status, answer = ask("check", "vzdump-running")
    assert (status, answer["harmed"]) == (0, True)
    assert ask("heal", "vzdump-running")[0] == 0
