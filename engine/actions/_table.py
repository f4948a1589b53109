"""Rows of cells as a person keeps them: a header line, gaps, the same heading twice."""

from collections.abc import Iterable, Sequence
from typing import Any

from ..errors import InvalidData

Row = dict[str, Any]


def records(lines: Iterable[Sequence[Any]], *, most: int) -> list[Row]:
    """Each line as a mapping, with the first line that holds anything as the headings.

    Empty lines are left out. A column without a heading is called `column 3`, the second column
    `Name` is called `Name (2)`. Raises `InvalidData` for more than *most* rows.
    """
    filled = (line for line in lines if any(not _is_empty(cell) for cell in line))
    header = next(filled, None)
    if header is None:
        return []
    names = _headings(header)
    return [_record(names, line) for line in _at_most(filled, most)]


def cells(lines: Iterable[Sequence[Any]], *, most: int) -> list[list[Any]]:
    """Each line as a list, without headings; empty lines are left out."""
    filled = (list(line) for line in lines if any(not _is_empty(cell) for cell in line))
    return list(_at_most(filled, most))


def _at_most(lines: Iterable[Sequence[Any]], most: int) -> Iterable[Any]:
    for number, line in enumerate(lines, start=1):
        if number > most:
            raise InvalidData(
                f"There are more than {most} rows", kind="rows", field="max_rows", value=most
            )
        yield line


def _record(names: Sequence[str], line: Sequence[Any]) -> Row:
    padded = [*line, *[None] * (len(names) - len(line))]
    return dict(zip(names, padded, strict=False))


def _headings(header: Sequence[Any]) -> list[str]:
    names: list[str] = []
    taken: set[str] = set()
    for number, cell in enumerate(header, start=1):
        heading = f"column {number}" if _is_empty(cell) else str(cell).strip()
        name, copy = heading, 1
        while name in taken:
            copy += 1
            name = f"{heading} ({copy})"
        taken.add(name)
        names.append(name)
    return names


def _is_empty(cell: Any) -> bool:
    return cell is None or (isinstance(cell, str) and not cell.strip())
