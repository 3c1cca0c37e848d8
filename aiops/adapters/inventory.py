"""The hosts, from an Ansible inventory as it is (YAML or INI, with its ``group_vars`` and ``host_vars``), or just this machine.

Of Ansible's variables ``ansible_host``, ``ansible_port`` and ``ansible_connection: local`` count; of ours ``aiops_role``,
``aiops_pair``, ``aiops_expected_state``, ``aiops_http``, ``aiops_tls`` and ``aiops_node`` (the host it runs on).
Groups pass them on as Ansible does: a child's value over its parent's, a host's over all. Everything else (other variables,
vaulted values) is passed over unread. A folder, a script or a plugin's configuration is read by ``ansible-inventory``, where
that is installed.
"""

import re
import socket
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from aiops.adapters import inventory_ini
from aiops.adapters.inventory_sources import Stamp, by_ansible, needs_ansible, stamp, vars_files
from aiops.domain.host import Host
from aiops.errors import SettingsError, UnknownError

_FIELDS = {
    "ansible_host": "address",
    "ansible_port": "port",
    "ansible_connection": "local",
    "aiops_role": "role",
    "aiops_pair": "pair",
    "aiops_expected_state": "expected_state",
    "aiops_http": "http",
    "aiops_node": "node",
    "aiops_tls": "tls",
}
_LABELS = ("http", "tls", "node")
"""Fields that become labels of the host."""


@dataclass(frozen=True)
class _Value:
    value: Any
    line: int


_Vars = dict[str, _Value]


@dataclass
class _Group:
    vars: _Vars = field(default_factory=dict)
    children: dict[str, None] = field(default_factory=dict)
    hosts: dict[str, _Value] = field(default_factory=dict)


class AnsibleInventory:
    """See ``aiops.ports.Inventory``. The file is read again when it has changed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._read: tuple[Stamp, dict[str, Host], dict[str, tuple[str, ...]]] | None = None

    def hosts(self) -> Sequence[Host]:
        """See ``aiops.ports.Inventory``."""
        return tuple(self._hosts().values())

    def groups(self) -> dict[str, tuple[str, ...]]:
        """The groups of each host, parents first; ``all`` and ``ungrouped`` say nothing and are left out."""
        self._hosts()
        return self._read[2] if self._read else {}

    def find(self, name: str) -> Host:
        """See ``aiops.ports.Inventory``."""
        try:
            return self._hosts()[name]
        except KeyError:
            raise UnknownError("host", name, f"the hosts are in {self._path}") from None

    def _hosts(self) -> dict[str, Host]:
        with self._lock:
            try:
                now = stamp(self._path)
                if self._read is None or self._read[0] != now:
                    text = "" if self._path.is_dir() else self._path.read_text(encoding="utf-8")
                    exotic = needs_ansible(self._path, text)
                    file = _File(self._path, by_ansible(self._path) if exotic else text, plain=not exotic)
                    self._read = now, file.hosts(), file.groups()
            except (OSError, UnicodeDecodeError) as error:
                raise SettingsError(str(self._path), f"the inventory cannot be read: {error}") from error
            return self._read[1]


class _File:
    """One reading of the file."""

    def __init__(self, path: Path, text: str, *, plain: bool = True) -> None:
        """``plain`` is False for what Ansible has read: it has put the folders' variables in already."""
        self._path, self._text, self._plain = path, text, plain
        self._groups: dict[str, _Group] = {"all": _Group()}
        self._host_vars: dict[str, _Vars] = {}

    def hosts(self) -> dict[str, Host]:
        """Every host, in the order of the file."""
        root = self._root()
        for key, node in self._items(root, "the inventory"):
            self._group(key.value, node, key)
        for name in list(self._groups):
            if name != "all" and not any(name in group.children for group in self._groups.values()):
                self._groups["all"].children[name] = None
        found: dict[str, Host] = {}
        beside = {group: self._beside("group_vars", group) for group in self._groups}
        for host, own in self._host_vars.items():
            groups = self._groups_of(host)
            # Ansible's order: what the file says of groups, the folders of groups, the host's own line, its own folder.
            merged: _Vars = {}
            for variables in (*(self._groups[group].vars for group in groups), *(beside[group] for group in groups)):
                merged |= variables
            found[host] = self._host(host, merged | own | self._beside("host_vars", host))
        if not found:
            raise self._error(1, "it names no host")
        return found

    def groups(self) -> dict[str, tuple[str, ...]]:
        """The groups of each host, after ``hosts``."""
        silent = {"all", "ungrouped"}
        return {
            host: tuple(group for group in self._groups_of(host) if group not in silent) for host in self._host_vars
        }

    def _groups_of(self, host: str) -> list[str]:
        """From the root down, groups of one depth by name."""
        depth = self._depths()
        ordered = sorted(self._groups, key=lambda name: (depth.get(name, 0), name))
        return [group for group in ordered if host in self._members(group)]

    def _beside(self, kind: str, name: str) -> _Vars:
        """Our variables from the folder beside the inventory."""
        found: _Vars = {}
        for path, text in vars_files(self._path, kind, name) if self._plain else ():
            root = _composed(path, text)
            if root is not None:
                found |= _File(path, text)._vars(root, str(path))  # noqa: SLF001 - the same reader, for another file
        return found

    def _root(self) -> yaml.Node:
        if self._plain and inventory_ini.is_ini(self._path, self._text):
            return inventory_ini.compose(self._path, self._text)
        root = _composed(self._path, self._text)
        if root is None:
            raise self._error(1, "it is empty")
        return root

    def _group(self, name: str, node: yaml.Node, where: _Value) -> None:
        group = self._groups.setdefault(name, _Group())
        for key, value in self._items(node, f"group {name}"):
            if key.value == "hosts":
                for host, own in self._items(value, f"hosts of {name}"):
                    self._add_hosts(group, host, own)
            elif key.value == "children":
                for child, inside in self._items(value, f"children of {name}"):
                    group.children[child.value] = None
                    self._group(child.value, inside, child)
            elif key.value == "vars":
                group.vars |= self._vars(value, f"vars of {name}")
            else:
                raise self._error(key.line, f"group {name} may have hosts, children and vars, not {key.value!r}")
        if name in self._descendants(name):
            raise self._error(where.line, f"group {name} is its own child")

    def _add_hosts(self, group: _Group, host: _Value, own: yaml.Node) -> None:
        values = self._vars(own, f"host {host.value}")
        for name in _expand(host.value):
            group.hosts[name] = host
            self._host_vars.setdefault(name, {}).update(values)

    def _vars(self, node: yaml.Node, where: str) -> _Vars:
        found: _Vars = {}
        for key, value in self._items(node, where):
            if key.value in _FIELDS:
                if not isinstance(value, yaml.ScalarNode):
                    raise self._error(key.line, f"{key.value} must be one value")
                if "{{" in value.value:
                    raise self._error(key.line, f"{key.value} is a template, and only Ansible can fill it in")
                found[key.value] = _Value(
                    None if value.tag.endswith(":null") else value.value, value.start_mark.line + 1
                )
        return found

    def _items(self, node: yaml.Node, where: str) -> Iterator[tuple[_Value, yaml.Node]]:
        """The pairs of a mapping; nothing at all stands for an empty one, as in Ansible."""
        if isinstance(node, yaml.ScalarNode) and node.tag.endswith(":null"):
            return
        if not isinstance(node, yaml.MappingNode):
            raise self._error(node.start_mark.line + 1, f"{where} must be a mapping")
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise self._error(key.start_mark.line + 1, f"a name in {where} must be text")
            yield _Value(key.value, key.start_mark.line + 1), value

    def _descendants(self, name: str) -> set[str]:
        seen: set[str] = set()
        todo = list(self._groups[name].children)
        while todo:
            child = todo.pop()
            if child not in seen:
                seen.add(child)
                todo += self._groups.get(child, _Group()).children
        return seen

    def _members(self, name: str) -> set[str]:
        if name == "all":
            return set(self._host_vars)
        groups = {name, *self._descendants(name)}
        return {host for group in groups for host in self._groups[group].hosts}

    def _depths(self) -> dict[str, int]:
        """How far below ``all`` each group is; the longest way counts."""
        depths = {"all": 0}
        todo = ["all"]
        while todo:
            parent = todo.pop()
            for child in self._groups[parent].children:
                if depths.get(child, -1) < depths[parent] + 1:
                    depths[child] = depths[parent] + 1
                    todo.append(child)
        return depths

    def _host(self, name: str, values: _Vars) -> Host:
        fields: dict[str, Any] = {_FIELDS[key]: value.value for key, value in values.items() if value.value is not None}
        local = fields.pop("local", "") == "local"
        labels = {label: fields.pop(label) for label in _LABELS if fields.get(label)}
        fields = {key: value for key, value in fields.items() if key not in _LABELS}
        try:
            return Host(name=name, local=local, labels=labels, **fields)
        except ValidationError as error:
            wrong = error.errors()[0]
            variable = next((key for key, known in _FIELDS.items() if known == str(wrong["loc"][0])), "")
            line = values[variable].line if variable in values else self._line_of(name)
            raise self._error(line, f"host {name}: {variable or 'its name'}: {wrong['msg']}") from error

    def _line_of(self, host: str) -> int:
        return next((group.hosts[host].line for group in self._groups.values() if host in group.hosts), 1)

    def _error(self, line: int, reason: str) -> SettingsError:
        return SettingsError(f"{self._path}:{line}", reason)


