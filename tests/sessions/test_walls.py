"""What a process behind the walls can see and leave behind. Without bubblewrap a session says that it is not confined."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from aiops.adapters.session_walls import Walls, walls

SECRETS = ("/etc/shadow", "/etc/passwd", "/etc/ssh", "/home", "/var", "/proc/1/root/etc/shadow")
HIDE = """
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        time.sleep(600)
    os._exit(0)
print("hidden", flush=True)
time.sleep(600)
"""
LOOK = """
import os, sys
def can(place):
    try:
        os.listdir(place) if os.path.isdir(place) else open(place, "rb").read(1)
    except OSError:
        return False
    return True
seen = [place for place in sys.argv[1:] if can(place)]
print(os.getuid(), sorted(os.environ), seen, sum(name.isdigit() for name in os.listdir("/proc")))
"""


def inside(found: Walls, program: str, *arguments: str, seconds: float = 60) -> str:
    argv = found.argv([sys.executable, "-I", "-S", "-c", program, *arguments], {"AIOPS_SESSION": "test"}, ())
    done = subprocess.run(argv, capture_output=True, text=True, timeout=seconds, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.bubblewrap
def test_behind_the_walls_there_are_no_secrets_no_variables_and_no_other_processes(tmp_path: Path) -> None:
    secret = tmp_path / "repair_key"
    secret.write_text("the key")
    secret.chmod(0o644)
    os.environ["AIOPS_TEST_WORD"] = "a secret word"
    try:
        found = walls("aiops-session")
        told = inside(found, LOOK, str(secret), str(tmp_path), *SECRETS)
    finally:
        del os.environ["AIOPS_TEST_WORD"]

    uid, _, rest = told.partition(" ")
    assert int(uid) == (os.geteuid() or found.uid)
    assert "['AIOPS_SESSION', 'HOME', 'LC_ALL', 'PATH', 'PWD', 'TMPDIR'] []" in rest
    assert int(rest.rpartition(" ")[2]) <= 4


@pytest.mark.bubblewrap
def test_what_leaves_its_session_and_hides_dies_with_the_walls() -> None:
    found = walls("aiops-session")
    mark = f"aiops-hidden-{os.getpid()}"
    argv = found.argv([sys.executable, "-I", "-S", "-c", HIDE, mark], {}, ())
    with subprocess.Popen(argv, stdout=subprocess.PIPE, env={}, start_new_session=True) as process:
        assert process.stdout
        assert process.stdout.readline().strip() == b"hidden"
        assert _alive(mark)
        process.kill()
    deadline = time.monotonic() + 30
    while _alive(mark):
        assert time.monotonic() < deadline, "something outlived the walls"
        time.sleep(0.05)


def test_without_bubblewrap_it_says_that_it_is_not_confined_and_still_has_an_empty_environment() -> None:
    bare = Walls("", None, 0, "")

    assert "UNCONFINED" in bare.sentence
    assert "setpriv" not in " ".join(bare.argv(["/bin/true"], {}, ()))


def _alive(mark: str) -> bool:
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and mark.encode() in (entry / "cmdline").read_bytes():
                return True
        except OSError:
            continue
    return False
