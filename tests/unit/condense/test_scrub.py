"""No secret gets into a transcript, and nothing else is taken out of it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiops.condense.scrub import GONE, scrub, scrub_tree

WORD = "s3cr3tV4lue99xyz"
KEY = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXkt\nAAAAB3Nz\n-----END OPENSSH PRIVATE KEY-----"

SECRETS = [
    f"password={WORD}",
    f"password: {WORD}",
    f'"db_password": "{WORD}"',
    f'"db_password": "two {WORD} words"',
    f"'ansible_become_pass': '{WORD}'",
    f"MYSQL_ROOT_PASSWORD={WORD} exec mysqld",
    f"mysqldump --password={WORD} --all-databases",
    f"restic --password {WORD} backup",
    f"api_key = {WORD}",
    f"X-Api-Key: {WORD}",
    f"curl -H 'Authorization: Bearer {WORD}'",
    f"Authorization: Basic {WORD}==",
    f"Cookie: session={WORD}; path=/",
    f"postgres://app:{WORD}@db1:5432/app",
    f"redis://:{WORD}@127.0.0.1:6379/0",
    f"https://marie:{WORD}@forge/ops.git",
    f"token: ghp_{WORD}{WORD}",
    f"using glpat-{WORD}",
    f"key sk-{WORD}",
    f"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.{WORD}",
    f"root:$6$salt${WORD}:19000:0:99999:7:::",
    f"client_secret={WORD}",
    f"snmp community: {WORD}",
    f"TELEGRAM=123456789:AA{WORD}{WORD}",
    KEY.replace("b3BlbnNzaC1rZXkt", WORD),
    json.dumps({"msg": KEY.replace("b3BlbnNzaC1rZXkt", WORD)}),
    json.dumps({"msg": json.dumps({"password": WORD})}),
    f"-----BEGIN RSA PRIVATE KEY-----\n{WORD} and then the output was cut",
]

HARMLESS = [
    "TASK [Set the password policy] ****",
    "ok: [web1] => changed=0 unreachable=0 failed=0",
    "password: [secret]",
    "password: null",
    "no_log: true",
    "PasswordAuthentication no",
    "nginx.service: Main process exited, code=exited, status=1/FAILURE",
    "https://web1:8080/health answered 502",
    "--- before: /etc/nginx/nginx.conf\n+++ after: /etc/nginx/nginx.conf\n@@ -1 +1 @@\n-worker 1;\n+worker 2;",
    "plan-20261123-abc234 digest 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
    "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ marie@desk",
    "git@forge:ops/journal.git",
    "2 tokens were renewed, the secret store answers",
]


@pytest.mark.parametrize("text", SECRETS)
def test_a_secret_is_taken_out(text: str) -> None:
    assert WORD not in scrub(text)
    assert GONE in scrub(text)


@pytest.mark.parametrize("text", HARMLESS)
def test_what_is_no_secret_stays_as_it_is(text: str) -> None:
    assert scrub(text) == text


def test_what_stands_around_a_secret_is_still_read() -> None:
    text = f"before\nrestic -r sftp:pbs --password {WORD} backup /etc\nafter"
    assert scrub(text) == "before\nrestic -r sftp:pbs --password [secret] backup /etc\nafter"


def test_json_stays_json_and_a_key_that_names_a_secret_hides_any_value() -> None:
    tree = {
        "unit": "nginx.service",
        "db_password": WORD,
        "token": 123456,
        "changed": True,
        "list": [f"password={WORD}", {"secret": ["a", "b"]}],
    }
    scrubbed = json.loads(json.dumps(scrub_tree(tree)))
    assert WORD not in json.dumps(scrubbed)
    assert scrubbed["unit"] == "nginx.service"
    assert scrubbed["changed"] is True
    assert scrubbed["db_password"] == scrubbed["token"] == GONE
    assert scrubbed["list"][1]["secret"] == [GONE, GONE]


@given(st.lists(st.sampled_from([*SECRETS, *HARMLESS, "\n", " ", "\x00é"]), max_size=6).map("\n".join))
def test_scrubbing_twice_is_scrubbing_once(text: str) -> None:
    once = scrub(text)
    assert WORD not in once
    assert scrub(once) == once


@given(st.text(max_size=200))
def test_any_text_can_be_scrubbed(text: str) -> None:
    once = scrub(text)
    assert scrub(once) == once
