"""Keys are changed under real servers: at each step exactly the right ones come in."""

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import AuthenticationError

from aiops import bootstrap
from aiops.adapters.embedded import EmbeddedRedis
from aiops.adapters.key_files import SecretLines, SshPair
from aiops.adapters.mqtt import MqttAddress
from aiops.adapters.permit import KEY as PERMIT
from aiops.adapters.permit import RedisPermit
from aiops.adapters.selftest import mqtt_answers
from aiops.adapters.signing import KeySigner, KeyVerifier
from aiops.errors import BusError
from aiops.settings import load_settings
from tasks import mqtt_access
from tasks.access import lines, password_file
from tests.contracts.sshd import Sshd
from tests.pipeline.test_borders import ours, refusal, send
from tests.pipeline.test_command import aiops
from tests.servers import free_port
from tests.system import System


def comes_in(port: int, password: str) -> bool:
    with Redis(port=port, username="detect", password=password, protocol=2) as client:
        try:
            client.lpush("incidents", "x")
        except AuthenticationError:
            return False
    return True


def test_redis_takes_both_passwords_then_the_new_one_alone(tmp_path: Path) -> None:
    folder = tmp_path / "redis"
    file = password_file(folder, "detect")
    server = EmbeddedRedis(folder, accounts=lambda version: lines(folder, version))
    with server:
        old = file.read_text()
        assert comes_in(server.port, old)
    SecretLines(file).rotate()
    new = file.read_text().split()[0]
    with server:
        assert [comes_in(server.port, password) for password in (old, new, "another")] == [True, True, False]
    SecretLines(file).retire()
    with server:
        assert [comes_in(server.port, password) for password in (old, new)] == [False, True]


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    program, port = shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:/usr/bin"), free_port()
    assert program, "install mosquitto: this test needs the real one"
    settings = [f"listener {port} 127.0.0.1", "allow_anonymous false", f"password_file {tmp_path}/passwords"]
    settings += [f"acl_file {tmp_path}/acl", *(["user root"] if os.geteuid() == 0 else [])]
    (tmp_path / "conf").write_text("\n".join(settings) + "\n")
    (tmp_path / "acl").write_text(mqtt_access.acl("site"))
    (tmp_path / "passwords").write_text(mqtt_access.passwords(tmp_path / "mqtt"))
    for file in ("acl", "passwords"):
        (tmp_path / file).chmod(0o600)
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen([program, "-c", str(tmp_path / "conf")], stdout=log, stderr=log)
    yield process, port
    process.terminate()
    process.wait(10)


def test_mosquitto_takes_the_new_password_alone_from_the_moment_it_reads_it(
    mosquitto: tuple[subprocess.Popen[bytes], int], tmp_path: Path
) -> None:
    process, port = mosquitto
    file = tmp_path / "mqtt" / "detect.password"
    (tmp_path / "old").write_text(file.read_text())

    def lets_in(password: Path) -> bool:
        try:
            mqtt_answers(MqttAddress(port=port, user="aiops-detect", password_file=password), "site/doctor")
        except BusError:
            return False
        return True

    wait(lambda: lets_in(file))
    SecretLines(file).rotate()
    assert not lets_in(file)
    (tmp_path / "passwords").write_text(mqtt_access.passwords(tmp_path / "mqtt"))
    process.send_signal(signal.SIGHUP)
    wait(lambda: lets_in(file))
    assert not lets_in(tmp_path / "old")
    before = mqtt_access.passwords(tmp_path / "mqtt")
    SecretLines(file).retire()
    assert mqtt_access.passwords(tmp_path / "mqtt") == before


def wait(look: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not look():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_host_lets_both_ssh_keys_in_then_the_new_one_alone(tmp_path: Path) -> None:
    server = Sshd(tmp_path)
    server.start()
    key, old = server.key, tmp_path / "before"
    shutil.copy(key, old)

    def logs_in(identity: Path) -> bool:
        options = ["-o", f"UserKnownHostsFile={server.known_hosts}", "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes"]
        argv = ["ssh", "-F", "none", *options, "-i", str(identity), "-p", str(server.port), "127.0.0.1", "true"]
        return (
            subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False).returncode == 0
        )

    def enroll() -> None:
        """As `aiops enroll` lays them down: what lies beside the key."""
        from tasks.cli.enroll import _account  # noqa: PLC0415

        account = _account("aiops-repair", key.with_name(f"{key.name}.pub"), "")
        (tmp_path / "authorized").write_text("\n".join(account.public_keys) + "\n")

    try:
        pair = SshPair(key)
        pair.rotate()
        enroll()
        assert [logs_in(one) for one in (key, key.with_name(f"{key.name}.next"))] == [True, True]
        pair.use()
        enroll()
        assert [logs_in(one) for one in (key, old)] == [True, True]
        assert key.read_bytes() != old.read_bytes()
        pair.retire()
        enroll()
        assert [logs_in(one) for one in (key, old)] == [True, False]
    finally:
        server.stop()


