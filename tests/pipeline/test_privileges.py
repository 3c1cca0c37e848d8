"""Each right of each account is taken away by itself: exactly the features that need it break, and every right has one."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from aiops.adapters.embedded import EmbeddedRedis
from aiops.adapters.signing import KeySigner, KeyVerifier, generate_keys
from aiops.settings import load_settings
from tasks.access import ACCESS, line, lines, password_file
from tests.privileges import Desk, Feature, features

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@dataclass
class Server:
    """A Redis with all the accounts."""

    folder: Path
    url: str
    admin: Redis

    def desk(self, user: str) -> Desk:
        """For one feature."""
        settings = load_settings()
        account = {"username": user, "password_file": password_file(self.folder / "redis", user)}
        mine = settings.model_copy(update={"redis": settings.redis.model_copy(update=account)})
        keys = KeySigner(self.folder / "key"), KeyVerifier(self.folder / "key.pub")
        return Desk(user, mine, self.admin, self.url, *keys)

    def works(self, user: str, feature: Feature) -> str:
        """Empty, or what went wrong: an error, an effect that is missing, or something that the server refused."""
        for key in self.admin.keys("*"):
            self.admin.delete(key)
        self.admin.script_flush()
        self.admin.acl_log_reset()
        desk = self.desk(user)
        try:
            feature.run(desk)
        except Exception as error:  # noqa: BLE001 - whatever it was, the feature does not work
            return repr(error)
        finally:
            desk.close()
        return ", ".join(str(entry["object"]) for entry in self.admin.acl_log())


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    passwords = tmp_path / "redis"
    with EmbeddedRedis(passwords, accounts=lambda version: lines(passwords, version)) as redis:
        config = tmp_path / "aiops.toml"
        config.write_text(f'state = "{tmp_path}"\n[redis]\nurl = "redis://127.0.0.1:{redis.port}/0"\n')
        monkeypatch.setenv("AIOPS_CONFIG", os.fspath(config))
        generate_keys(tmp_path / "key", tmp_path / "key.pub")
        with Redis.from_url(redis.url, decode_responses=True) as admin:
            yield Server(tmp_path, redis.url, admin)


Atom = tuple[str, str]
"""A command and a key, ``&`` and a channel, or a command without keys and nothing."""


def atoms(user: str) -> dict[Atom, Callable[[], list[str]]]:
    """Every right by itself, and the account's rules without it. ``%W~x`` and ``~x`` are rules for the key x."""
    plain, selectors = _split(line(user, (), setinfo=False))
    found: dict[Atom, Callable[[], list[str]]] = {}
    for word in plain:
        if word[0] in "+&":
            atom = (word[1:], "") if word[0] == "+" else ("&", word[1:])
            found[atom] = lambda word=word: [one for one in plain if one != word] + selectors  # type: ignore[misc]
    single = [one for selector in selectors for one in _by_command(selector)]
    for number, (command, keys) in enumerate(single):
        for key in keys:
            rest = [one for one in keys if one != key]
            without = [_selector(*one) for one in (*single[:number], (command, rest), *single[number + 1 :]) if one[1]]
            found[command, key.partition("~")[2]] = lambda without=without: plain + without  # type: ignore[misc]
    return found


def _split(text: str) -> tuple[list[str], list[str]]:
    plain, *selectors = text.replace(")", "").split(" (")
    return plain.split()[2:], [f"({selector})" for selector in selectors]


def _by_command(selector: str) -> Iterator[tuple[str, list[str]]]:
    words = selector.strip("()").split()
    for command in (word[1:] for word in words if word[0] == "+"):
        yield command, [word for word in words if word[0] in "~%"]


def _selector(command: str, keys: list[str]) -> str:
    return f"(-@all +{command} {' '.join(keys)})"


def needed_by(user: str, atom: Atom) -> set[str]:
    command, key = atom
    return {one.name for one in features(user) if key in one.needs.get(command, ())}


@pytest.mark.parametrize("user", ACCESS)
def test_without_one_right_exactly_what_needs_it_breaks(server: Server, user: str) -> None:
    def grant(rules: list[str]) -> None:
        secret: Any = server.admin.acl_getuser(user)
        server.admin.execute_command("ACL", "SETUSER", user, "reset", f"#{secret['passwords'][0]}", *rules)

    assert {one.name: server.works(user, one) for one in features(user) if server.works(user, one)} == {}
    wrong = []
    for atom, without in atoms(user).items():
        grant(without())
        broken = {one.name for one in features(user) if server.works(user, one)}
        # A command without a key (PING, MULTI ...) carries many features: that one at least needs it is what counts.
        expected = needed_by(user, atom) if atom[1] else broken
        if broken != expected or not broken:
            wrong.append(f"{atom}: {broken} broke, {expected} need it")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("user", ACCESS)
def test_nothing_that_a_feature_needs_is_missing_in_the_account(user: str) -> None:
    granted = set(atoms(user))
    assert {(command, key) for one in features(user) for command, keys in one.needs.items() for key in keys} <= granted
