"""What the check of the dependencies sees."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def supply(venv: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / ".ci" / "supply"), str(venv)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def environment(folder: Path) -> Path:
    packages = folder / "lib" / "python3.11" / "site-packages"
    packages.mkdir(parents=True)
    return packages


def package(packages: Path, name: str, licence: str) -> None:
    info = packages / f"{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.4\nName: {name}\nVersion: 1.0\nLicense-Expression: {licence}\n"
    )


def test_what_is_known_is_let_in(tmp_path: Path) -> None:
    package(environment(tmp_path), "kombu", "BSD-3-Clause")
    done = supply(tmp_path)
    assert (done.returncode, done.stdout.count("\n")) == (0, 1), done.stdout


def test_code_that_starts_by_itself_is_named(tmp_path: Path) -> None:
    packages = environment(tmp_path)
    (packages / "litellm_init.pth").write_text("import os; os.system('true')")
    (packages / "distutils-precedence.pth").write_text("import os  # known by name, not by content")
    done = supply(tmp_path)
    assert done.returncode == 1
    assert {line.split(":")[0] for line in done.stdout.splitlines()} == {"litellm_init.pth", "distutils-precedence.pth"}


def test_a_new_package_and_a_licence_that_is_not_for_us_are_named(tmp_path: Path) -> None:
    packages = environment(tmp_path)
    package(packages, "brand-new", "AGPL-3.0-only")
    done = supply(tmp_path)
    assert done.returncode == 1
    assert done.stdout.splitlines() == [
        "brand-new: licence AGPL-3.0-only: new; look at it, then .ci/supply --write .venv .venv-triage",
        "brand-new: AGPL-3.0-only: not for us",
    ]
