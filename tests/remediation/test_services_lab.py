"""The playbooks about what a host serves and ships, on a real host."""

import pytest

from lab import faults
from tests.remediation.fleet import Fleet

pytestmark = [pytest.mark.lab, pytest.mark.slow, pytest.mark.timeout(500)]

KEPT = "/var/lib/aiops/kept"
SITE = {
    "unit": "lab-certificate.service",
    "server": "nginx.service",
    "name": "ct201",
    "files": ["/etc/ssl/lab/site.pem", "/etc/ssl/lab/site.key"],
}


def test_a_certificate_that_ends_soon_is_renewed_and_the_previous_one_kept(fleet: Fleet) -> None:
    fleet.break_("cert-expiring")
    old = fleet.inside.read("/etc/ssl/lab/site.pem")
    announced = fleet.looked("renew_certificate", **SITE)
    assert "to be renewed by lab-certificate.service: ct201 on port 443, notAfter=" in announced.changes
    assert fleet.inside.read("/etc/ssl/lab/site.pem") == old

    fleet.mended("renew_certificate", **SITE)

    assert not fleet.broken("cert-expiring")
    assert fleet.inside.read(f"{KEPT}/certificates/%etc%ssl%lab%site.pem") == old
    assert fleet.run("stat", "-c", "%a", f"{KEPT}/certificates/%etc%ssl%lab%site.key").strip() == "600"


def test_a_renewal_that_brings_nothing_better_is_taken_back(fleet: Fleet) -> None:
    fleet.break_("cert-expiring")
    old = fleet.inside.read("/etc/ssl/lab/site.pem")
    worse = "/run/systemd/system/lab-certificate.service.d/worse.conf"
    fleet.run("mkdir", "-p", worse.rpartition("/")[0])
    fleet.inside.write(worse, "[Service]\nExecStart=\nExecStart=/usr/local/sbin/lab-certificate 3\n")
    fleet.run("systemctl", "daemon-reload")
    try:
        outcome = fleet.repair("renew_certificate", **SITE)
    finally:
        fleet.run("rm", worse)
        fleet.run("systemctl", "daemon-reload")
    assert outcome.status == "failure"
    assert "the previous certificate is back: after the renewal this is served" in outcome.reason
    assert fleet.inside.read("/etc/ssl/lab/site.pem") == old


def test_the_checklist_tells_what_is_done_missing_and_open(fleet: Fleet) -> None:
    fleet.inside.run("systemctl", "start", "lab-certificate")  # another test may have left one that is about to end
    outcome = fleet.quiet("health_check", name="ct201")
    points = dict(line.strip().split(": ", 1) for line in outcome.transcript.splitlines() if line.startswith("      "))
    assert set(points) == {
        *("Ansible", "HTTPS", "DNS", "Semaphore's key", "Beszel", "Wazuh", "Patchmon", "logs"),
        *("NetBox", "Homepage", "documentation"),
    }
    assert {points[name] for name in ("Ansible", "HTTPS", "DNS")} == {"done"}
    assert {points[name] for name in ("Beszel", "Patchmon")} == {"missing"}
    assert points["NetBox"] == "open, the host cannot tell"


LOKI = {"loki_url": "http://127.0.0.1:3100/loki/api/v1/push"}


def test_a_log_shipper_that_ships_nothing_is_deployed_anew(fleet: Fleet) -> None:
    fleet.break_("log-shipper-broken")
    broken = fleet.inside.read("/etc/promtail/config.yml")
    announced = fleet.looked("redeploy_promtail", **LOKI)
    assert "is written anew; promtail is restarted" in announced.changes
    assert fleet.inside.read("/etc/promtail/config.yml") == broken

    fleet.mended("redeploy_promtail", **LOKI)

    assert not fleet.broken("log-shipper-broken")
    assert fleet.inside.read(f"{KEPT}/promtail/config.yml") == broken


def test_a_configuration_that_ships_nothing_is_taken_back(fleet: Fleet) -> None:
    faults.named("log-shipper-broken").prepare(fleet.inside)
    before = fleet.inside.read("/etc/promtail/config.yml")
    outcome = fleet.repair("redeploy_promtail", **LOKI, log_path="/var/log/nobody-writes-here")
    assert outcome.status == "failure"
    assert "the previous configuration is back: Prove that it arrives at Loki" in outcome.reason
    assert fleet.inside.read("/etc/promtail/config.yml") == before
    assert not fleet.broken("log-shipper-broken")


def test_a_loki_that_does_not_answer_is_not_blamed_on_promtail(fleet: Fleet) -> None:
    faults.named("log-shipper-broken").prepare(fleet.inside)
    before = fleet.inside.read("/etc/promtail/config.yml")
    outcome = fleet.repair("redeploy_promtail", loki_url="http://127.0.0.1:3101/loki/api/v1/push")
    assert outcome.status == "failure"
    assert "nothing was changed" in outcome.reason
    assert "Loki does not answer" in outcome.reason
    assert fleet.inside.read("/etc/promtail/config.yml") == before


def test_a_configuration_with_a_password_is_not_overwritten(fleet: Fleet) -> None:
    faults.named("log-shipper-broken").prepare(fleet.inside)
    before = fleet.inside.read("/etc/promtail/config.yml")
    fleet.inside.write("/etc/promtail/config.yml", before + "# password_file: /etc/promtail/secret\n")
    outcome = fleet.repair("redeploy_promtail", **LOKI)
    fleet.inside.write("/etc/promtail/config.yml", before)
    assert outcome.status == "failure"
    assert "holds credentials, which would be lost" in outcome.reason
