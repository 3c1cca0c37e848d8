"""Every policy of the cookbook says what its cases want, by the very command that the page names."""

import re
from pathlib import Path

import pytest
import typer

from tasks.cli.policy import try_cases

PAGE = (Path(__file__).parents[2] / "docs" / "policy-cookbook.md").read_text(encoding="utf-8")
RECIPES = {part.partition("\n")[0]: part for part in PAGE.split("\n## ")[1:]}


def blocks(recipe: str) -> dict[str, str]:
    return dict(re.findall(r"```yaml\n# (policy|cases)\n(.*?)```", recipe, flags=re.DOTALL))


def test_the_page_says_how_many_there_are() -> None:
    assert len(RECIPES) == 6
    assert "\nSix policies" in PAGE


@pytest.mark.parametrize("name", RECIPES)
def test_a_policy_of_the_cookbook_says_what_its_cases_want(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for what, text in blocks(RECIPES[name]).items():
        (tmp_path / f"{what}.yml").write_text(text, encoding="utf-8")
    try_cases(tmp_path / "cases.yml", rules=str(tmp_path / "policy.yml"))
    said = capsys.readouterr().out
    assert "cases as wanted" in said
    assert "not in the catalogue" not in said


def test_a_wrong_case_would_be_seen(tmp_path: Path) -> None:
    both = blocks(RECIPES["Look, and touch nothing"])
    (tmp_path / "policy.yml").write_text(both["policy"], encoding="utf-8")
    (tmp_path / "cases.yml").write_text(both["cases"].replace("want: never", "want: auto"), encoding="utf-8")
    with pytest.raises(typer.Exit) as ended:
        try_cases(tmp_path / "cases.yml", rules=str(tmp_path / "policy.yml"))
    assert ended.value.exit_code == 1
