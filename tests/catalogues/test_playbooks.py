"""Every playbook of the catalogue keeps the rules that make it safe to run unattended."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from aiops import detectors
from aiops.domain.finding import Finding
from aiops.domain.host import Host
from aiops.domain.policy import Policy
from aiops.domain.remediation import Remediation
from aiops.domain.severity import Severity
from aiops.errors import RefusedError, SettingsError, UnknownError
from aiops.remediations import SHIPPED, bind, check_given, check_params, given_for, load, resolve, schema_for_llm
from tests.incident_world import a_finding
from tests.plans import NOON

CATALOGUE = load(SHIPPED)
HOSTILE = [
    "{{ lookup('pipe', 'id') }}",
    "{% raw %}",
    "{# x #}",
    "x; reboot",
    "$(reboot)",
    "`reboot`",
    "x\ny",
    "../../etc/passwd",
    "-x",
    "*",
    "",
    " ",
    "x" * 2000,
    "x\u202ey",
    "x\x00y",
]
FORBIDDEN = {
    "shell": "a variable in it is a command",
    "raw": "a variable in it is a command",
    "script": "its file is not in the digest",
    "local_action": "it runs here, not on the host",
    "delegate_to": "it touches a host that the plan does not name",
    "connection": "it goes around the host's fence",
    "remote_user": "it goes around the host's fence",
    "become_user": "it goes around the host's fence",
    "become_method": "it goes around the host's fence",
    "become_exe": "it goes around the host's fence",
    "become_flags": "it goes around the host's fence",
    "async": "it outlives the host's lock",
    "ignore_errors": "a failure must be seen",
    "ignore_unreachable": "a failure must be seen",
    "add_host": "it touches a host that the plan does not name",
    "validate_argspec": "it needs a newer ansible-core",
}

each = pytest.mark.parametrize("remediation", CATALOGUE.values(), ids=CATALOGUE)


def plays(remediation: Remediation) -> list[dict[str, Any]]:
    text = (SHIPPED / f"{remediation.id}.yml").read_text()
    found: list[dict[str, Any]] = yaml.safe_load(text)
    return found


def mappings(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        for inner in value.values():
            yield from mappings(inner)
    if isinstance(value, list):
        for inner in value:
            yield from mappings(inner)


def tasks(remediation: Remediation) -> Iterator[dict[str, Any]]:
    for play in plays(remediation):
        for mapping in mappings(play.get("tasks", [])):
            if "name" in mapping and ("block" in mapping or any("." in key for key in mapping)):
                yield mapping


@each
def test_it_runs_as_root_on_exactly_the_plans_hosts(remediation: Remediation) -> None:
    for play in plays(remediation):
        assert play["hosts"] == "all"
        assert play["become"] is True
        assert play["gather_facts"] is False
        assert play["any_errors_fatal"] is True


@each
def test_it_uses_nothing_that_goes_around_the_fence_or_the_digest(remediation: Remediation) -> None:
    for mapping in mappings(plays(remediation)):
        for key, value in mapping.items():
            word = str(key).removeprefix("ansible.builtin.")
            assert word not in FORBIDDEN, f"{word}: {FORBIDDEN[word]}"
            assert word != "become" or value is True


@each
def test_it_uses_ansible_s_own_modules_and_commands_by_argv_only(remediation: Remediation) -> None:
    found = list(tasks(remediation))
    assert len(found) > 3
    for task in found:
        for key in task:
            assert "." not in key or key.startswith("ansible.builtin."), f"{key} is not builtin"
        command = task.get("ansible.builtin.command")
        if command is not None:
            assert isinstance(command, dict), f"{task['name']}: free form"
            assert {"argv"} <= set(command) <= {"argv", "stdin"}, f"{task['name']}: {sorted(command)}"


@each
def test_no_command_hands_a_text_to_a_shell(remediation: Remediation) -> None:
    for mapping in mappings(plays(remediation)):
        argv = mapping.get("argv", [])
        words = argv if isinstance(argv, list) else re.findall(r"'([^']*)'", argv)
        assert not {"sh", "bash", "/bin/sh", "env", "xargs", "eval", "-c", "-exec"} & set(map(str, words)), argv


@each
def test_it_says_how_it_is_verified_and_undone(remediation: Remediation) -> None:
    assert remediation.rollback.endswith(".")
    assert remediation.description.endswith(".")
    unknown = set(remediation.verify) - set(detectors.load())
    assert not unknown, f"no such detectors: {unknown}"


@each
def test_it_fixes_findings_that_a_detector_reports(remediation: Remediation) -> None:
    kinds = {kind.name: kind for detector in detectors.load().values() for kind in detector.kinds.values()}
    for fix in remediation.fixes:
        assert fix.kind in kinds, f"no detector reports {fix.kind}"
        assert kinds[fix.kind].persistence == "state", f"{fix.kind} is an occurrence: nothing closes on it"


@each
def test_the_detector_that_fires_is_among_those_that_verify(remediation: Remediation) -> None:
    owners = {kind.name: name for name, detector in detectors.load().items() for kind in detector.kinds.values()}
    assert {owners[fix.kind] for fix in remediation.fixes} <= set(remediation.verify)


def test_the_operators_old_names_still_lead_to_a_playbook() -> None:
    old = {"audit_ct": "audit_host"} | dict.fromkeys(
        ("restore_wazuh_manager", "wazuh_manager_restore"), "restore_removed_package"
    )
    assert {name: resolve(CATALOGUE, name) for name in old} == old


def test_the_operators_catalogue_is_complete() -> None:
    asked = (
        "audit_host harden_ssh restart_service clean_disk clean_vzdump_orphans renew_certificate rerun_backup"
        " restore_removed_package purge_rc_packages fix_apt_sources upgrade_packages upgrade_litellm redeploy_promtail"
        " wake_host commission post_commission decommission health_check"
    )
    assert set(asked.split()) <= set(CATALOGUE)


@each
def test_a_way_back_undoes_nothing_but_what_names_it(remediation: Remediation) -> None:
    """What takes back is called undo_..., is a human's, and never the answer to a finding."""
    named = [entry.id for entry in CATALOGUE.values() if entry.undo and entry.undo.playbook == remediation.id]
    assert bool(named) == remediation.id.startswith("undo_")
    if named:
        assert remediation.fixes == ()
        assert remediation.approval == "human"


