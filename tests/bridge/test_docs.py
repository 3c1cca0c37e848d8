import json
import re
from pathlib import Path

from aiops.adapters.event_schema import schema
from aiops.domain.event import TYPES, Event, quarantine_topic
from tests.unit.test_event import OPERATORS

DOC = (Path(__file__).parents[2] / "docs" / "mqtt.md").read_text(encoding="utf-8")


def table(heading: str) -> dict[str, str]:
    """First and last column of the table below that heading."""
    section = DOC.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines() if line.startswith("| `")
    ]
    return {row[0].strip("`"): row[-1] for row in rows}


def test_every_type_is_documented_with_its_sentence_and_no_other() -> None:
    assert table("Types") == TYPES


def test_every_topic_the_code_builds_is_documented() -> None:
    event = Event.model_validate(OPERATORS | {"incident": "inc-1"})
    built = {
        event.topic().replace("/disk/", "/<guardian>/").replace("warning", "<severity>"),
        event.model_copy(update={"cron": "soc"})
        .topic()
        .replace("/soc/", "/<guardian>/")
        .replace("warning", "<severity>"),
        event.model_copy(update={"response": True}).topic().replace("inc-1", "<incident>"),
        event.state_topic().replace("/disk/", "/<guardian>/"),
        quarantine_topic("pixelium"),
        "pixelium/bridge/state",
        "pixelium/worker/<name>/state",
        "pixelium/agents/brief",
        "pixelium/agents/reply",
    }
    assert set(table("Topics")) == built


def test_every_field_is_documented_as_the_schema_has_it() -> None:
    assert set(table("The envelope")) == set(schema()["properties"])
    for field in schema()["properties"]:
        needed = re.search(rf"^\| `{field}` \| (yes|no) \|", DOC, flags=re.MULTILINE)
        assert needed is not None
        assert (needed[1] == "yes") == (field in schema()["required"])


def test_the_example_is_the_operators_event() -> None:
    example = DOC.partition("```json\n")[2].partition("```")[0]
    assert json.loads(example) == OPERATORS
