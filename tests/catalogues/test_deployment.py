"""The deployment knows every process, and gives each what the tables of rights say, no more."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from aiops.bootstrap.doctor import NEEDS
from tasks import mqtt_access
from tasks.access import ACCESS

ROOT = Path(__file__).parents[2]
ROLE = ROOT / "ansible" / "roles" / "aiops"
TABLE: dict[str, dict[str, Any]] = yaml.safe_load((ROLE / "vars" / "main.yml").read_text())["aiops_table"]
WORKERS = {path.stem for path in (ROOT / "workers").glob("*.py")} - {
    "__init__",
    "draining",
    "lifecycle",
    "hermes_health",
    "showing",
}


def test_every_process_can_be_deployed_and_is_tried_before_it_is_kept() -> None:
    assert set(TABLE) == WORKERS
    assert set(NEEDS) == WORKERS | {"operator"}


def test_every_process_but_the_desk_has_its_account_in_redis() -> None:
    assert {name for name, its in TABLE.items() if not its.get("no_redis")} == set(ACCESS) - {"operator"}


def test_every_environment_has_a_lock_file_and_only_triage_gets_litellm() -> None:
    assert {its["extra"] for its in TABLE.values()} <= {path.stem for path in (ROOT / "constraints").glob("*.txt")}
    assert [name for name, its in TABLE.items() if its["extra"] == "triage"] == ["triage"]


def test_each_key_belongs_to_one_process() -> None:
    holders = {
        key: [name for name, its in TABLE.items() if key in its["secrets"]]
        for key in ("plan_signing_key", "repair_key", "probe_key", "ears_key")
    }
    assert holders == {
        "plan_signing_key": ["incidents"],
        "repair_key": ["remediation"],
        "probe_key": ["detect"],
        "ears_key": ["listen"],
    }


def test_what_stands_under_another_user_shares_its_folder_for_a_reason() -> None:
    shared = {name: its["user"] for name, its in TABLE.items() if "user" in its}
    looks = {name for name in shared if TABLE[name].get("read_only")}
    assert shared.pop("listen") == "notify", "one mailbox"
    assert set(shared) == looks, "whoever only reads a ledger"
    assert not any(TABLE[name]["secrets"] for name in looks)


def test_mqtt_accounts_write_their_own_state_and_the_bridge_everything_that_is_mirrored() -> None:
    lines = mqtt_access.acl("home/aiops").splitlines()
    assert all(line.startswith(("user aiops-", "topic write home/aiops/", "topic read home/aiops/")) for line in lines)
    assert set(mqtt_access.TOPICS) <= WORKERS | {"operator", "hermes-health"}
    written = {topic for name, its in mqtt_access.TOPICS.items() if name != "bridge" for topic in its.writes}
    assert not any("#" in topic or "+" in topic or topic.startswith(("guardian", "security")) for topic in written)


def test_passwords_for_mqtt_stay_the_same_and_are_not_shown(tmp_path: Path) -> None:
    first, again = mqtt_access.passwords(tmp_path / "mqtt"), mqtt_access.passwords(tmp_path / "mqtt")

    assert first == again
    for file in (tmp_path / "mqtt").iterdir():
        assert file.stat().st_mode & 0o777 == 0o600
        assert file.read_text() not in first


@pytest.mark.parametrize("template", sorted((ROLE / "templates").glob("*.service.j2")), ids=lambda path: path.name)
def test_every_unit_is_shut_in(template: Path) -> None:
    text = template.read_text()
    for line in (
        "NoNewPrivileges=yes",
        "ProtectSystem=strict",
        "CapabilityBoundingSet=\n",
        "PrivateTmp=yes",
        "UMask=0077",
    ):
        assert line in text
