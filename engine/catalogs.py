"""Open catalogs: a folder with one file for each thing, found by its file name."""

import importlib
import pkgutil
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, TypeVar

from .definition.suggestions import did_you_mean, near
from .errors import InvalidParameters

T = TypeVar("T")


def discover(package: str, folders: Iterable[str]) -> Mapping[str, Any]:
    """The modules of *package* by name, which lie in *folders*; those with a _ are not of it."""
    names = sorted(module.name for module in pkgutil.iter_modules(folders))
    return MappingProxyType(
        {
            name: importlib.import_module(f"{package}.{name}")
            for name in names
            if not name.startswith("_")
        }
    )


def find(kind: str, name: str, known: Mapping[str, T]) -> T:
    """The *kind* called *name*. Raises `InvalidParameters` with close matches."""
    if name not in known:
        alike = near(name, known)
        raise InvalidParameters(
            f"Unknown {kind} {name[:100]!r}.{did_you_mean(alike)}",
            parameter=kind,
            name=name,
            near=alike,
            available=sorted(known),
        )
    return known[name]
