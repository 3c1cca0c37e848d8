"""What can go wrong on a host, one file each: how to break it, how to see that it is broken, how to heal it.

A file here that does not begin with `_` holds one `FAULT`; the registry finds it by looking, so there is no list to
keep.
"""

import importlib
import pkgutil
from functools import cache

from lab.errors import LabError
from lab.faults._fault import Fault, Look

__all__ = ["Fault", "Look", "named", "registry"]


@cache
def registry() -> dict[str, Fault]:
    """Every fault by its name, sorted. Raises LabError when two files claim one name."""
    found: dict[str, Fault] = {}
    for module in pkgutil.iter_modules(__path__):
        if module.name.startswith("_"):
            continue
        fault: Fault = importlib.import_module(f"{__name__}.{module.name}").FAULT
        if fault.name in found:
            raise LabError(f"two files define the fault {fault.name}")
        found[fault.name] = fault
    return dict(sorted(found.items()))


def named(name: str) -> Fault:
    """The fault of that name. Raises LabError."""
    if name not in registry():
        raise LabError(f"there is no fault {name}: {', '.join(registry())}")
    return registry()[name]
