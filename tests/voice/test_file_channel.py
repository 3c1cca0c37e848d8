"""Where no other way is set up, messages go to a private file."""

import json
import stat
from pathlib import Path

import pytest

from aiops.adapters.file_channel import FileChannel
from aiops.errors import ChannelError
from tests.voice.notices import bundle, event


def test_the_file_gets_one_line_of_json_each_and_is_private(tmp_path: Path) -> None:
    path = tmp_path / "notifications.jsonl"
    channel = FileChannel(path)
    channel.send(bundle(event()))
    channel.send(bundle(event(symptom="second\nline"), event(number=3)))
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["symptom"] for line in lines] == ["38 agents are gone", "second\nline", "38 agents are gone"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_file_that_cannot_be_written_is_tried_again_later(tmp_path: Path) -> None:
    with pytest.raises(ChannelError, match="cannot be written"):
        FileChannel(tmp_path / "nowhere" / "notifications.jsonl").send(bundle(event()))
