"""Wordings of other releases, versions and programs than those that were recorded: each is read as what it means."""

import pytest

from aiops.probes.apt_lists import read_update
from aiops.probes.backups import read_runs
from aiops.probes.log_lines import Line
from aiops.probes.logins import Login, read_logins

MIRROR = "http://deb.example.invalid/debian"
NOT_RENEWED = "An error occurred [...]. The repository is not updated and the previous index files will be used."


@pytest.mark.parametrize(
    "text",
    [
        f"E: The repository '{MIRROR} bookwrm Release' does not have a Release file.",
        f"Error: The repository '{MIRROR} trixe Release' does not have a Release file.",
        f"E: The repository '{MIRROR} stable InRelease' is not signed.",
        f"E: Failed to fetch {MIRROR}/dists/bookworm/InRelease  401  Unauthorized [IP: 192.0.2.1 443]",
        f"E: Failed to fetch {MIRROR}/dists/bookworm/main/binary-amd64/Packages.xz  Hash Sum mismatch",
        f"E: Failed to fetch {MIRROR}/dists/bookworm/InRelease  Clearsigned file isn't valid, got 'NOSPLIT'",
    ],
)
def test_an_archive_that_fails_is_named(text: str) -> None:
    update = read_update(text)
    (name,) = update.failed
    assert name.startswith(MIRROR)
    assert update.stale == ()


@pytest.mark.parametrize(
    "text",
    [
        "W: Some index files failed to download. They have been ignored, or old ones used instead.",
        "Warning: Some index files failed to download. They have been ignored, or old ones used instead.",
        f"E: Release file for {MIRROR}/dists/bookworm/InRelease is expired (invalid since 3d 4h 5min 6s). Updates for this ...",
        f"E: Release file for {MIRROR}/dists/bookworm/InRelease is not valid yet (invalid for another 2h 3min). Updates ...",
        f"W: {NOT_RENEWED} GPG error: {MIRROR} bookworm InRelease: NO_PUBKEY 0123456789ABCDEF",
        f"Warning: {NOT_RENEWED} OpenPGP signature verification failed: {MIRROR} trixie InRelease: Missing key",
    ],
)
def test_older_indexes_that_stay_in_use_are_stale(text: str) -> None:
    assert read_update(text).stale


@pytest.mark.parametrize(
    "text",
    [
        f"Hit:1 {MIRROR} bookworm InRelease\nReading package lists... Done",
        "W: Target Packages (main/binary-amd64/Packages) is configured multiple times in /etc/apt/sources.list:1",
        f"W: {MIRROR}/dists/stable/InRelease: Key is stored in legacy trusted.gpg keyring (/etc/apt/trusted.gpg)",
        f"N: Skipping acquire of configured file 'main/binary-i386/Packages' as repository '{MIRROR}' doesn't support 'i386'",
        f"N: Repository '{MIRROR} bookworm InRelease' changed its 'Version' value from '12.10' to '12.11'",
    ],
)
def test_what_apt_only_remarks_is_no_trouble(text: str) -> None:
    assert (read_update(text).failed, read_update(text).stale) == ({}, ())


@pytest.mark.parametrize(
    ("reason", "cause"),
    [
        ("VM 101 qmp command 'backup' failed - got timeout", "timeout"),
        ("VM is locked (snapshot)", "locked"),
        ("vma_queue_write: write error - No space left on device", "no space"),
        ("unable to create temporary directory '/mnt/x/dump/vzdump.tmp': Permission denied", "permission"),
        ("storage 'nas' is not online", "connection"),
        ("lost connection to node", "connection"),
        ("job failed with err -5 - Input/output error", "I/O error"),
        ("command '/usr/bin/proxmox-backup-client backup' failed: got signal 9", "killed"),
        ("something nobody has seen before", "unknown"),
    ],
)
def test_why_a_backup_failed_is_told_apart(reason: str, cause: str) -> None:
    begin = "INFO: Starting Backup of VM 101 (qemu)\nINFO: Backup started at 2026-11-22 21:00:00\n"
    (run,) = read_runs(f"{begin}ERROR: Backup of VM 101 failed - {reason}")
    assert (run.guest, run.state, run.cause) == ("101", "failed", cause)


@pytest.mark.parametrize(
    "end",
    [
        "INFO: Backup job finished successfully\nERROR: could not notify via target `mail-to-root`: connect failed",
        "WARN: old suspend file\nTASK WARNINGS: 1",
        "INFO: VM Name: ERROR: Backup of VM 9 failed - a guest may be called anything",
    ],
)
def test_a_backup_that_finished_is_well_whatever_comes_after(end: str) -> None:
    begin = "INFO: Starting Backup of VM 101 (qemu)\nINFO: Finished Backup of VM 101 (00:01:02)\n"
    assert [(run.guest, run.state) for run in read_runs(begin + end)] == [("101", "ok")]


def login(text: str) -> Login | None:
    found = read_logins((Line(1.0, "sshd", "1", text),))
    return found[0] if found else None


@pytest.mark.parametrize(
    "text",
    [
        "Failed password for invalid user x from 10.0.0.1 port 1 from 192.0.2.1 port 22 ssh2",
        "Invalid user x from 10.0.0.1 port 1 from 192.0.2.1 port 22",
        "Invalid user from from 192.0.2.1 port 22",
        "Invalid user  from 192.0.2.1 port 22",
        "User x from 10.0.0.1 from 192.0.2.1 not allowed because not listed in AllowUsers",
        "Connection closed by invalid user x 10.0.0.1 port 1 192.0.2.1 port 22 [preauth]",
        "Failed keyboard-interactive/pam for a b from ::ffff:192.0.2.1 port 22 ssh2",
    ],
)
def test_a_user_name_cannot_put_the_blame_on_another_address(text: str) -> None:
    found = login(text)
    assert found
    assert (found.source, found.accepted) == ("192.0.2.1", False)


@pytest.mark.parametrize(
    "text",
    [
        "pam_unix(sshd:session): session opened for user root(uid=0) by (uid=0)",
        "Close session: user root from 192.0.2.1 port 22 id 0",
        "Received disconnect from 192.0.2.1 port 22:11: disconnected by user",
        "Server listening on 0.0.0.0 port 22.",
    ],
)
def test_the_course_of_a_session_is_no_attempt(text: str) -> None:
    assert login(text) is None
