"""How `aiops top` looks: a snapshot drawn for a terminal of any size. Pure: what it shows depends on its arguments alone."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from textwrap import wrap
from typing import Any, Final, Literal

from rich.console import RenderableType
from rich.layout import Layout
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

Ask = Literal["approve", "deny"]
KEYS: Final = "up/down choose   a approve   d deny   q quit"
_KEYS_SMALL: Final = "j/k choose  a approve  d deny  q quit"
_WINDOW: Final = 5
"""Plans that wait and are shown at once."""
_WIDE: Final = 110
_SMALL: Final = (60, 18)
"""Columns and rows below which only what waits and what is open is shown: a phone, the corner of a screen."""
_QUESTION: Final = 4
"""Lines that a question may take: nobody says yes to a host that did not fit."""
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
    small = width < _SMALL[0] or height < _SMALL[1]
    shown = min(len(now["waiting"]), _WINDOW)
    foot = _foot(now, view, small=small)
    whole = Layout()
    parts = [
        Layout(_head(now), size=1),
        Layout(_waiting(now["waiting"], view, small=small), size=max(shown, 1) + (2 if small else 3)),
        Layout(_incidents(now["incidents"], small=small), ratio=1, minimum_size=min(3 if small else 5, height // 4)),
    ]
    if small:
        parts.append(Layout(_sum(now), size=1))
    else:
        narrow = width < _WIDE
        rest = Layout(name="rest")
        rest.split_row(Layout(_guardians(now, narrow=narrow), ratio=3), Layout(_workers(now, narrow=narrow), ratio=2))
        parts.append(rest)
    whole.split_column(*parts, Layout(foot, size=_lines(foot, width)))
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


def _waiting(waiting: Sequence[dict[str, Any]], view: View, *, small: bool) -> Panel:
    rows = _table("", "incident", "on", "playbook") if small else _table("", "incident", "playbook", "on", "what")
    rows.show_header = not small
    names = [one["incident"] for one in waiting]
    place = names.index(view.chosen) if view.chosen in names else 0
    first = max(0, min(place - _WINDOW // 2, len(waiting) - _WINDOW))
    for one in waiting[first : first + _WINDOW]:
        chosen = one["incident"] == view.chosen
        hosts = plain(", ".join(one["hosts"]))
        cells = (
            (_short(one["incident"]), hosts, one["playbook"])
            if small
            else (one["incident"], one["playbook"], hosts, plain(one["title"]))
        )
        rows.add_row(">" if chosen else " ", *cells, style="reverse" if chosen else "")
    return Panel(
        rows if waiting else Text("nothing waits for you"), title=f"waiting ({len(waiting)})", title_align="left"
    )


def _incidents(incidents: Sequence[dict[str, Any]], *, small: bool) -> Panel:
    rows = _table("", "what") if small else _table("severity", "incident", "state", "since", "what")
    rows.show_header = not small
    for one in incidents:
        title = plain(one["title"])
        if small:
            rows.add_row(Text(_short(one["incident"]), style=_STYLE[one["severity"]]), title)
            continue
        state = f"{one['state'].replace('_', ' ')}{', acked' if one['acked'] else ''}"
        severity = Text(one["severity"], style=_STYLE[one["severity"]])
        rows.add_row(severity, one["incident"], state, _age(one["seconds"]), title)
    return Panel(rows if incidents else Text("no incidents"), title=f"incidents ({len(incidents)})", title_align="left")


def _guardians(now: dict[str, Any], *, narrow: bool) -> Panel:
    rows = _table("guardian", "last", "found", *(() if narrow else ("blind", "next")))
    known = _set_up(now)
    # Where not all of them fit, those come first that need a human.
    for one in sorted(known, key=lambda one: (not one["late"], not one["blind"], one["last"] is None)):
        last = f"{one['last'].astimezone():%H:%M}" if one["last"] else "never"
        cells: list[str | Text] = [
            one["what"],
            Text(last, style="red" if one["late"] else "" if one["last"] else "yellow"),
            str(one["findings"]),
        ]
        if not narrow:
            cells += [str(len(one["blind"]) or ""), f"{one['next'].astimezone():%H:%M}"]
        rows.add_row(*cells)
    return Panel(rows, title=f"guardians ({_counted(len(known), _late(known), 'late')})", title_align="left")


def _workers(now: dict[str, Any], *, narrow: bool) -> Panel:
    if now["blind"]:
        return Panel(Text(plain(now["blind"]), style="red"), title="workers", title_align="left")
    rows = _table("worker", "last sign", *(() if narrow else ("answered",)))
    for one in sorted(now["workers"], key=lambda one: bool(one["alive"])):
        sign = _age(one["age"]) if one["age"] is not None else "silent"
        cells = [Text(one["name"]), Text(sign, style="" if one["alive"] else "bold red")]
        if not narrow:
            cells.append(Text(_age(one["canary"]) if one["canary"] is not None else ""))
        rows.add_row(*cells)
    silent = sum(not one["alive"] for one in now["workers"])
    return Panel(rows, title=f"workers ({_counted(len(now['workers']), silent, 'silent')})", title_align="left")


def _sum(now: dict[str, Any]) -> Text:
    known, late = _set_up(now), _late(_set_up(now))
    silent = sum(not one["alive"] for one in now["workers"])
    said = "not known" if now["blind"] else _counted(len(now["workers"]), silent, "silent")
    text = f"guardians {_counted(len(known), late, 'late')}; workers {said}"
    return Text(text, style="red" if late or silent or now["blind"] else "dim", no_wrap=True, overflow="ellipsis")


def _foot(now: dict[str, Any], view: View, *, small: bool) -> Text:
    chosen = next((one for one in now["waiting"] if one["incident"] == view.chosen), None)
    if view.asked and chosen:
        what = (
            f"{view.asked} {chosen['playbook']} on {plain(', '.join(chosen['hosts']))}, plan {chosen['digest'][:12]}?"
        )
        return Text(f"y yes, any other key no: {what}", style="bold", overflow="ellipsis")
    if view.said:
        return Text(plain(view.said), overflow="ellipsis")
    return Text(_KEYS_SMALL if small else KEYS, no_wrap=True, overflow="ellipsis")


def _lines(foot: Text, width: int) -> int:
    return min(_QUESTION, max(1, len(wrap(foot.plain, max(width, 1))))) if not foot.no_wrap else 1


def _set_up(now: dict[str, Any]) -> list[dict[str, Any]]:
    return [one for one in now["guardians"] if one["set_up"]]


def _late(guardians: Sequence[dict[str, Any]]) -> int:
    return sum(bool(one["late"]) for one in guardians)


def _counted(all_of_them: int, wrong: int, word: str) -> str:
    return f"{all_of_them}, {wrong} {word}" if wrong else str(all_of_them)


def _short(incident: str) -> str:
    """The end of an id, which tells those of a day apart."""
    return incident.rpartition("-")[2]


def _table(*columns: str) -> Table:
    drawn = Table(box=None, pad_edge=False, expand=True, header_style="dim")
    for column in columns:
        ratio = 1 if column == columns[-1] else None
        # The mark of what is chosen has no name and must not be squeezed away.
        drawn.add_column(column, no_wrap=True, overflow="ellipsis", ratio=ratio, min_width=None if column else 1)
    return drawn


def _age(seconds: float) -> str:
    for unit, name in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= 2 * unit:
            return f"{seconds / unit:.0f}{name}"
    return f"{seconds:.0f}s"
