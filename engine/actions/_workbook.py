"""XLSX files, opened as hostile input, and what a person names in them: tabs and ranges."""

import re
import zipfile
import zlib
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias
from xml.etree.ElementTree import ParseError

import openpyxl
from openpyxl.utils import range_boundaries
from openpyxl.workbook.defined_name import DefinedName

from ..definition.suggestions import did_you_mean, near
from ..errors import InvalidData, ResourceNotFound, StepError

LARGEST_UNPACKED = 100_000_000
MOST_CELLS = 20_000_000  # empty ones included: one stray cell makes millions of them
MOST_PARTS = 5_000
_A1 = re.compile(r"[0-9]|:")  # a missing name of three letters must not be taken for a column
_OLD_EXCEL = b"\xd0\xcf\x11\xe0"
_MALFORMED = (
    zipfile.BadZipFile, zlib.error, ParseError, KeyError, ValueError, TypeError, AttributeError,
    IndexError, EOFError, OverflowError, AssertionError, NotImplementedError, RuntimeError,
    SyntaxError,  # what lxml raises, where it is installed
)  # fmt: skip

Bounds: TypeAlias = tuple[int | None, int | None, int | None, int | None]
WHOLE: Bounds = (None, None, None, None)


class OpenWorkbook:
    """A workbook open for reading; `name` is what messages call it."""

    def __init__(self, book: Any, name: str) -> None:
        self._book = book
        self._name = name

    def lines(self, *, sheet: str | None, area: str | None) -> Iterator[Sequence[Any]]:
        """The cells of a named range, an A1 range, or a whole tab (the first, if none is named).

        Raises `ResourceNotFound` naming what there is.
        """
        tab = self._tab(sheet) if sheet is not None else None
        bounds = WHOLE
        if area is not None:
            tab, bounds = self._area(area, tab)
        return self._cells(tab or self._first(), bounds)

    def _first(self) -> Any:
        if not self._book.worksheets:
            raise InvalidData(f"{self._name} has no sheet", kind="file", field="sheet", value=None)
        return self._book.worksheets[0]

    def _tab(self, name: str) -> Any:
        tabs = {tab.title: tab for tab in self._book.worksheets}
        found = _called(name, tabs)
        if found is None:
            raise _not_found("Sheet", name, self._name, list(tabs))
        return tabs[found]

    def _area(self, area: str, tab: Any) -> tuple[Any, Bounds]:
        defined = self._defined(area, tab)
        if defined is not None:
            return self._destination(area, *defined)
        tab_name, _, corners = area.rpartition("!")
        bounds = _corners(corners) if _A1.search(corners) else None
        if bounds is None:
            raise _not_found("Range", area, self._name, self._names())
        named = tab_name.removeprefix("'").removesuffix("'").replace("''", "'")
        return (self._tab(named) if named else tab or self._first()), bounds

    def _defined(self, name: str, tab: Any) -> tuple[Any, Any] | None:
        """The defined name and the tab it belongs to (None: the whole workbook)."""
        tabs = [tab] if tab is not None else self._book.worksheets
        scopes = [(one, one.defined_names) for one in tabs]
        everywhere = [(None, self._book.defined_names)]
        for owner, names in [*scopes, *everywhere] if tab else [*everywhere, *scopes]:
            if (found := _called(name, names)) is not None:
                return names[found], owner
        return None

    def _destination(self, name: str, defined: DefinedName, owner: Any) -> tuple[Any, Bounds]:
        areas = list(defined.destinations)
        bounds = _corners(areas[0][1]) if len(areas) == 1 else None
        if bounds is None:
            raise InvalidData(
                f"Range {name!r} in {self._name} is not one block of cells: {defined.attr_text}",
                kind="block",
                field="range",
                value=name,
            )
        tab_name = (areas[0][0] or "").replace("''", "'")
        return (self._tab(tab_name) if tab_name else owner or self._first()), bounds

    def _names(self) -> list[str]:
        scopes = [self._book.defined_names, *(tab.defined_names for tab in self._book.worksheets)]
        return list(dict.fromkeys(name for names in scopes for name in names))

    def _cells(self, tab: Any, bounds: Bounds) -> Iterator[Sequence[Any]]:
        tab.reset_dimensions()  # files written by other programs state wrong ones
        first_column, first_row, last_column, last_row = bounds
        rest = MOST_CELLS
        with _explained(self._name):
            for line in tab.iter_rows(
                min_row=first_row,
                max_row=last_row,
                min_col=first_column,
                max_col=last_column,
                values_only=True,
            ):
                rest -= max(len(line), 1)
                if rest < 0:
                    raise _unreadable(self._name, f"holds more than {MOST_CELLS:,} cells there")
                yield line


@contextmanager
def opened(path: Path, name: str) -> Generator[OpenWorkbook]:
    """The workbook at *path*. Raises `InvalidData` if it is not one, or unpacks to too much."""
    with path.open("rb") as file:
        with _explained(name):
            _check_container(file.read(4), path, name)
            file.seek(0)
            book = openpyxl.load_workbook(file, read_only=True, data_only=True, keep_links=False)
        try:
            yield OpenWorkbook(book, name)
        finally:
            book.close()


def _check_container(magic: bytes, path: Path, name: str) -> None:
    if magic == _OLD_EXCEL:
        raise _unreadable(name, "is in the old Excel format or has a password. Save it as .xlsx")
    if not magic.startswith(b"PK"):
        raise _unreadable(name, "is not an Excel workbook")
    with zipfile.ZipFile(path) as archive:
        parts = archive.infolist()
        if len(parts) > MOST_PARTS or sum(part.file_size for part in parts) > LARGEST_UNPACKED:
            raise _unreadable(name, f"unpacks to more than {LARGEST_UNPACKED // 1_000_000} MB")
        for part in parts:
            with archive.open(part) as content:
                if b"<!DOCTYPE" in content.read(4096):
                    raise _unreadable(name, "declares XML entities, which workbooks never do")


@contextmanager
def _explained(name: str) -> Generator[None]:
    try:
        yield
    except StepError:
        raise
    except _MALFORMED as error:
        raise _unreadable(name, f"is damaged or not an Excel workbook ({error})") from error


def _unreadable(name: str, why: str) -> InvalidData:
    return InvalidData(f"{name} {why}"[:500], kind="file", field="file", value=name)


def _called(name: str, names: Any) -> str | None:
    """*name* as it is spelled among *names*; Excel's names ignore capitals."""
    if name in names:
        return name
    return next((one for one in names if one.casefold() == name.casefold()), None)


def _corners(text: str) -> Bounds | None:
    try:
        return range_boundaries(text)
    except (ValueError, TypeError):
        return None


def _not_found(what: str, name: str, file: str, available: list[str]) -> ResourceNotFound:
    alike = near(name, available)
    return ResourceNotFound(
        f"{what} {name!r} not found in {file}" + ("." + did_you_mean(alike) if alike else ""),
        kind=what.lower(),
        name=name,
        file=file,
        available=available,
        near=alike,
    )
