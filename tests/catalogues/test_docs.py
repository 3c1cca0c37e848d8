"""Documentation is a promise: generated pages are fresh, links lead somewhere, every setting says what it means."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from beat_schedule import GUARDIANS
from tasks.cli import lazy

ROOT = Path(__file__).parents[2]


def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_generate", ROOT / "docs" / "generate.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["commands.md", "detectors.md", "metrics.md", "remediations.md", "settings.md"])
def test_a_generated_page_is_what_the_code_says(name: str) -> None:
    page = generator().PAGES[name]()
    assert (ROOT / "docs" / name).read_text(encoding="utf-8") == page, "run `make docs` and commit the result"


PAGES = [
    path
    for path in sorted(ROOT.rglob("*.md"))
    if not any(part.startswith(".") or part in {"var", "build"} for part in path.relative_to(ROOT).parts)
]


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_inside_the_repository_leads_to_a_file_and_to_a_heading_in_it(path: Path) -> None:
    missing = []
    for link in re.findall(r"\]\((?!https?:|mailto:)([^)\s]+)\)", prose(path)):
        file, _, anchor = link.partition("#")
        target = path.parent / file if file else path
        if not target.exists() or (anchor and target.suffix == ".md" and anchor not in anchors(target)):
            missing.append(link)
    assert missing == []


def prose(path: Path) -> str:
    """The page without its blocks of code."""
    return re.sub(r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)


def anchors(path: Path) -> set[str]:
    """What a link may name in the page, as GitHub and Forgejo make it from a heading."""
    heads = re.findall(r"^#{1,6} +(.+?) *$", prose(path), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.replace("`", "").lower()).replace(" ", "-") for head in heads}


def test_every_command_of_the_readme_exists() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    commands = set(re.findall(r"^aiops ([a-z]+)", text, flags=re.MULTILINE))
    targets = set(re.findall(r"^make ([a-z]+)", text, flags=re.MULTILINE))
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert commands <= {name.partition("-")[0] for name in lazy.index()}
    assert all(re.search(rf"^{target}:", makefile, flags=re.MULTILINE) for target in targets)


@pytest.mark.parametrize("guardian", GUARDIANS)
def test_every_guardian_has_a_row_that_says_what_it_is_proven_by(guardian: str) -> None:
    page = (ROOT / "docs" / "guardians.md").read_text(encoding="utf-8")
    rows = [row for row in page.splitlines() if row.startswith("| `") and f"`{guardian}`" in row.split("|")[1]]
    assert len(rows) == 1


def test_the_index_of_commands_is_what_the_modules_say() -> None:
    assert (ROOT / "tasks" / "cli" / "commands.tsv").read_text(encoding="utf-8") == lazy.written(), "run `make docs`"


def test_every_module_with_commands_is_listed() -> None:
    folder = ROOT / "tasks" / "cli"
    assert set(lazy.MODULES) == {file.stem for file in folder.glob("*.py") if "\ndef register(" in file.read_text()}


def test_the_help_page_loads_no_command() -> None:
    code = "import sys; sys.argv = ['aiops', '--help']\nimport tasks.cli\n"
    code += "try:\n    tasks.cli.main()\nexcept SystemExit:\n    pass\n"
    code += "print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    said = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    assert not {"pydantic", "celery", "rich", "redis", "sqlite3"} & set(said.stdout.splitlines()[-1].split())


def test_every_setting_says_what_it_means() -> None:
    rows = [line.split(" | ") for line in generator().settings_page().splitlines() if line.startswith("| `")]
    assert len(rows) > 40
    assert [row[0] for row in rows if not row[2].strip(" |")] == []


@pytest.mark.parametrize("page", ["isolation.md", "faults.md"])
def test_every_test_that_a_page_names_exists(page: str) -> None:
    named = re.findall(r"(tests/[\w/]+\.py)(?:::(\w+))?", (ROOT / "docs" / page).read_text())
    assert named
    for file, test in named:
        assert (ROOT / file).is_file(), file
        assert f"def {test}" in (ROOT / file).read_text(), f"{file}::{test}"
