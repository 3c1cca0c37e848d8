"""The playbooks about packages and where they come from, on a real host."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.remediation.fleet import Fleet

pytestmark = [pytest.mark.lab, pytest.mark.slow, pytest.mark.timeout(500)]

KEPT = "/var/lib/aiops/kept"


def state(fleet: Fleet, package: str) -> str:
    return fleet.inside.out("dpkg-query", "--show", "--showformat=${db:Status-Abbrev}${Version}", package)


def test_a_leftover_is_purged_after_its_configuration_was_kept(fleet: Fleet) -> None:
    fleet.break_("dpkg-rc")
    announced = fleet.looked("purge_rc_packages", package="lab-oldtool")
    assert "to be purged: lab-oldtool; kept before: /etc/lab-oldtool.conf" in announced.changes
    assert fleet.broken("dpkg-rc")
    was = fleet.inside.read("/etc/lab-oldtool.conf")

    fleet.mended("purge_rc_packages", package="lab-oldtool")

    assert not fleet.broken("dpkg-rc")
    assert fleet.inside.read(f"{KEPT}/lab-oldtool/%etc%lab-oldtool.conf") == was


def test_a_package_that_is_installed_is_not_purged(fleet: Fleet) -> None:
    outcome = fleet.repair("purge_rc_packages", packages=["cron"])
    assert outcome.status == "failure"
    assert "nothing is purged that is still there: cron installed" in outcome.reason
    assert state(fleet, "cron").startswith("ii ")


def test_a_source_that_apt_complains_of_is_put_aside(fleet: Fleet) -> None:
    broken = "/etc/apt/sources.list.d/broken.list"
    fleet.inside.write(broken, "deb [trusted=yes] file:/srv/no-such ./\n")
    announced = fleet.looked("fix_apt_sources", source=broken)
    assert f"to be put aside: {broken}" in announced.changes
    assert fleet.inside.exists(broken)

    fleet.mended("fix_apt_sources", repository="file:/srv/no-such ./")

    assert not fleet.inside.exists(broken)
    assert fleet.inside.read(f"{KEPT}/apt/broken.list") == "deb [trusted=yes] file:/srv/no-such ./\n"


def test_an_innocent_source_stays_and_one_that_does_not_help_comes_back(fleet: Fleet) -> None:
    folder = "/etc/apt/sources.list.d"
    fleet.inside.write(f"{folder}/one.list", "deb [trusted=yes] file:/srv/no-such ./\n")
    fleet.inside.write(f"{folder}/two.list", "deb [trusted=yes] file:/srv/nor-this ./\n")
    try:
        innocent = fleet.repair("fix_apt_sources", source="/etc/apt/sources.list")
        helpless = fleet.repair("fix_apt_sources", source=f"{folder}/one.list")
        assert innocent.status == helpless.status == "failure"
        assert "check mode failed, nothing was changed" in innocent.reason
        assert "apt complains of something else" in innocent.reason
        assert "one.list is where it was: apt still says" in helpless.reason
        assert fleet.inside.exists(f"{folder}/one.list")
    finally:
        fleet.run("rm", f"{folder}/one.list", f"{folder}/two.list")
        fleet.run("apt-get", "update")


_READ_IT = "grep -q flakyd /proc/$(systemctl show --property=MainPID --value lab-flaky)/cmdline"


def flaky(fleet: Fleet, mode: str) -> None:
    """An older lab-flaky that runs, and what its configuration will say when it is started the next time."""
    fleet.run("apt-get", "purge", "--yes", "--quiet", "lab-flaky")
    fleet.run("apt-get", "install", "--yes", "--quiet", "lab-flaky=1.0-1")
    fleet.inside.write("/etc/lab-flaky.conf", "mode=ok\n")
    fleet.run("systemctl", "restart", "lab-flaky")
    # It reads its configuration some time after systemd calls it started.
    fleet.run("timeout", "10", "sh", "-c", f"until {_READ_IT}; do sleep 0.05; done")
    fleet.inside.write("/etc/lab-flaky.conf", f"mode={mode}\n")


def test_packages_are_upgraded_and_what_is_held_stays(fleet: Fleet) -> None:
    fleet.run("apt-get", "dist-upgrade", "--yes", "--quiet")  # what earlier tests left behind
    flaky(fleet, "ok")
    fleet.run("apt-mark", "hold", "lab-flaky")
    try:
        fleet.quiet("upgrade_packages", settle_seconds=1)
        assert state(fleet, "lab-flaky") == "hi 1.0-1"
    finally:
        fleet.run("apt-mark", "unhold", "lab-flaky")

    announced = fleet.looked("upgrade_packages", settle_seconds=1)
    assert "to be upgraded: lab-flaky from 1.0-1" in announced.changes
    assert state(fleet, "lab-flaky") == "ii 1.0-1"

    fleet.mended("upgrade_packages", settle_seconds=1)
    assert state(fleet, "lab-flaky") == "ii 1.1-1"
    assert fleet.inside.read(f"{KEPT}/upgrades/last") == "lab-flaky=1.0-1\n"


def test_an_upgrade_after_which_a_service_crashes_is_taken_back(fleet: Fleet) -> None:
    flaky(fleet, "crash")
    outcome = fleet.repair("upgrade_packages", packages=["lab-flaky"], settle_seconds=2)
    assert outcome.status == "failure"
    assert "the versions from before are back: after the upgrade: " in outcome.reason
    assert state(fleet, "lab-flaky") == "ii 1.0-1"
    fleet.run("apt-get", "purge", "--yes", "--quiet", "lab-flaky")


RIVAL = "/srv/rival"
CONTROL = """Package: lab-flaky
Version: 9.0-1
Architecture: all
Maintainer: nobody <nobody@invalid>
Conflicts: lab-oldtool
Description: a newer one that drives another package out
"""


@contextmanager
def rival(fleet: Fleet) -> Iterator[None]:
    """An archive that offers a lab-flaky which conflicts with lab-oldtool."""
    source = "/etc/apt/sources.list.d/rival.list"
    fleet.run("mkdir", "-p", f"{RIVAL}/tree/DEBIAN")
    fleet.inside.write(f"{RIVAL}/tree/DEBIAN/control", CONTROL)
    fleet.run("dpkg-deb", "--build", f"{RIVAL}/tree", f"{RIVAL}/rival.deb")
    size = fleet.run("stat", "-c", "%s", f"{RIVAL}/rival.deb").strip()
    digest = fleet.run("sha256sum", f"{RIVAL}/rival.deb").split()[0]
    fleet.inside.write(f"{RIVAL}/Packages", f"{CONTROL}Filename: ./rival.deb\nSize: {size}\nSHA256: {digest}\n")
    fleet.inside.write(source, f"deb [trusted=yes] file:{RIVAL} ./\n")
    try:
        yield
    finally:
        fleet.run("rm", source)
        fleet.run("apt-get", "update")


def test_an_upgrade_that_would_remove_a_package_is_refused(fleet: Fleet) -> None:
    flaky(fleet, "ok")
    fleet.run("apt-get", "install", "--yes", "--quiet", "lab-oldtool")
    with rival(fleet):
        outcome = fleet.repair("upgrade_packages", packages=["lab-flaky"], settle_seconds=1)
    assert outcome.status == "failure"
    assert outcome.reason.startswith("check mode failed, nothing was changed")
    assert "the upgrade would remove lab-oldtool" in outcome.reason
    assert state(fleet, "lab-oldtool") == "ii 1.0-1"
    fleet.run("apt-get", "purge", "--yes", "--quiet", "lab-flaky", "lab-oldtool")
