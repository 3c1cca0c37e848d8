"""The files a human puts onto other systems: read by the programs they are for, or held against what our code does."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from aiops.adapters.loki_witness import retention
from aiops.domain.shipped import labels
from aiops.settings import Loki

DEPLOY = Path(__file__).parents[2] / "docs" / "deploy"


@pytest.mark.nginx
@pytest.mark.slow
def test_nginx_takes_the_proxy_of_flower(tmp_path: Path) -> None:
    text = (DEPLOY / "flower.nginx").read_text(encoding="utf-8").replace("/etc/ssl/flower", str(tmp_path))
    subject = ["-subj", "/CN=flower.home.arpa", "-days", "1"]
    subprocess.run(
        [
            *(
                "openssl",
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:prime256v1",
                "-nodes",
                *subject,
            ),
            *("-keyout", str(tmp_path / "privkey.pem"), "-out", str(tmp_path / "fullchain.pem")),
        ],
        check=True,
        capture_output=True,
    )
    whole = tmp_path / "nginx.conf"
    places = "".join(
        f"{one}_temp_path {tmp_path}/{one};" for one in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    whole.write_text(
        f"pid {tmp_path}/pid; error_log stderr; events {{}} http {{ access_log off; {places}\n{text}\n}}",
        encoding="utf-8",
    )
    program = shutil.which("nginx", path="/usr/sbin:/usr/bin:/sbin:/bin")
    assert program
    done = subprocess.run([program, "-t", "-c", str(whole)], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "warn" not in done.stderr


def test_the_configuration_of_loki_is_the_retention_that_is_wanted() -> None:
    assert retention((DEPLOY / "loki.yaml").read_text(encoding="utf-8")) == Loki().retention_days == 30


def test_alloy_makes_the_labels_that_the_bridge_makes_of_the_fields_that_our_logs_have() -> None:
    text = (DEPLOY / "alloy.alloy").read_text(encoding="utf-8")
    kept = re.search(r"label_keep \{\s*values = \[([^\]]*)\]", text)
    assert kept
    ours = set(re.findall(r'"(\w+)":', labels("detect", "info", "log")))
    assert set(re.findall(r'"(\w+)"', kept[1])) == ours
    fields = re.search(r"expressions = \{([^}]*)\}", text)
    assert fields
    assert set(re.findall(r'= "(\w+)"', fields[1])) == {"level", "process", "timestamp"}
    assert text.count("{") == text.count("}")
    made = set(re.findall(r'^([a-z_.]+) "(\w+)" \{', text, flags=re.MULTILINE))
    used = set(re.findall(r"\b(loki\.process|loki\.write|local\.file_match)\.(\w+)\.", text))
    assert used <= made
