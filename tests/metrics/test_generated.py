"""The shipped files, by the programs they are made by and made for."""

import shutil
import subprocess

import pytest

from tests.metrics.queries import DASHBOARD, GRAFANA, IMPORT, ROOT

PYTHON = ROOT / ".venv-dashboard" / "bin" / "python"

SAME = """
import runpy
made = runpy.run_path("grafana/dashboard.py")["files"]()
for path, text in made.items():
    assert path.read_text(encoding="utf-8") == text, path
print(len(made))
"""
ROUND_TRIP = """
import json, sys
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard
text = open(sys.argv[1], encoding="utf-8").read()
again = JSONEncoder(sort_keys=True, indent=2).encode(Dashboard.from_json(json.loads(text)))
assert json.loads(again) == json.loads(text)
print("same")
"""


def promtool(*words: str) -> "subprocess.CompletedProcess[str]":
    program = shutil.which("promtool")
    assert program
    return subprocess.run(
        [program, *words], cwd=GRAFANA / "prometheus", capture_output=True, text=True, timeout=60, check=False
    )


def generator(program: str, *words: str) -> str:
    done = subprocess.run(
        [PYTHON, "-c", program, *words], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.dashboard
def test_the_dashboard_is_what_its_program_writes() -> None:
    assert generator(SAME) == "2", "run `make dashboard` and commit the result"
    assert DASHBOARD.exists()
    assert IMPORT.exists()


@pytest.mark.dashboard
def test_grafanas_own_model_reads_the_dashboard_and_loses_nothing() -> None:
    assert generator(ROUND_TRIP, str(DASHBOARD)) == "same"


@pytest.mark.promtool
@pytest.mark.parametrize(
    "words", [("check", "rules", "rules.yml"), ("test", "rules", "rules.test.yml"), ("check", "config", "scrape.yml")]
)
def test_promtool_takes_the_rules_every_test_of_theirs_and_the_scrape_configuration(words: tuple[str, ...]) -> None:
    done = promtool(*words)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "SUCCESS" in done.stdout + done.stderr
