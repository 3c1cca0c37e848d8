"""What looks like trouble and is none, and what looks harmless and is not: cases no recording host could be brought into."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiops.detectors import Subject, load
from aiops.detectors.disk import usage, vzdump_orphans
from aiops.detectors.dpkg_rc import broken, removed
from aiops.detectors.health import crash_loop, dead, deleted_program, package_gone, pages
from aiops.detectors.soc import shippers
from aiops.domain.finding import Finding
from aiops.domain.host import Host
from aiops.domain.severity import Severity
from aiops.ports import Page
from aiops.probes import UnreadableError
from aiops.probes.apt_history import HISTORY
from aiops.probes.df import FILESYSTEMS, Usage
from aiops.probes.dpkg import PACKAGES, Package
from aiops.probes.log_lines import Line
from aiops.probes.mounts import MOUNTS, Mount, holding
from aiops.probes.processes import PROCESSES
from aiops.probes.systemd import EXECUTABLES, UNIT_FILES, UNITS, Unit
from aiops.probes.vzdump import WORKSPACES, Workspace

DETECTORS = load()
NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
GIB = 1024**3
HOUR = 3600.0


def subject(detector: str, **settings: Any) -> Subject:
    found = DETECTORS[detector]
    return Subject(Host(name="ct101"), found, NOW, {**found.thresholds, **settings})


def kinds(findings: Iterator[Finding]) -> list[tuple[str, str, str]]:
    return [(found.kind, found.subject, found.severity.value) for found in findings]


# ---- soc

SHIPS_NOTHING = 'level=error caller=x.go:1 msg="error sending batch, no address or path to work with"'


def said(pid: str, text: str, *, ago: float) -> Line:
    return Line(NOW.timestamp() - ago, "promtail", pid, text)


def test_a_shipper_that_was_started_anew_and_is_well_is_not_blamed_for_its_predecessor() -> None:
    failing = [said("7", SHIPS_NOTHING, ago=100 - second) for second in range(20)]
    well = said("8", 'level=info msg="Starting Promtail"', ago=5)
    now = int(NOW.timestamp())

    assert kinds(shippers(subject("soc"), (*failing, well), now)) == []
    assert kinds(shippers(subject("soc"), tuple(failing), now)) == [("soc.shipper_failing", "promtail", "critical")]
    again = [said("8", SHIPS_NOTHING, ago=20 - second) for second in range(15)]
    assert len(kinds(shippers(subject("soc"), (*failing, *again), now))) == 1


# ---- disk


def row(mount: str, percent: int, fstype: str = "ext4", size: int = 100 * GIB, available: int | None = None) -> Usage:
    used = size * percent // 100
    return Usage(fstype, size, used, size - used if available is None else available, 1000, 10, mount)


def mount(target: str, source: str, device: str = "", fstype: str = "ext4", options: str = "rw") -> Mount:
    return Mount(device or f"0:{abs(hash(source)) % 9999}", target, tuple(options.split(",")), fstype, source)


ROOT = (row("/", 10), mount("/", "/dev/sda1", "8:1"))


def looked(*pairs: tuple[Usage, Mount], **settings: Any) -> list[tuple[str, str, str]]:
    rows, mounts = zip(ROOT, *pairs, strict=True)
    return kinds(usage(subject("disk", **settings), rows, mounts))


@pytest.mark.parametrize(
    ("percent", "severity"), [(84, None), (85, "warning"), (94, "warning"), (95, "critical"), (100, "critical")]
)
def test_space_is_judged_by_its_two_thresholds(percent: int, severity: str | None) -> None:
    expected = [("disk.space", "/srv", severity)] if severity else []
    assert looked((row("/srv", percent), mount("/srv", "/dev/sdb1", "8:17"))) == expected


@pytest.mark.parametrize("fstype", ["squashfs", "iso9660", "erofs", "udf"])
def test_an_image_is_full_by_design(fstype: str) -> None:
    assert looked((row("/snap/core/1", 100, fstype), mount("/snap/core/1", "/dev/loop0", "7:0", fstype))) == []


def test_a_read_only_filesystem_cannot_be_emptied() -> None:
    assert looked((row("/media", 100), mount("/media", "/dev/sdb1", "8:17", options="ro,nosuid"))) == []


def test_an_overlay_below_root_repeats_its_filesystem() -> None:
    target = "/var/lib/docker/overlay2/x/merged"
    assert looked((row(target, 99, "overlay"), mount(target, "overlay", "0:50", "overlay"))) == []


def test_a_bind_mount_is_counted_once() -> None:
    both = [(row(target, 90), mount(target, "/dev/sdb1", "8:17")) for target in ("/srv/www", "/srv")]
    assert looked(*both) == [("disk.space", "/srv", "warning")]


def test_the_datasets_of_one_pool_are_counted_once_and_one_with_a_quota_for_itself() -> None:
    shared = [
        (row(f"/tank/{n}", 97, "zfs", available=GIB), mount(f"/tank/{n}", f"tank/{n}", f"0:6{n}", "zfs"))
        for n in range(5)
    ]
    quota = (row("/tank/quota", 96, "zfs", available=2 * GIB), mount("/tank/quota", "tank/quota", "0:70", "zfs"))
    assert [found[1] for found in looked(*shared, quota)] == ["/tank/0", "/tank/quota"]


def test_a_large_root_with_less_than_a_gibibyte_is_critical_whatever_its_percentage() -> None:
    rows = (row("/", 80, size=10 * GIB, available=GIB - 1),)
    assert kinds(usage(subject("disk", warning_percent=99, critical_percent=99), rows, ROOT[1:])) == [
        ("disk.space", "/", "critical")
    ]


def test_a_small_root_has_less_than_a_gibibyte_when_it_is_empty() -> None:
    assert kinds(usage(subject("disk"), (row("/", 5, size=GIB),), ROOT[1:])) == []


def test_a_mount_that_may_be_full_is_left_out() -> None:
    full = (row("/srv/cache", 100), mount("/srv/cache", "/dev/sdb1", "8:17"))
    assert looked(full, ignore_mounts=["/srv/*"]) == []


def test_a_disk_that_df_may_not_ask_is_not_healthy() -> None:
    findings = usage(subject("disk"), (row("/", 90),), (ROOT[1], mount("/secret", "/dev/sdb1", "8:17")))
    assert next(findings).subject == "/"
    with pytest.raises(UnreadableError, match="/secret"):
        next(findings)


@given(st.integers(0, 100), st.integers(0, 100))
def test_a_fuller_filesystem_is_never_judged_milder(one: int, other: int) -> None:
    def rank(percent: int) -> int:
        found = looked((row("/srv", percent), mount("/srv", "/dev/sdb1", "8:17")))
        return Severity(found[0][2]).rank if found else -1

    assert rank(min(one, other)) <= rank(max(one, other))


SPACE = Workspace("/var/tmp/vzdumptmp4242_101", 4242, 101, NOW.timestamp() - 7 * HOUR, 1000)


@pytest.mark.parametrize(
    ("processes", "orphan"),
    [
        ({1: "/sbin/init"}, True),
        ({1: "/sbin/init", 4242: "/usr/bin/perl -T /usr/bin/vzdump 101"}, False),
        ({1: "/sbin/init", 4242: "task UPID:pve1:00001092:0:0:vzdump:101:root@pam:"}, False),
        ({1: "/sbin/init", 77: "task UPID:pve1:0000004D:0:0:vzdump:101:root@pam:"}, False),
        ({1: "/sbin/init", 77: "task UPID:pve1:0000004D:0:0:vzdump:1011:root@pam:"}, True),
        ({1: "/sbin/init", 4242: "/usr/sbin/cron -f"}, True),
    ],
    ids=["gone", "runs", "runs as a task", "another run of that guest", "a run of another guest", "number used again"],
)
def test_a_directory_is_an_orphan_when_its_backup_is_gone(processes: Mapping[int, str], orphan: bool) -> None:  # noqa: FBT001
    findings = list(vzdump_orphans(subject("disk"), (SPACE,), processes, ROOT[1:], int(NOW.timestamp())))
    assert [found.evidence["paths"] for found in findings] == ([[SPACE.path]] if orphan else [])


def test_a_young_directory_is_no_orphan_yet() -> None:
    young = Workspace(SPACE.path, 4242, 101, NOW.timestamp() - 5 * HOUR, 1000)
    assert not list(vzdump_orphans(subject("disk"), (young,), {1: "init"}, ROOT[1:], int(NOW.timestamp())))


def test_an_orphan_and_the_filesystem_it_fills_have_one_cause() -> None:
    tmp = (row("/var/tmp", 90, "tmpfs"), mount("/var/tmp", "tmpfs", "0:80", "tmpfs"))
    full = list(usage(subject("disk"), (ROOT[0], tmp[0]), (ROOT[1], tmp[1])))
    orphans = list(vzdump_orphans(subject("disk"), (SPACE,), {1: "i"}, (ROOT[1], tmp[1]), int(NOW.timestamp())))
    assert [found.cause for found in full + orphans] == ["filesystem:/var/tmp"] * 2


def test_a_path_lies_on_the_mount_nearest_above_it() -> None:
    mounts = (mount("/", "/dev/sda1"), mount("/var", "/dev/sda2"), mount("/var/tmpfoo", "/dev/sda3"))
    assert holding("/var/tmp", mounts).target == "/var"
    assert holding("/var", mounts).target == "/var"
    assert holding("/srv", mounts).target == "/"


# ---- readers


@pytest.mark.parametrize(
    ("read", "text"),
    [
        (FILESYSTEMS.read, ""),
        (FILESYSTEMS.read, "Type 1B-blocks\n"),
        (FILESYSTEMS.read, "Type 1B-blocks\next4 many 1 1 1 1 /\n"),
        (MOUNTS.read, "36 35 98:0 / /mnt rw - ext3 /dev/root rw\n"),
        (MOUNTS.read, "noise\n"),
        (PROCESSES.read, "  2 only me\n"),
        (PROCESSES.read, "PID ARGS\n"),
        (PACKAGES.read, "install|installed|ok|bash|amd64|5|shells\n"),
        (PACKAGES.read, "install|strange|ok|dpkg|amd64|5|admin\n"),
        (HISTORY.read, "gzip: noise\n"),
        (UNITS.read, "noise\n"),
        (UNIT_FILES.read, "/etc/systemd/system/mine.service\n"),
        (WORKSPACES.read, "noise\n"),
    ],
)
def test_output_that_makes_no_sense_is_never_an_empty_answer(read: Any, text: str) -> None:
    with pytest.raises(UnreadableError):
        read(text)


def test_an_empty_apt_history_is_an_answer() -> None:
    assert HISTORY.read("") == ()


def test_names_of_mounts_are_unescaped() -> None:
    text = "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n2 1 8:2 / /srv/my\\040disk rw - ext4 /dev/sda2 rw\n"
    assert MOUNTS.read(text)[1].target == "/srv/my disk"


# ---- audit-dpkg-rc


def package(name: str, code: str = "ii", section: str = "admin", architecture: str = "amd64") -> Package:
    states = {
        "i": "installed",
        "c": "config-files",
        "F": "half-configured",
        "H": "half-installed",
        "t": "triggers-pending",
    }
    wants = {"i": "install", "r": "deinstall", "h": "hold"}
    flag = "reinstreq" if code.endswith("R") else "ok"
    return Package(wants[code[0]], states[code[1]], flag, name, architecture, "1.0", section)


def history(*transactions: tuple[str, str]) -> Any:
    text = "".join(
        f"\nStart-Date: 2026-11-{day:02}  10:00:00\nCommandline: {command}\n{items}\nEnd-Date: 2026-11-{day:02}  10:00:09\n"
        for day, (command, items) in enumerate(transactions, start=1)
    )
    return HISTORY.read(text)


TAKEN = ("apt-get install -y wazuh-agent", "Install: wazuh-agent:amd64 (4.14)\nRemove: wazuh-manager:amd64 (4.14.4-1)")
GONE = package("wazuh-manager", "rc")


def audited(packages: list[Package], *transactions: tuple[str, str], **settings: Any) -> list[tuple[str, str, str]]:
    return kinds(removed(subject("audit-dpkg-rc", **settings), (package("dpkg"), *packages), history(*transactions)))


REMOVED = [
    ("package.removed", "wazuh-manager", "critical"),
    ("package.removed_by_install", "wazuh-manager", "critical"),
]
LEFTOVER = [("package.leftover", "wazuh-manager", "warning")]


def test_a_package_that_an_installation_removed_is_critical() -> None:
    assert audited([GONE], TAKEN) == REMOVED


def test_so_it_is_when_it_was_purged_and_left_no_trace() -> None:
    assert audited([], (TAKEN[0] + " --purge", TAKEN[1].replace("Remove", "Purge"))) == REMOVED


def test_a_package_put_back_by_apt_or_by_hand_is_no_finding() -> None:
    back = ("apt-get install wazuh-manager=4.14.4-1", "Install: wazuh-manager:amd64 (4.14.4-1)")
    assert audited([package("wazuh-manager")], TAKEN, back) == []
    assert audited([package("wazuh-manager", "hi")], TAKEN) == []


@pytest.mark.parametrize(
    "command",
    [
        "apt-get remove wazuh-manager",
        "apt purge wazuh-manager",
        "apt-get autoremove -y",
        "apt install wazuh-agent wazuh-manager-",
    ],
)
def test_a_removal_that_was_asked_for_is_at_most_a_leftover(command: str) -> None:
    assert audited([GONE], (command, TAKEN[1])) == LEFTOVER


def test_a_removal_asked_for_afterwards_settles_it() -> None:
    assert audited([], TAKEN, ("apt-get purge wazuh-manager", "Purge: wazuh-manager:amd64 (4.14.4-1)")) == []


def test_an_upgrade_that_was_allowed_to_autoremove_did_no_harm() -> None:
    upgrade = "Upgrade: wazuh-agent:amd64 (1, 2)\nRemove: wazuh-manager:amd64 (4.14.4-1)"
    assert audited([GONE], ("apt-get -y --auto-remove dist-upgrade", upgrade)) == LEFTOVER
    assert audited([GONE], ("apt-get -y dist-upgrade", upgrade)) == REMOVED


def test_a_library_that_a_newer_one_replaced_is_no_loss() -> None:
    command = "apt full-upgrade"
    assert (
        audited(
            [],
            (command, "Install: libssl3t64:amd64 (3)\nRemove: libssl3:amd64 (3), linux-image-6.1.0-1-amd64:amd64 (6)"),
        )
        == []
    )


def test_a_module_whose_name_begins_like_a_librarys_is_a_loss() -> None:
    found = audited([], ("apt install php8.4", "Install: php8.4:amd64 (8)\nRemove: libapache2-mod-php8.2:amd64 (8)"))
    assert [each[1] for each in found] == ["libapache2-mod-php8.2"] * 2


def test_a_package_that_may_be_replaced_is_a_leftover() -> None:
    assert audited([GONE], TAKEN, allowed_removals=["wazuh-*"]) == LEFTOVER


def test_leftovers_on_the_list_stay_and_kernels_are_one_finding() -> None:
    kernels = [package(f"linux-image-6.1.0-{n}-amd64", "rc", "kernel") for n in range(19)]
    assert audited([*kernels, package("libzfs6linux", "rc"), package("acl", "rc", "utils")]) == [
        ("package.leftover", "acl", "warning"),
        ("package.leftover", "linux-image", "info"),
    ]


def test_the_version_to_restore_and_the_intruder_are_evidence() -> None:
    found = next(removed(subject("audit-dpkg-rc"), (GONE,), history(TAKEN)))
    assert found.cause == "package:wazuh-manager"
    assert {key: found.evidence[key] for key in ("package", "version", "intruder", "commandline", "at", "state")} == {
        "package": "wazuh-manager",
        "version": "4.14.4-1",
        "intruder": ["wazuh-agent"],
        "commandline": "apt-get install -y wazuh-agent",
        "at": "2026-11-01 10:00:00",
        "state": "rc",
    }


@pytest.mark.parametrize(
    "command",
    [
        "apt-get install wazuh-agent",
        "/usr/bin/apt-get -y -o Dpkg::Options::=--force-confold -t stable install wazuh-agent=4.14",
        "apt install ./wazuh-agent_4.14_amd64.deb",
        "apt-get install wazuh-agent/stable",
        "apt-get install 'wazuh-a*'",
        "apt-get install it's-odd wazuh-agent:amd64",
    ],
)
def test_the_intruder_is_found_in_any_way_of_asking_for_it(command: str) -> None:
    items = "Install: libfoo1:amd64 (1, automatic), wazuh-agent:amd64 (4.14), other:amd64 (1)\nRemove: a:amd64 (1)"
    assert history((command, items))[0].intruders == ("wazuh-agent",)


def test_each_removal_has_a_cursor_of_its_own() -> None:
    found = [
        each for each in removed(subject("audit-dpkg-rc"), (GONE,), history(TAKEN)) if each.persistence == "occurrence"
    ]
    assert [each.cursor for each in found] == ["2026-11-01 10:00:00 wazuh-manager"]


@pytest.mark.parametrize(
    ("code", "severity"),
    [("iF", "critical"), ("iH", "critical"), ("rH", "critical"), ("iiR", "critical"), ("it", "warning")],
)
def test_a_package_half_way_is_broken(code: str, severity: str) -> None:
    found = kinds(broken(subject("audit-dpkg-rc"), (package("nginx", code),), {1: "init"}))
    assert found == [("package.broken", "nginx", severity)]


@pytest.mark.parametrize("command", ["dpkg --configure -a", "/usr/bin/dpkg --status-fd 20 --unpack x.deb"])
def test_while_dpkg_works_nothing_is_said_about_states_in_between(command: str) -> None:
    with pytest.raises(UnreadableError, match="dpkg is at work"):
        list(broken(subject("audit-dpkg-rc"), (package("nginx", "iF"),), {1: "init", 9: command}))


# ---- health

STAMP = "Mon 2026-11-23 07:59:00 UTC"
RUNNING = {
    "Id": "shop.service",
    "LoadState": "loaded",
    "ActiveState": "active",
    "SubState": "running",
    "Result": "success",
    "UnitFileState": "enabled",
    "FragmentPath": "/lib/systemd/system/shop.service",
    "Type": "simple",
    "NRestarts": "0",
    "MainPID": "42",
    "ConditionResult": "yes",
    "ConditionTimestamp": STAMP,
    "StateChangeTimestamp": STAMP,
    "TriggeredBy": "",
    "WantedBy": "multi-user.target",
    "RequiredBy": "",
}
DEAD = {"ActiveState": "inactive", "SubState": "dead", "MainPID": "0"}
TARGET = Unit({"Id": "multi-user.target", "LoadState": "loaded", "ActiveState": "active"})
FILES = frozenset({"/lib/systemd/system/shop.service"})


def unit(**changes: str) -> Unit:
    return Unit({**RUNNING, **changes})


def found_dead(changed: Unit, *packages: Package) -> list[str]:
    found = dead(subject("health"), (changed, TARGET), FILES, packages, {})
    return [each.severity.value for each in found]


def test_an_enabled_service_that_was_stopped_or_has_failed_is_dead() -> None:
    assert found_dead(unit(**DEAD)) == ["critical"]
    assert found_dead(unit(**DEAD | {"ActiveState": "failed", "Result": "signal"})) == ["critical"]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        DEAD | {"ActiveState": "activating", "SubState": "auto-restart"},
        DEAD | {"Type": "oneshot"},
        DEAD | {"UnitFileState": "disabled"},
        DEAD | {"UnitFileState": "static"},
        DEAD | {"UnitFileState": "generated"},
        DEAD | {"TriggeredBy": "shop.socket"},
        DEAD | {"ConditionResult": "no"},
        DEAD | {"WantedBy": "sleep.target"},
        DEAD | {"LoadState": "not-found"},
        DEAD | {"LoadState": "masked"},
        DEAD | {"Id": "irqbalance.service"},
    ],
    ids=lambda changes: " ".join(changes.values()) or "running",
)
def test_a_service_that_need_not_run_is_not_dead(changes: dict[str, str]) -> None:
    assert found_dead(unit(**changes)) == []


def test_a_service_never_started_since_it_was_enabled_is_a_warning() -> None:
    assert found_dead(unit(**DEAD | {"ConditionTimestamp": "", "ConditionResult": "no"})) == ["warning"]


def test_a_service_whose_package_is_gone_is_not_called_dead() -> None:
    assert found_dead(unit(**DEAD), package("shop", "rc")) == []
    assert found_dead(unit(**DEAD | {"FragmentPath": "/lib/systemd/system/gone.service"})) == []


def gone(changed: Unit, *packages: Package, owners: Mapping[str, str] | None = None) -> list[tuple[str, Any]]:
    found = package_gone(subject("health"), (changed, TARGET), FILES, packages, owners or {})
    return [(each.cause, each.evidence["package"]) for each in found]


def test_active_without_a_unit_is_a_package_gone() -> None:
    assert gone(unit(LoadState="not-found", FragmentPath="")) == [("package:shop", "shop")]


def test_active_with_its_unit_file_deleted_is_a_package_gone() -> None:
    assert gone(unit(FragmentPath="/usr/lib/systemd/system/gone.service")) == [("package:shop", "shop")]


def test_active_with_its_package_in_state_rc_is_a_package_gone() -> None:
    assert gone(unit(), package("shop", "rc")) == [("package:shop", "shop")]


def test_the_package_is_found_by_the_init_script_it_left_behind() -> None:
    owners = {"shop": "shop-server"}
    assert gone(unit(), package("shop-server", "rc"), owners=owners) == [("package:shop-server", "shop-server")]


@pytest.mark.parametrize(
    "changed",
    [unit(), unit(FragmentPath=""), unit(FragmentPath="/run/systemd/generator.late/shop.service")],
    ids=["running", "no file at all", "generated"],
)
def test_a_running_service_with_its_package_is_healthy(changed: Unit) -> None:
    assert gone(changed, package("shop")) == []


def test_a_unit_of_the_operators_own_outlives_the_package() -> None:
    own = "/etc/systemd/system/shop.service"
    found = package_gone(subject("health"), (unit(FragmentPath=own),), FILES | {own}, (package("shop", "rc"),), {})
    assert list(found) == []


def test_a_changed_program_that_waits_for_its_restart_is_not_gone() -> None:
    assert list(deleted_program(subject("health"), (unit(),), FILES, {}, {42: "/usr/sbin/shop"})) == []


def test_a_deleted_program_without_unit_file_is_gone() -> None:
    lost = unit(FragmentPath="/lib/systemd/system/gone.service")
    assert kinds(deleted_program(subject("health"), (lost,), FILES, {}, {42: "/usr/sbin/shop"})) == [
        ("service.deleted_program", "shop.service", "critical")
    ]


def test_deleted_programs_are_read_from_what_find_prints() -> None:
    text = (
        "  1 0 lrwxrwxrwx 1 root root 0 Nov 23 07:43 /proc/1/exe -> /usr/lib/systemd/systemd\n"
        "  2 0 lrwxrwxrwx 1 root root 0 Nov 23 07:43 /proc/42/exe -> /var/ossec/bin/manager\\ (deleted)\n"
        "  3 0 lrwxrwxrwx 1 root root 0 Nov 23 07:43 /proc/43/exe -> /opt/a\\ b (deleted)\n"
    )
    assert EXECUTABLES.read(text) == {42: "/var/ossec/bin/manager", 43: "/opt/a\\ b"}


@pytest.mark.parametrize(
    ("restarts", "minutes_ago", "state", "loops"),
    [
        (6, 59, "active", True),
        (3182, 1, "active", True),
        (6, 1, "activating", True),
        (5, 1, "active", False),
        (3182, 61, "active", False),
        (3182, 1, "failed", False),
    ],
)
def test_a_crash_loop_is_many_restarts_the_last_one_within_the_hour(
    restarts: int,
    minutes_ago: int,
    state: str,
    loops: bool,  # noqa: FBT001
) -> None:
    changed = f"{NOW - timedelta(minutes=minutes_ago):%a %Y-%m-%d %H:%M:%S} UTC"
    looping = unit(NRestarts=str(restarts), StateChangeTimestamp=changed, ActiveState=state)
    found = kinds(crash_loop(subject("health"), (looping,), int(NOW.timestamp())))
    assert found == ([("service.crash_loop", "shop.service", "critical")] if loops else [])


@pytest.mark.parametrize(("status", "down"), [(200, False), (302, False), (404, True), (503, True), (None, True)])
def test_a_page_is_down_when_it_is_not_served(status: int | None, down: bool) -> None:  # noqa: FBT001
    page = Page("https://shop.example.org/", status, "" if status else "no answer", 0.5)
    found = kinds(pages(subject("health"), (page,)))
    assert found == ([("http.down", "https://shop.example.org/", "warning")] if down else [])
