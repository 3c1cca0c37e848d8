"""The repository's rituals are skills for agents; the commands in each run here, in a copy of the tree."""

import os
import re
import subprocess
import sys
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml
from click import Context
from typer.core import TyperGroup
from typer.main import get_command

from tasks.cli import cli
from tests.catalogues.test_adding import copy
from tests.incident_world import World

__all__ = ["copy"]

ROOT = Path(__file__).parents[2]
SKILLS = sorted((ROOT / ".claude" / "skills").glob("*/SKILL.md"))
RITUALS = [
    ROOT / "AGENTS.md",
    *SKILLS,
    *sorted((ROOT / "docs" / "howto").glob("*.md")),
    *sorted((ROOT / "skills").glob("*/SKILL.md")),
]
_BLOCK = re.compile(r"^( *)```sh\n(.*?)^\1```$", re.DOTALL | re.MULTILINE)
_FENCE = re.compile(r"^ *(```+|~~~+)(.*)$", re.MULTILINE)
_INLINE = re.compile(r"`((?:aiops|make|python) [^`]+)`")
WITH_COMMANDS = [page for page in RITUALS if _BLOCK.search(page.read_text(encoding="utf-8"))]
FILES = {"yaml", "toml", "python", "json"}
"""What a fence may hold besides commands: a file as somebody would write it."""


def not_run(text: str) -> list[str]:
    """What a page shows as commands, or as nothing we know, and what no test runs for that reason."""
    fences = [(mark, word.strip()) for mark, word in _FENCE.findall(text)]
    opened = fences[::2]
    wrong = [f"a block of {word or 'no language'!r}" for mark, word in opened if word not in FILES | {"sh"}]
    wrong += ["a block that is not closed"] * (len(fences) % 2)
    if sum(word == "sh" for _, word in opened) != len(_BLOCK.findall(text)):
        wrong.append("a block of commands that is not read as one")
    return wrong


def unknown(text: str) -> list[str]:
    """Commands in the running text that there are none of."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    wrong = []
    for command in _INLINE.findall(text):
        program, *words = command.split()
        if program == "make":
            wrong += [
                command for word in words if "=" not in word and not re.search(rf"^{word}:", makefile, re.MULTILINE)
            ]
        elif program == "aiops":
            wrong += [command] * (not _is_one(words))
        elif words[0] == "-m":
            wrong += [command] * (find_spec(words[1]) is None)
        else:
            wrong += [command] * (not (ROOT / words[0]).is_file())
    return wrong


def _is_one(words: list[str]) -> bool:
    """Whether ``aiops`` has this command, with these options."""
    known = get_command(cli)
    rest = list(words)
    while rest and isinstance(known, TyperGroup):
        found = known.get_command(Context(known), rest[0])
        if found is None:
            break
        known, rest = found, rest[1:]
    options = {name for parameter in known.params for name in parameter.opts}
    return known.name != get_command(cli).name and all(word in options for word in rest if word.startswith("--"))


def commands(skill: Path) -> str:
    """Every shell block, in order, as one script."""
    blocks = [
        "\n".join(line.removeprefix(indent) for line in body.splitlines())
        for indent, body in _BLOCK.findall(skill.read_text(encoding="utf-8"))
    ]
    assert blocks
    return "\n".join(["set -eu", *blocks, ""])


@pytest.fixture
def incident(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Settings of a deciding side whose ledger holds one incident that waits for a human."""
    folder = tmp_path_factory.mktemp("deciding")
    (folder / "state").mkdir()
    world = World(folder / "state", decision="ask")
    world.now = datetime.now(UTC)
    from aiops.steps import authorise, correlate  # noqa: PLC0415 - the whole deciding side, for this fixture alone

    for verdict in correlate(world.sweep(world.finding()), world.services).verdicts:
        authorise(verdict, world.services)
    inventory = folder / "hosts.yml"
    inventory.write_text("all:\n  hosts:\n    ct201:\n      ansible_host: 192.0.2.1\n      aiops_role: web\n")
    config = folder / "aiops.toml"
    config.write_text(
        f'state = "{folder}/state"\n[keys]\nsigning = "{folder}/state/signing"\n[fleet]\ninventory = "{inventory}"\n'
    )
    return config, world.only().id


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("skill", WITH_COMMANDS, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_commands_of_a_ritual_run(skill: Path, copy: Path, incident: tuple[Path, str], tmp_path: Path) -> None:
    config, name = incident
    programs = tmp_path / "programs"
    programs.mkdir()
    for program, words in (("python", ""), ("aiops", "-m tasks.cli ")):
        file = programs / program
        file.write_text(f'#!/bin/sh\nexec "{sys.executable}" {words}"$@"\n')
        file.chmod(0o755)
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith("AIOPS_")},
        "PATH": f"{programs}:{os.environ['PATH']}",
        "AIOPS_CONFIG": str(config),
        "INCIDENT": name,
        "PYTHONPATH": str(copy),
    }
    done = subprocess.run(
        ["/bin/bash", "-c", commands(skill)],
        cwd=copy,
        env=environment,
        capture_output=True,
        text=True,
        timeout=550,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]


@pytest.mark.parametrize("page", RITUALS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_command_that_a_ritual_shows_is_run_or_is_there(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert not_run(text) == []
    assert unknown(text) == []


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("```bash\nrm -rf var\n```\n", "a block of 'bash'"),
        ("```\naiops sweep\n```\n", "a block of 'no language'"),
        ("~~~sh\naiops sweep\n~~~\n", "a block of commands that is not read as one"),
        ("```sh\naiops sweep\n", "a block that is not closed"),
        ("   ```sh\n   aiops sweep\n ```\n", "a block of commands that is not read as one"),
    ],
)
def test_a_block_that_no_test_would_run_is_found(text: str, says: str) -> None:
    assert says in not_run(text)


def test_a_command_in_the_text_that_there_is_none_of_is_found() -> None:
    there = "`aiops sweep` `aiops mcp list --ready` `make test JOBS=2` `python -m tasks.cli`"
    gone = "`aiops swoop` `aiops mcp list --all` `make tea` `python -m moon`"
    assert unknown(there + gone) == ["aiops swoop", "aiops mcp list --all", "make tea", "python -m moon"]


@pytest.mark.parametrize("skill", SKILLS, ids=lambda path: path.parent.name)
def test_a_ritual_is_named_and_described_and_the_contract_leads_to_it(skill: Path) -> None:
    _, head, _ = skill.read_text(encoding="utf-8").split("---\n", 2)
    known = yaml.safe_load(head)
    assert known["name"] == skill.parent.name
    assert len(known["description"]) > 20
    assert str(skill.relative_to(ROOT)) in (ROOT / "AGENTS.md").read_text(encoding="utf-8")


def test_the_contract_is_found_under_both_names() -> None:
    assert "AGENTS.md" in (ROOT / "CLAUDE.md").read_text(encoding="utf-8")
    targets = set(re.findall(r"`make ([a-z-]+)`", (ROOT / "AGENTS.md").read_text(encoding="utf-8")))
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert targets
    assert all(re.search(rf"^{target}:", makefile, flags=re.MULTILINE) for target in targets)