def test_the_command_names_every_key_its_age_and_the_steps_of_what_it_cannot_do(tmp_path: Path) -> None:
    secrets = tmp_path / "secrets"
    (secrets / "trusted").mkdir(parents=True)
    bootstrap.generate_keys(secrets / "plan_signing_key", secrets / "trusted" / "ct190.pem")
    for name in ("telegram_token", "hook_key"):
        (secrets / name).write_text(f"canary-{name}\n")
    os.utime(secrets / "telegram_token", (0, 0))
    (tmp_path / "aiops.toml").write_text(
        '[telegram]\ntoken_file = "telegram_token"\ndirect = 7\n'
        '[ingest.sources.grafana]\nform = "grafana"\nkey_file = "hook_key"\n'
    )
    environment = {"AIOPS_CONFIG": str(tmp_path / "aiops.toml")}

    def keys(*words: str, code: int = 0) -> str:
        done = aiops("keys", *words, "--secrets", str(secrets), "--json", code=code, **environment)
        assert "canary" not in done.stdout + done.stderr
        return done.stdout

    listed = {one["name"]: one for one in json.loads(keys("list", code=1))}
    assert set(listed) == {"keys.signing", "telegram.token_file", "ingest.sources.grafana.key_file"}
    assert [name for name, one in listed.items() if one["old"]] == ["telegram.token_file"]

    said = json.loads(keys("rotate", "telegram.token_file", code=3))
    assert said["keys"] == []
    assert "BotFather" in said["steps"][0]
    assert (secrets / "telegram_token").read_text() == "canary-telegram_token\n"

    assert json.loads(keys("rotate", "ingest.sources.grafana.key_file"))["keys"] == ["ingest.sources.grafana.key_file"]
    assert len((secrets / "hook_key").read_text().split()) == 2
    keys("rotate", "nobody", code=3)


@pytest.mark.slow
def test_a_running_system_changes_its_signing_key_and_refuses_what_the_retired_one_signed(
    start_system: Callable[..., System],
) -> None:
    system = start_system(only=("incidents", "remediation"))
    system.wait_online("incidents", "remediation")
    old = KeySigner(system.settings.keys.signing)

    def again(name: str) -> None:
        (child,) = [child for child in system.local.children if child.name == name]
        assert child.process
        child.process.terminate()
        child.process.wait(60)
        before = len(system.events(type="worker.online"))
        child.start()
        system.wait_for(lambda: len(system.events(type="worker.online")) > before, 120, f"{name} is back")

    def said_to(signer: KeySigner) -> tuple[str, str]:
        before = len(system.events(type="plan.refused"))
        send(system, signer.sign(ours()))
        event = refusal(system, before)
        return event["context"]["reason"], event["symptom"]

    def permitted_by() -> str:
        verifier = KeyVerifier(load_settings().keys.trusted)
        permit = RedisPermit(system.local.redis_url, verifier)
        system.wait_for(permit.valid, 60, "a permit that holds")
        permit.close()
        found = system.wait_for(lambda: system.client.get(PERMIT), what="the permit")
        return str(json.loads(found)["key"])

    # Each plan names a host that is not there: past the signature it fails on that.
    assert said_to(old)[0] == "hosts"
    aiops("keys", "rotate", "keys.signing")
    again("remediation")
    assert said_to(old)[0] == "hosts"
    aiops("keys", "use", "keys.signing")
    again("incidents")
    new = KeySigner(system.settings.keys.signing)
    assert permitted_by() == new.key != old.key
    assert [said_to(one)[0] for one in (old, new)] == ["hosts", "hosts"]
    aiops("keys", "retire", "keys.signing")
    again("remediation")
    reason, text = said_to(old)
    assert (reason, f"{old.key}, a key that was retired" in text) == ("signature", True)
    assert said_to(new)[0] == "hosts"
