"""What changing a key promises, for every way there is: the same cases, and what is believed at each step."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from aiops.adapters.key_files import SecretLines, SigningPair, SshPair
from aiops.adapters.signing import KeySigner, KeyVerifier, generate_keys
from aiops.errors import RefusedError, SettingsError
from aiops.settings import secret, secrets
from tests.contracts.sshd import make_key
from tests.plans import approved

Make = Callable[[Path], Any]


def signing(folder: Path) -> SigningPair:
    (folder / "trusted").mkdir(exist_ok=True)
    if not (folder / "key").exists():
        generate_keys(folder / "key", folder / "trusted" / "ct190.pem")
    return SigningPair(folder / "key", folder / "trusted")


def ssh(folder: Path) -> SshPair:
    if not (folder / "key").exists():
        make_key(folder / "key")
    return SshPair(folder / "key")


def lines(folder: Path) -> SecretLines:
    if not (folder / "key").exists():
        (folder / "key").write_text("the old one\n".replace(" ", "-"))
    return SecretLines(folder / "key")


def contents(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


@pytest.mark.parametrize("make", [signing, ssh])
def test_a_pair_goes_through_its_stages_and_back_to_the_first(make: Make, tmp_path: Path) -> None:
    way = make(tmp_path)
    before = (tmp_path / "key").read_bytes()
    seen = [way.stage()]
    for step in (way.rotate, way.use, way.retire):
        step()
        seen.append(way.stage())
    assert seen == ["in use", "next made", "old accepted", "in use"]
    after = contents(tmp_path)
    assert before not in after.values()
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("make", [signing, ssh, lines])
def test_a_step_out_of_turn_is_refused_and_changes_nothing(make: Make, tmp_path: Path) -> None:
    way = make(tmp_path)
    for step in (way.use, way.retire):
        before = contents(tmp_path)
        with pytest.raises(RefusedError):
            step()
        assert contents(tmp_path) == before
    way.rotate()
    before = contents(tmp_path)
    with pytest.raises(RefusedError, match="under way"):
        way.rotate()
    if make is not lines:
        with pytest.raises(RefusedError, match="not used yet"):
            way.retire()
    assert contents(tmp_path) == before


@pytest.mark.parametrize("make", [signing, ssh, lines])
def test_a_key_that_is_a_link_into_another_folder_is_changed_there(make: Make, tmp_path: Path) -> None:
    real, linked = tmp_path / "real", tmp_path / "linked"
    real.mkdir()
    make(real)
    linked.symlink_to(real)
    (tmp_path / "one").symlink_to(real / "key")
    way = make(linked)
    before = (real / "key").read_bytes()
    way.rotate()
    if make is not lines:
        way.use()
    assert (real / "key").read_bytes() != before
    assert (tmp_path / "one").is_symlink()


def test_a_retired_signature_is_refused_by_name_even_where_its_public_half_still_lies(tmp_path: Path) -> None:
    way = signing(tmp_path)
    old, plan = KeySigner(tmp_path / "key"), approved()
    left_over = (tmp_path / "trusted" / "ct190.pem").read_bytes()
    way.rotate()
    believed = KeyVerifier(tmp_path / "trusted")
    assert believed.verify(old.sign(plan)) == plan
    way.use()
    new = KeySigner(tmp_path / "key")
    assert new.key != old.key
    assert believed.verify(new.sign(plan)) == believed.verify(old.sign(plan)) == plan
    way.retire()
    # A deployment copies what is there and takes nothing away.
    (tmp_path / "trusted" / "ct190.pem").write_bytes(left_over)
    alone = KeyVerifier(tmp_path / "trusted")
    assert alone.names == (new.key,)
    assert alone.verify(new.sign(plan)) == plan
    with pytest.raises(RefusedError, match=f"signed by {old.key}, a key that was retired"):
        alone.verify(old.sign(plan))


def test_a_rotation_that_was_killed_after_the_private_half_is_finished_by_the_next_call(tmp_path: Path) -> None:
    way = signing(tmp_path)
    way.rotate()
    (public,) = [file for file in (tmp_path / "trusted").iterdir() if file.name != "ct190.pem"]
    public.unlink()
    with pytest.raises(RefusedError, match="not believed yet"):
        way.use()
    way.rotate()
    way.use()
    assert KeyVerifier(tmp_path / "trusted").verify(KeySigner(tmp_path / "key").sign(approved()))


def test_a_change_over_that_was_killed_between_the_halves_is_finished_by_the_next_call(tmp_path: Path) -> None:
    way = ssh(tmp_path)
    way.rotate()
    old, new = (tmp_path / "key.pub").read_text(), (tmp_path / "key.next.pub").read_text()
    (tmp_path / "key.old.pub").write_text(old)
    (tmp_path / "key.next").replace(tmp_path / "key")
    assert way.stage() == "next made"
    way.use()
    assert ((tmp_path / "key.pub").read_text(), (tmp_path / "key.old.pub").read_text()) == (new, old)


def test_one_public_key_in_a_file_is_no_place_for_two(tmp_path: Path) -> None:
    generate_keys(tmp_path / "key", tmp_path / "heard.pem")
    with pytest.raises(RefusedError, match="must be a folder"):
        SigningPair(tmp_path / "key", tmp_path / "heard.pem").rotate()
    assert sorted(file.name for file in tmp_path.iterdir()) == ["heard.pem", "key"]


def test_of_a_secret_both_are_accepted_the_new_one_is_used_and_then_it_is_alone(tmp_path: Path) -> None:
    way = lines(tmp_path)
    way.rotate()
    new, old = secrets(tmp_path / "key")
    assert old == "the-old-one"
    assert secret(tmp_path / "key") == new
    assert way.stage() == "old accepted"
    made = (tmp_path / "key").stat().st_mtime_ns
    time.sleep(0.01)
    way.retire()
    assert secrets(tmp_path / "key") == (new,)
    assert (tmp_path / "key").stat().st_mtime_ns == made
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600


def test_a_locked_secret_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(b"\x00GITCRYPT\x00\xff\xfe")
    with pytest.raises(SettingsError, match="cannot be read"):
        SecretLines(tmp_path / "key").rotate()
    assert (tmp_path / "key").read_bytes() == b"\x00GITCRYPT\x00\xff\xfe"
