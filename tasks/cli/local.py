"""run, shell: the whole system on this machine, and a Python shell into it."""

import code
import ctypes
import os
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import typer

from aiops import bootstrap
from aiops.domain.incident import State
from aiops.errors import SettingsError
from aiops.ports import IncidentServices
from aiops.settings import default_state, load_settings
from tasks.cli.demo import demo
from tasks.cli.incidents import print_sweep, wait_for_sweep
from tasks.cli.output import clock
from tasks.local import Local, free_port, running

_PR_SET_PDEATHSIG = 1
_FIRST_SWEEP_SECONDS = 120

METRICS_PORTS = {"incidents_port": 9190, "detect_port": 9192, "remediation_port": 9196, "bridge_port": 9195}
"""Where `aiops run` serves metrics, on loopback: the containers' numbers, and one that was free for the bridge."""


def register(cli: typer.Typer) -> None:
    """Add the commands."""
    for command in (run, demo, shell):
        cli.command()(command)


def run(
    folder: Annotated[
        Path | None, typer.Option(help="Where data, logs and settings go; default: your state folder.")
    ] = None,
    flower: Annotated[int, typer.Option(help="Flower's port; 0 takes a free one, -1 starts none.")] = 5555,
    once: Annotated[bool, typer.Option("--once", help="Stop after the first sweep.")] = False,
    tied: Annotated[bool, typer.Option("--tied", hidden=True, help="End when the parent process ends.")] = False,
) -> None:
    """Run everything here with embedded servers: sweep this machine and show what is wrong. Repairs only what you approve."""
    if tied:
        tie_to_parent()
    if os.environ.get("AIOPS_CONFIG"):
        raise SettingsError(
            "AIOPS_CONFIG", "`aiops run` writes settings of its own; unset it, or start the workers yourself"
        )
    port = 0 if flower < 0 else free_port(flower)
    local = Local(folder or default_state(), flower_port=port, extra=exporter_ports())
    typer.echo(f"starting servers and workers under {local.folder} ...", err=True)
    try:
        with running(local):
            os.environ["AIOPS_CONFIG"] = str(local.config)
            _welcome(local, port)
            services = bootstrap.incidents(load_settings())
            _first_sweep(services)
            if not once:
                _follow(local, services)
    except KeyboardInterrupt:
        typer.echo("\nstopped; nothing runs any more", err=True)


def exporter_ports() -> str:
    """TOML: metrics on loopback, on the usual ports where these are free."""
    lines = (f"{name} = {free_port(wanted)}" for name, wanted in METRICS_PORTS.items())
    return "\n".join(("\n[exporter]", *lines, ""))


def shell() -> None:
    """A Python shell with the tasks imported: `patrol.delay("disk")`."""
    from tasks import pipeline  # noqa: PLC0415 - imports Celery
    from tasks.queues import QUEUES  # noqa: PLC0415 - as above

    names: dict[str, Any] = {task: getattr(pipeline, task) for tasks in QUEUES.values() for task in tasks}
    banner = 'aiops: every task is here. Try patrol.delay("disk"), then: aiops show --follow <id>'
    with suppress(ImportError):
        import readline  # noqa: PLC0415, F401 - gives the shell a history
    code.interact(banner=banner, local=names, exitmsg="")


def tie_to_parent() -> None:
    """End by SIGTERM when the parent process ends: `kill` of make must leave nothing running."""
    parent = os.getppid()
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent:
        raise KeyboardInterrupt


def _welcome(local: Local, flower: int) -> None:
    typer.echo(f"settings   {local.config}")
    typer.echo(f"logs       {local.folder / 'log'}")
    typer.echo(f"MQTT       mosquitto_sub -p {local.mqtt_port} -t 'pixelium/#' -v")
    if flower:
        typer.echo(f"Flower     http://127.0.0.1:{flower} (user aiops, password in {local.folder / 'keys' / 'flower'})")
    ports = {name: getattr(load_settings().exporter, name) for name in METRICS_PORTS}
    named = ", ".join(f"{port} ({name.removesuffix('_port')})" for name, port in ports.items())
    typer.echo(f"metrics    http://127.0.0.1:PORT/metrics: {named}")
    typer.echo("elsewhere  aiops sweep | incidents | show ID | approve ID | doctor, with the same user\n")


def _first_sweep(services: IncidentServices) -> None:
    from beat_schedule import GUARDIANS  # noqa: PLC0415 - imports Celery
    from tasks.pipeline import patrol  # noqa: PLC0415 - as above

    started = patrol.delay(list(GUARDIANS), started_by="run")
    typer.echo(f"sweep {started.id} of this machine: {', '.join(GUARDIANS)} ...", err=True)
    shards = wait_for_sweep(started.id, services, _FIRST_SWEEP_SECONDS)
    if not shards:
        typer.echo(f"no result after {_FIRST_SWEEP_SECONDS} s: the workers' logs say why", err=True)
        return
    print_sweep(shards, services)
    typer.echo("")


def _follow(local: Local, services: IncidentServices) -> None:
    """Print every step of every incident as it happens, until Ctrl-C; revive what dies."""
    typer.echo("watching: beat sweeps every 5 minutes; Ctrl-C stops everything\n")
    printed: dict[str, int] = {}
    while True:
        for incident in reversed(services.ledger.search(limit=50)):
            entries = services.ledger.timeline(incident.id)
            for entry in entries[printed.get(incident.id, 0) :]:
                state = entry.state.value if entry.state else ""
                typer.echo(f"{clock(entry.at)}  {incident.id}  {state:<17} {entry.text}")
                if entry.state is State.AWAITING_APPROVAL:
                    _say_root(incident.id, services)
            printed[incident.id] = len(entries)
        for name in local.watch():
            typer.echo(f"{name} died and is started again; see {local.folder / 'log' / name}.log", err=True)
        time.sleep(0.5)


def _say_root(incident: str, services: IncidentServices) -> None:
    plan = services.ledger.plan_of(incident)
    if plan is None:
        return
    root = services.catalogue[plan.remediation].needs_root and os.geteuid() != 0
    needs = "; it needs root, so start `aiops run` as root for that" if root else ""
    typer.echo(f"{'':21}approve it with: aiops approve {incident} --digest {plan.digest[:12]}{needs}")
