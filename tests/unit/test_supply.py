"""What is installed where: litellm carried malware once, so it may only be where triage runs."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOCKS = sorted((ROOT / "constraints").glob("*.txt"))


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.stem)
def test_a_lock_file_pins_everything_with_hashes_and_names_no_place(lock: Path) -> None:
    text = lock.read_text(encoding="utf-8")
    pins = re.findall(r"^([A-Za-z0-9._-]+)==", text, flags=re.MULTILINE)
    assert len(pins) > (0 if lock.stem == "dashboard" else 10), "it pins next to nothing"
    assert len(re.findall(r"^\S+.*\\$", text, flags=re.MULTILINE)) == len(pins), "a pin has no hash"
    assert "://" not in text


def test_only_the_triage_worker_gets_litellm() -> None:
    assert [
        lock.stem for lock in LOCKS if re.search(r"^litellm==", lock.read_text(encoding="utf-8"), flags=re.MULTILINE)
    ] == ["triage"]