def _composed(path: Path, text: str) -> yaml.Node | None:
    try:
        return yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise SettingsError(f"{path}:{line}", f"this is no YAML: {error.problem}") from error
    except yaml.YAMLError as error:
        raise SettingsError(f"{path}:1", f"this is no YAML: {error}") from error


_RANGE = re.compile(r"\[(?P<first>\d+|[a-z]):(?P<last>\d+|[a-z])(?::(?P<step>\d+))?\]")


def _expand(pattern: str) -> Iterator[str]:
    """``web[01:03]`` is web01, web02, web03; ``db-[a:c]`` is db-a, db-b, db-c; as in Ansible."""
    match = _RANGE.search(pattern)
    if not match:
        yield pattern
        return
    first, last, step = match["first"], match["last"], int(match["step"] or 1)
    if first.isdigit() and last.isdigit():
        width = len(first) if first.startswith("0") else 0
        middles = [str(number).zfill(width) for number in range(int(first), int(last) + 1, step or 1)]
    else:
        middles = [chr(letter) for letter in range(ord(first[0]), ord(last[0]) + 1, step or 1)]
    for middle in middles:
        yield from _expand(pattern[: match.start()] + middle + pattern[match.end() :])


class LocalInventory:
    """Only this machine, for whoever has no fleet yet."""

    def __init__(self, name: str = "") -> None:
        cleaned = re.sub(r"[^A-Za-z0-9._-]+", "-", name or socket.gethostname()).lstrip("._-")
        self._host = Host(name=cleaned or "localhost", local=True, role="workstation")

    def hosts(self) -> Sequence[Host]:
        """See ``aiops.ports.Inventory``."""
        return (self._host,)

    def find(self, name: str) -> Host:
        """See ``aiops.ports.Inventory``."""
        if name != self._host.name:
            raise UnknownError("host", name, f"without an inventory there is only {self._host.name}")
        return self._host
