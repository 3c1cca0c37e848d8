"""How `aiops top` looks: a snapshot drawn for a terminal of any size. Pure: what it shows depends on its arguments alone."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, Literal

from rich.console import RenderableType
from rich.layout import Layout
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

Ask = Literal["approve", "deny"]
KEYS: Final = "up/down choose   a approve   d deny   q quit"
_WINDOW: Final = 5
"""Plans that wait and are shown at once."""
_WIDE: Final = 110
_SHADOWS: Final = {"all": "SHADOW: nothing is said or repaired  ", "untaken": "SHADOW, but what was taken over  "}
_STYLE: Final = {"critical": "bold red", "warning": "yellow", "info": "cyan", "debug": "dim"}


@dataclass(frozen=True)
class View:
    """Where the human stands: the incident that is chosen, what is asked about which plan of it, and what was said last."""

    chosen: str = ""
    asked: Ask | None = None
    digest: str = ""
    said: str = ""

    def on(self, waiting: Sequence[dict[str, Any]]) -> "View":
        """The same view on a newer snapshot: a plan that waits no more, or another one, can no longer be confirmed."""
        plans = {one["incident"]: one["digest"] for one in waiting}
        if self.asked and plans.get(self.chosen) != self.digest:
            said = (
                f"{self.chosen} has another plan now: look again"
                if self.chosen in plans
                else f"{self.chosen} waits no more"
            )
            return replace(self, asked=None, said=said).on(waiting)
        return self if self.chosen in plans else View(chosen=next(iter(plans), ""), said=self.said)

    def step(self, waiting: Sequence[dict[str, Any]], by: int) -> "View":
        """The next or the previous one that waits."""
        names = [one["incident"] for one in waiting]
        if not names:
            return self
        place = names.index(self.chosen) + by if self.chosen in names else 0
        return replace(self, chosen=names[min(max(place, 0), len(names) - 1)], asked=None, said="")


def plain(text: object) -> str:
    """Text of others on one line; nothing in it that a terminal obeys."""
    return "".join(sign if sign.isprintable() else " " for sign in str(text))


def screen(now: dict[str, Any], view: View, width: int, height: int) -> Layout:
    """The whole screen."""
    shown = min(len(now["waiting"]), _WINDOW)
    whole = Layout()
    rest = Layout(name="rest")
    if width >= _WIDE:
        rest.split_row(Layout(_guardians(now), ratio=3), Layout(_workers(now), ratio=2))
    else:
        rest.split_row(Layout(_guardians(now, narrow=True), ratio=3), Layout(_workers(now, narrow=True), ratio=2))
    whole.split_column(
        Layout(_head(now), size=1),
        Layout(_waiting(now["waiting"], view), size=max(shown, 1) + 3),
        Layout(_incidents(now["incidents"]), ratio=1, minimum_size=min(5, height // 4)),
        rest,
        Layout(_foot(now, view), size=1),
    )
    return whole


def _head(now: dict[str, Any]) -> RenderableType:
    line = Text(no_wrap=True, overflow="ellipsis")
    line.append("aiops ", style="bold")
    line.append(f"{datetime.fromisoformat(now['at']).astimezone():%H:%M:%S}  ")
    line.append(f"{len(now['incidents'])} open, {len(now['waiting'])} wait for you  ")
    if now["shadow"] != "off":
        line.append(_SHADOWS[now["shadow"]], style="bold magenta")
    if now["frozen"]:
        line.append(f"FROZEN by {plain(now['frozen'])}  ", style="bold red")
    if now["storm"]:
        line.append("STORM: nothing is repaired by itself  ", style="bold red")
    return line


def _waiting(waiting: Sequence[dict[str, Any]], view: View) -> Panel:
    rows = _table("", "incident", "playbook", "on", "what")
    names = [one["incident"] for one in waiting]
    place = names.index(view.chosen) if view.chosen in names else 0
    first = max(0, min(place - _WINDOW // 2, len(waiting) - _WINDOW))
    for one in waiting[first : first + _WINDOW]:
        chosen = one["incident"] == view.chosen
        rows.add_row(
            ">" if chosen else " ",
            one["incident"],
            one["playbook"],
            plain(", ".join(one["hosts"])),
            plain(one["title"]),
            style="reverse" if chosen else "",
        )
    return Panel(
        rows if waiting else Text("nothing waits for you"), title=f"waiting ({len(waiting)})", title_align="left"
    )


def _incidents(incidents: Sequence[dict[str, Any]]) -> Panel:
    rows = _table("severity", "incident", "state", "since", "what")
    for one in incidents:
        state = f"{one['state'].replace('_', ' ')}{', acked' if one['acked'] else ''}"
        rows.add_row(
            Text(one["severity"], style=_STYLE[one["severity"]]),
            one["incident"],
            state,
            _age(one["seconds"]),
            plain(one["title"]),
        )
    return Panel(rows if incidents else Text("no incidents"), title=f"incidents ({len(incidents)})", title_align="left")


def _guardians(now: dict[str, Any], *, narrow: bool = False) -> Panel:
    rows = _table("guardian", "last", "found", *(() if narrow else ("blind", "next")))
    for one in now["guardians"]:
        if not one["set_up"]:
            continue
        last = f"{one['last'].astimezone():%H:%M}" if one["last"] else "never"
        late = bool(one["late"]) or one["last"] is None
        cells: list[str | Text] = [one["what"], Text(last, style="red" if late else ""), str(one["findings"])]
        if not narrow:
            cells += [str(len(one["blind"]) or ""), f"{one['next'].astimezone():%H:%M}"]
        rows.add_row(*cells)
    return Panel(rows, title="guardians", title_align="left")


def _workers(now: dict[str, Any], *, narrow: bool = False) -> Panel:
    if now["blind"]:
        return Panel(Text(plain(now["blind"]), style="red"), title="workers", title_align="left")
    rows = _table("worker", "sign", *(() if narrow else ("canary",)))
    for one in now["workers"]:
        sign = _age(one["age"]) if one["age"] is not None else "silent"
        cells = [Text(one["name"]), Text(sign, style="" if one["alive"] else "bold red")]
        if not narrow:
            cells.append(Text(_age(one["canary"]) if one["canary"] is not None else ""))
        rows.add_row(*cells)
    return Panel(rows, title="workers", title_align="left")


def _foot(now: dict[str, Any], view: View) -> RenderableType:
    chosen = next((one for one in now["waiting"] if one["incident"] == view.chosen), None)
    if view.asked and chosen:
        text = (
            f"{view.asked} {chosen['playbook']} on {plain(', '.join(chosen['hosts']))}, plan {chosen['digest'][:12]}?"
        )
        return Text(f"{text}  y yes, any other key no", style="bold", no_wrap=True, overflow="ellipsis")
    return Text(plain(view.said) or KEYS, no_wrap=True, overflow="ellipsis")


def _table(*columns: str) -> Table:
    drawn = Table(box=None, pad_edge=False, expand=True, header_style="dim")
    for column in columns:
        drawn.add_column(column, no_wrap=True, overflow="ellipsis", ratio=1 if column == columns[-1] else None)
    return drawn


def _age(seconds: float) -> str:
    for unit, name in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= 2 * unit:
            return f"{seconds / unit:.0f}{name}"
    return f"{seconds:.0f}s"