def test_a_leftover_on_the_manager_is_never_purged() -> None:
    siem = Host(name="ct234", role="wazuh")
    policy = Policy(default="auto")
    answer = policy.decide(
        ["package.leftover"], CATALOGUE["purge_rc_packages"], [siem], Severity.WARNING, relapse=False
    )
    assert answer[0] == "never"


def test_no_two_playbooks_claim_the_same_kind_with_the_same_precedence() -> None:
    claims = [(fix.kind, fix.precedence) for entry in CATALOGUE.values() for fix in entry.fixes]
    assert len(claims) == len(set(claims))


@each
def test_no_hostile_text_passes_any_of_its_parameters(remediation: Remediation) -> None:
    for name, param in remediation.params.items():
        for text in HOSTILE:
            for value in (text, [text]):
                with pytest.raises(RefusedError):
                    check_params(remediation, {name: value})
        assert param.description


@each
def test_its_schema_for_the_model_allows_no_other_parameter(remediation: Remediation) -> None:
    schema = schema_for_llm(remediation)
    assert schema["additionalProperties"] is False
    assert set(schema["properties"]) == set(remediation.params)


def test_the_digest_is_the_same_every_time() -> None:
    again = load(SHIPPED)
    assert {name: entry.digest for name, entry in again.items()} == {
        name: entry.digest for name, entry in CATALOGUE.items()
    }
    assert len({entry.digest for entry in CATALOGUE.values()}) == len(CATALOGUE)


@pytest.mark.parametrize(
    ("playbook", "kind", "subject", "evidence", "params"),
    [
        (
            "restore_removed_package",
            "package.removed",
            "wazuh-manager",
            {"version": "4.14.4-1", "intruder": ["wazuh-agent"]},
            {"package": "wazuh-manager", "version": "4.14.4-1", "intruder": ["wazuh-agent"], "settle_seconds": 3},
        ),
        ("restart_service", "service.dead", "cron.service", {}, {"unit": "cron.service", "settle_seconds": 3}),
        (
            "restart_service",
            "service.dead",
            "getty@tty1.service",
            {},
            {"unit": "getty@tty1.service", "settle_seconds": 3},
        ),
        ("purge_rc_packages", "package.leftover", "vim", {"package": "vim"}, {"package": "vim"}),
        (
            "purge_rc_packages",
            "package.leftover",
            "linux-image",
            {"packages": ["a-1", "b-2"]},
            {"packages": ["a-1", "b-2"]},
        ),
        (
            "rerun_backup",
            "backup.failed",
            "101",
            {"guest": "101", "why": "timeout", "reason": "got timeout"},
            {"guest": "101", "why": "timeout", "mode": "snapshot", "fresh_hours": 12, "wait_minutes": 10},
        ),
        ("harden_ssh", "security.ssh_password", "sshd", {}, {"root_login": "prohibit-password"}),
        ("upgrade_packages", "upgrade.pending", "apt", {"packages": ["a 1 -> 2"]}, {"settle_seconds": 20}),
        (
            "fix_apt_sources",
            "upgrade.repository_failed",
            "file:/srv/nosuch ./",
            {"repository": "file:/srv/nosuch ./", "reason": "does not have a Release file."},
            {"repository": "file:/srv/nosuch ./"},
        ),
        ("audit_host", "soc.brute_force", "192.0.2.7", {}, {"hours": 2, "most_lines": 40}),
        ("clean_disk", "disk.space", "/", {"mount": "/"}, {"mount": "/", "keep_journal_mb": 200}),
        (
            "clean_vzdump_orphans",
            "disk.vzdump_orphan",
            "/var/tmp",
            {"paths": ["/var/tmp/vzdumptmp4711_101"]},
            {"directories": ["/var/tmp/vzdumptmp4711_101"], "min_age_hours": 6},
        ),
    ],
)
def test_the_parameters_are_taken_from_the_finding(
    playbook: str, kind: str, subject: str, evidence: dict[str, Any], params: dict[str, Any]
) -> None:
    found = Finding(
        kind=kind,
        detector="x",
        host="web1",
        subject=subject,
        severity=Severity.CRITICAL,
        summary="x",
        evidence=evidence,
        seen_at=NOON,
    )
    assert bind(CATALOGUE[playbook], found) == params


