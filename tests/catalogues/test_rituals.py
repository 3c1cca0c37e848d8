"""The repository's rituals are skills for agents; the commands in each run here, in a copy of the tree."""

import os
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from tests.catalogues.test_adding import copy
from tests.incident_world import World

__all__ = ["copy"]

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "docs" / "howto" / name for name in ("add-a-detector.md", "add-a-playbook.md")]
SKILLS = sorted((ROOT / ".claude" / "skills").glob("*/SKILL.md"))
_BLOCK = re.compile(r"^( *)```sh\n(.*?)^\1```$", re.DOTALL | re.MULTILINE)


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
@pytest.mark.parametrize("skill", [*SKILLS, *PAGES], ids=lambda path: path.parent.name if path in SKILLS else path.stem)
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
