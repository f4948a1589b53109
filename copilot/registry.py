"""Open catalogs: every public module of a package is one entry, and its file name is the key."""

import importlib
import pkgutil
from collections.abc import Mapping
from types import MappingProxyType, ModuleType
from typing import TypeVar

from .errors import UnknownName
from .names import candidates

Entry = TypeVar("Entry")


def discover(package: ModuleType) -> Mapping[str, ModuleType]:
    """The public modules of *package* by file name, in alphabetical order.

    A module may declare `ALIASES`, older names it still answers to; `aliases` reads them. Modules
    whose name starts with an underscore are not entries.
    """
    names = sorted(
        module.name
        for module in pkgutil.iter_modules(package.__path__)
        if not module.name.startswith("_")
    )
    return MappingProxyType(
        {name: importlib.import_module(f"{package.__name__}.{name}") for name in names}
    )


def aliases(modules: Mapping[str, ModuleType]) -> Mapping[str, str]:
    """Every declared alias and the file name it stands for.

    Raises ValueError when an alias is also a file name or is declared twice: a name that means two
    things is a mistake of ours, to be found when the catalog is built.
    """
    found: dict[str, str] = {}
    for key, module in modules.items():
        declared: tuple[str, ...] = getattr(module, "ALIASES", ())
        for alias in declared:
            if alias in modules or alias in found:
                taken = found.get(alias, alias)
                raise ValueError(f"{key} declares the alias {alias!r}, which {taken} has already")
            found[alias] = key
    return MappingProxyType(found)


def pick(catalog: Mapping[str, Entry], name: str, *, kind: str) -> Entry:
    """The entry called *name*; there is no default.

    Raises `UnknownName` with the close matches, or with every name when none is close.
    """
    try:
        return catalog[name]
    except KeyError:
        near = candidates(name, catalog)
        raise UnknownName(kind, name, near or tuple(catalog)) from None