@pytest.mark.parametrize("why", ["permission", "no space", "I/O error", "locked", "unknown"])
def test_a_backup_that_a_second_run_does_not_mend_is_no_finding_for_it(why: str) -> None:
    found = Finding(
        kind="backup.failed",
        detector="backup",
        host="pve1",
        subject="101",
        severity=Severity.CRITICAL,
        summary="x",
        evidence={"why": why},
        seen_at=NOON,
    )
    with pytest.raises(RefusedError):
        bind(CATALOGUE["rerun_backup"], found)


GIVEN: dict[str, dict[str, Any]] = {
    "redeploy_promtail": {"loki_url": "http://loki.lan:3100/loki/api/v1/push"},
    "upgrade_litellm": {
        "roles": {"llm": {"version": "1.80.0", "extras_version": "0.4.5", "wheels": "/srv/wheels"}},
        "hosts": {"llm1": {"version": "1.81.0", "port": 4001}},
    },
    "renew_certificate": {
        "hosts": {
            "web1": {"unit": "acme.service", "server": "nginx.service", "files": ["/etc/ssl/w.pem", "/etc/ssl/w.key"]}
        }
    },
}


@pytest.mark.parametrize(
    ("playbook", "host", "kind", "subject", "evidence", "params"),
    [
        (
            "redeploy_promtail",
            "web1",
            "soc.shipper_failing",
            "promtail",
            {},
            {"loki_url": "http://loki.lan:3100/loki/api/v1/push", "log_path": "/var/log/syslog", "port": 9080},
        ),
        (
            "upgrade_litellm",
            "llm1",
            "service.crash_loop",
            "litellm-proxy.service",
            {},
            {
                "unit": "litellm-proxy.service",
                "version": "1.81.0",
                "extras_version": "0.4.5",
                "port": 4001,
                "wheels": "/srv/wheels",
                "home": "/opt/litellm",
                "settle_seconds": 10,
            },
        ),
        (
            "renew_certificate",
            "web1",
            "cert.expiring",
            "web1.lan@192.0.2.1:8443",
            {"server_name": "web1.lan", "port": 8443},
            {
                "unit": "acme.service",
                "server": "nginx.service",
                "name": "web1.lan",
                "port": 8443,
                "days": 14,
                "files": ["/etc/ssl/w.pem", "/etc/ssl/w.key"],
            },
        ),
    ],
)
def test_what_is_configuration_is_said_by_the_operator_for_all_a_role_or_a_host(
    playbook: str, host: str, kind: str, subject: str, evidence: dict[str, Any], params: dict[str, Any]
) -> None:
    remediation = CATALOGUE[playbook]
    found = a_finding(kind=kind, host=host, subject=subject, evidence=evidence)
    given = check_given(CATALOGUE, GIVEN)
    assert bind(remediation, found, given_for(remediation, Host(name=host, role="llm"), given)) == params
    with pytest.raises(RefusedError):
        bind(remediation, found)


@pytest.mark.parametrize(
    ("playbook", "kind"), [("redeploy_promtail", "soc.shipper_failing"), ("upgrade_litellm", "service.crash_loop")]
)
def test_a_fix_for_one_program_is_no_fix_for_another(playbook: str, kind: str) -> None:
    with pytest.raises(UnknownError):
        bind(CATALOGUE[playbook], a_finding(kind=kind, subject="nginx.service"))


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"no_such": {}}, "there is no such playbook"),
        ({"redeploy_promtail": {"lokiurl": "x"}}, "lokiurl"),
        ({"redeploy_promtail": {"hosts": {"web1": {"port": 80}}}}, "hosts.web1: port must be from 1024"),
        ({"redeploy_promtail": {"loki_url": "http://{{ evil }}/loki/api/v1/push"}}, "holds a template"),
        ({"redeploy_promtail": {"roles": "web"}}, "must be a table"),
        ({"restart_service": {"unit": "cron.service"}}, "nothing can"),
    ],
)
def test_what_the_operator_says_is_checked_when_the_settings_are_read(given: dict[str, Any], says: str) -> None:
    with pytest.raises(SettingsError) as error:
        check_given(CATALOGUE, given)
    assert says in str(error.value)


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_ansible_lint_finds_nothing_in_its_strictest_profile(tmp_path: Path) -> None:
    program = shutil.which("ansible-lint", path=str(Path(sys.executable).parent))
    assert program, "ansible-lint is not installed"
    environment = os.environ | {
        "HOME": str(tmp_path),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "XDG_CACHE_HOME": str(tmp_path),
    }
    ran = subprocess.run(
        [program, "--nocolor", "--offline", "--profile", "production", "--strict"],
        cwd=SHIPPED.parent,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "'production' was required, and it passed" in ran.stderr
