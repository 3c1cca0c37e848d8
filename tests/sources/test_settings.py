"""From the settings to what is asked, and to which guardians are expected."""

from pathlib import Path

from aiops.bootstrap import detection
from aiops.settings import (
    Application,
    Loki,
    Metrics,
    MetricsQuery,
    Mirror,
    Mirrors,
    Pbs,
    Proxmox,
    Releases,
    Settings,
    Web,
)
from tasks.schedule import expected

EVERYTHING = Settings(
    proxmox=Proxmox(nodes=("pve1",), token="aiops@pve!look", token_file=Path("/nowhere")),
    pbs=Pbs(url="https://pbs:8007", token="aiops@pbs!look", token_file=Path("/nowhere")),
    loki=Loki(url="http://loki:3100"),
    metrics=Metrics(url="http://metrics:9090", queries=(MetricsQuery(name="one", query="up", limit=1),)),
    mirrors=Mirrors(repositories=(Mirror(name="one", source="https://a/one", mirror="https://b/one", host="ct1"),)),
    releases=Releases(
        applications=(Application(name="one", host="ct1", feed="https://forge/api/v1/repos/o/n", package="one"),)
    ),
)
GUARDIANS = {"proxmox", "pbs", "logs", "log-store", "metrics", "releases", "mirrors"}


def test_without_settings_nothing_is_asked_and_no_guardian_is_expected_that_asks() -> None:
    assert detection(Settings()).witnesses == {}
    assert not GUARDIANS & expected(Settings()).keys()
    assert {"health", "soc", "backup"} <= expected(Settings()).keys()


def test_every_source_that_is_set_up_is_asked_and_its_guardian_expected() -> None:
    assert (
        detection(EVERYTHING).witnesses.keys()
        == {"proxmox", "pbs", "loki", "metrics", "releases", "mirrors"}
        == EVERYTHING.sources
    )
    assert expected(EVERYTHING).keys() >= GUARDIANS


def test_a_secret_that_cannot_be_read_blinds_its_source_and_nothing_else() -> None:
    said = detection(EVERYTHING).witnesses["pbs"].ask("tasks", "sweep")
    assert said.told == ()
    assert "/nowhere" in said.gaps[0].reason


def test_pages_of_a_private_authority_are_believed_when_it_is_named(tmp_path: Path) -> None:
    ca = tmp_path / "ca.pem"
    ca.write_bytes(_authority())
    assert detection(Settings(web=Web(ca_file=ca))).web is not None


def _authority() -> bytes:
    import subprocess  # noqa: PLC0415 - only here

    made = subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
            *("-days", "1", "-subj", "/CN=Lab", "-keyout", "/dev/null"),
        ],
        check=True,
        capture_output=True,
    )
    return made.stdout
