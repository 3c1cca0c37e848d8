"""Copies of git repositories, compared by real git over real repositories."""

import subprocess
from pathlib import Path

import pytest

from aiops.adapters.git_refs import GitRefs
from aiops.bootstrap.witnesses import witnesses
from aiops.domain.testimony import MirrorState
from aiops.errors import BusError, SettingsError
from aiops.settings import Mirror, Mirrors, Settings

IDENTITY = ("-c", "user.name=a", "-c", "user.email=a@b", "-c", "init.defaultBranch=main", "-c", "commit.gpgsign=false")


def git(folder: Path, *words: str) -> None:
    subprocess.run(["git", *IDENTITY, *words], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def original(tmp_path: Path) -> Path:
    folder = tmp_path / "original"
    folder.mkdir()
    git(folder, "init", "--quiet")
    git(folder, "commit", "--quiet", "--allow-empty", "-m", "one")
    git(folder, "tag", "-a", "v1", "-m", "v1")
    return folder


@pytest.fixture
def copy(original: Path) -> Path:
    git(original.parent, "clone", "--quiet", "--mirror", str(original), "copy.git")
    return original.parent / "copy.git"


def compared(original: Path, copy: Path, *patterns: str) -> MirrorState:
    refs = {"refs": patterns} if patterns else {}
    one = Mirror(name="it", source=original.as_uri(), mirror=copy.as_uri(), host="ct203", **refs)
    said = witnesses(Settings(mirrors=Mirrors(repositories=(one,))))["mirrors"].ask("refs", "sweep")
    (told,) = said.told
    assert isinstance(told, MirrorState)
    return told


def test_a_copy_that_holds_everything_is_whole_though_it_holds_more(original: Path, copy: Path) -> None:
    git(copy, "branch", "old", "main")
    told = compared(original, copy)
    assert (told.refs, told.missing, told.behind, told.problem) == (2, (), (), "")


def test_what_was_pushed_since_is_missing_or_behind_until_the_copy_has_it(original: Path, copy: Path) -> None:
    git(original, "commit", "--quiet", "--allow-empty", "-m", "two")
    git(original, "tag", "v2")
    told = compared(original, copy)
    assert (told.missing, told.behind) == (("refs/tags/v2",), ("refs/heads/main",))
    assert compared(original, copy, "refs/tags/v1").missing == ()
    git(copy, "fetch", "--quiet", "--prune")
    assert compared(original, copy).behind == ()


def test_an_original_that_shows_nothing_or_is_not_there_is_a_problem_and_not_a_whole_copy(
    original: Path, copy: Path, tmp_path: Path
) -> None:
    git(tmp_path, "init", "--quiet", "--bare", "empty.git")
    assert "none of the refs" in compared(tmp_path / "empty.git", copy).problem
    assert "none of the refs" in compared(original, copy, "refs/pull/*").problem
    assert "does not appear to be a git repository" in compared(tmp_path / "gone.git", copy).problem


def test_a_server_that_hangs_is_left_in_time_and_other_protocols_are_not_spoken(tmp_path: Path) -> None:
    hanging = tmp_path / "ssh"
    hanging.write_text("#!/bin/sh\nexec sleep 600\n")
    hanging.chmod(0o700)
    with pytest.raises(BusError, match=r"within 0\.5 s"):
        GitRefs(str(hanging), 0.5).show("ssh://git@forge.example.org/a.git")
    with pytest.raises((BusError, SettingsError), match="not allowed"):
        GitRefs("false", 20).show("ext::sh -c true")


@pytest.mark.parametrize("address", ["--upload-pack=x", "ext::sh", "https://a:b@forge/x", "a b"])
def test_an_address_that_is_more_than_one_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="address"):
        Mirror(name="it", source=address, mirror="https://forge/x", host="ct1")
