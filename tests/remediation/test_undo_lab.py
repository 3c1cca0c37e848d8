"""The way back from a repair, on a real host: it restores, it is idempotent, and it refuses what has changed since."""

from typing import Any

import pytest

from lab import faults
from tests.remediation.fleet import Fleet
from tests.remediation.test_packages_lab import flaky, state
from tests.remediation.test_security_lab import DROP_IN, in_force

pytestmark = [pytest.mark.lab, pytest.mark.long, pytest.mark.slow, pytest.mark.timeout(1000)]

CONFIG = "/etc/promtail/config.yml"
SITE: dict[str, Any] = {
    "unit": "lab-certificate.service",
    "server": "nginx.service",
    "name": "ct201",
    "files": ["/etc/ssl/lab/site.pem", "/etc/ssl/lab/site.key"],
}
LOKI = {"loki_url": "http://127.0.0.1:3100/loki/api/v1/push"}


def refused(fleet: Fleet, playbook: str, reason: str, **params: Any) -> None:
    outcome = fleet.repair(playbook, **params)
    assert outcome.reason.startswith("check mode failed, nothing was changed"), outcome.reason
    assert reason in outcome.reason


def repaired(fleet: Fleet, playbook: str, **params: Any) -> None:
    outcome = fleet.repair(playbook, **params)
    assert outcome.status == "success", outcome.reason


def test_sshd_is_opened_again_unless_somebody_has_changed_the_file_since(fleet: Fleet) -> None:
    before = in_force(fleet)
    repaired(fleet, "harden_ssh")
    closed = fleet.inside.read(DROP_IN)
    fleet.inside.write(DROP_IN, closed + "AllowUsers repairer\n")
    refused(fleet, "undo_harden_ssh", "it has changed since")
    fleet.inside.write(DROP_IN, closed)

    announced = fleet.looked("undo_harden_ssh")
    assert "is to be removed" in announced.changes
    assert "passwordauthentication no" in in_force(fleet)

    fleet.mended("undo_harden_ssh")
    assert in_force(fleet) == before
    assert not fleet.inside.exists(DROP_IN)


def test_a_source_of_apt_comes_back_to_its_place(fleet: Fleet) -> None:
    broken = "/etc/apt/sources.list.d/broken.list"
    fleet.inside.write(broken, "deb [trusted=yes] file:/srv/no-such ./\n")
    repaired(fleet, "fix_apt_sources", source=broken)
    fleet.inside.write(broken, "# another one\n")
    refused(fleet, "undo_fix_apt_sources", "it has changed since")
    fleet.run("rm", broken)

    fleet.mended("undo_fix_apt_sources")
    assert fleet.inside.read(broken) == "deb [trusted=yes] file:/srv/no-such ./\n"
    fleet.run("rm", broken)


def test_the_log_shipper_gets_its_previous_configuration_back(fleet: Fleet) -> None:
    faults.named("log-shipper-broken").prepare(fleet.inside)
    before = fleet.inside.read(CONFIG)
    repaired(fleet, "redeploy_promtail", **LOKI)
    rendered = fleet.inside.read(CONFIG)
    fleet.inside.write(CONFIG, rendered.replace("# Written by aiops", "# Written by hand, not by aiops"))
    refused(fleet, "undo_redeploy_promtail", "has changed since")
    fleet.inside.write(CONFIG, rendered)

    fleet.mended("undo_redeploy_promtail")
    assert fleet.inside.read(CONFIG) == before
    assert not fleet.broken("log-shipper-broken")


def test_a_configuration_that_the_log_shipper_does_not_take_is_not_brought_back(fleet: Fleet) -> None:
    fleet.break_("log-shipper-broken")
    repaired(fleet, "redeploy_promtail", **LOKI)
    rendered = fleet.inside.read(CONFIG)
    refused(fleet, "undo_redeploy_promtail", "promtail does not take the file from before")
    assert fleet.inside.read(CONFIG) == rendered
    assert not fleet.broken("log-shipper-broken")


def test_the_versions_from_before_an_upgrade_come_back(fleet: Fleet) -> None:
    flaky(fleet, "ok")
    repaired(fleet, "upgrade_packages", packages=["lab-flaky"], settle_seconds=1)
    assert state(fleet, "lab-flaky") == "ii 1.1-1"

    fleet.mended("undo_upgrade_packages")
    assert state(fleet, "lab-flaky") == "ii 1.0-1"
    fleet.run("apt-get", "purge", "--yes", "--quiet", "lab-flaky")
    outcome = fleet.repair("undo_upgrade_packages")
    assert outcome.status == "failure", "the package is gone: what there is now is not what the upgrade left"


def test_the_certificate_from_before_a_renewal_comes_back_and_another_renewal_follows(fleet: Fleet) -> None:
    fleet.break_("cert-expiring")
    before = fleet.inside.read(SITE["files"][0])
    repaired(fleet, "renew_certificate", **SITE)
    renewed = fleet.inside.read(SITE["files"][0])
    assert renewed != before
    back = {name: value for name, value in SITE.items() if name != "unit"}
    fleet.inside.write(SITE["files"][0], renewed + "\n")
    refused(fleet, "undo_renew_certificate", "has changed since", **back)
    fleet.inside.write(SITE["files"][0], renewed)

    fleet.mended("undo_renew_certificate", **back)
    assert fleet.inside.read(SITE["files"][0]) == before
    assert fleet.broken("cert-expiring")
    repaired(fleet, "renew_certificate", **SITE)
