"""What ``aiops doctor`` says about Semaphore."""

from pathlib import Path

import pytest

from aiops import bootstrap
from aiops.adapters.semaphore_api import SemaphoreError
from aiops.errors import SettingsError
from aiops.remediations import SHIPPED, load
from aiops.settings import Semaphore as Section
from aiops.settings import Settings
from tests.semaphore.server import TOKEN, Semaphore


def _settings(server: Semaphore, tmp_path: Path, templates: dict[str, int], token: str = TOKEN) -> Settings:
    (tmp_path / "token").write_text(token)
    section = Section(url=server.url, token_file=tmp_path / "token", inventory=3, templates=templates, seconds=2)
    return Settings(state=tmp_path, semaphore=section)


def test_it_says_when_semaphore_is_not_set(tmp_path: Path) -> None:
    assert bootstrap.checks(Settings(state=tmp_path))["semaphore"]() == "not set: every repair is run from CT196"


def test_it_reads_every_template_and_starts_nothing(semaphore: Semaphore, tmp_path: Path) -> None:
    risky = [name for name, entry in load(SHIPPED).items() if entry.risk in {"medium", "high"}]
    templates = {name: number for number, name in enumerate(risky, start=8)}
    for name, number in templates.items():
        semaphore.template(number, name)
    said = bootstrap.checks(_settings(semaphore, tmp_path, templates))["semaphore"]()
    assert said == f"version 2.16.4, {len(risky)} templates fit, from risk medium"
    assert semaphore.sent == []


def test_it_names_every_template_that_would_be_refused(semaphore: Semaphore, tmp_path: Path) -> None:
    semaphore.template(8, "restart_service", task_params={})
    settings = _settings(semaphore, tmp_path, {"restart_service": 8, "clean_disk": 99, "nonsense": 7})
    with pytest.raises(SettingsError) as error:
        bootstrap.checks(settings)["semaphore"]()
    assert "restore_removed_package has no template" in str(error.value)
    assert "nonsense is not in the catalogue" in str(error.value)
    assert "template 99 for clean_disk" in str(error.value)
    assert "template 8 for restart_service: it would ignore the limit" in str(error.value)


def test_it_says_that_the_token_is_not_accepted(semaphore: Semaphore, tmp_path: Path) -> None:
    with pytest.raises(SemaphoreError, match="the token is not accepted"):
        bootstrap.checks(_settings(semaphore, tmp_path, {}, token="wrong-token"))["semaphore"]()
