"""Reads rows from a spreadsheet (XLSX or CSV) in the workspace's folder."""

import asyncio
import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from openpyxl.utils import range_boundaries
from pydantic import BaseModel, ConfigDict, Field

from ..errors import InvalidData, ResourceNotFound
from . import ActionContext
from ._folder import existing
from ._table import cells, records
from ._workbook import opened

LARGEST_FILE = 20_000_000
repeatable = True
effect = "reads"


class Parameters(BaseModel):
    model_config = ConfigDict(extra="forbid")

    file: str = Field(min_length=1, description="A document's name, or a path in the folder.")
    sheet: str | None = Field(default=None, description="Tab; the first one if not given.")
    range: str | None = Field(default=None, description="A named range, or one like A1:D20.")
    header: bool = Field(default=True, description="Whether the first line holds the headings.")
    max_rows: int = Field(default=10_000, ge=1, le=100_000)


async def run(parameters: Parameters, context: ActionContext) -> list[Any]:
    """One mapping a row (heading to value), or one list a row without headings.

    Numbers, dates and texts of XLSX keep their type; in CSV everything is text. Raises
    `ResourceNotFound` (file, sheet, range), `InvalidData` and `PermissionDenied`.
    """
    return await asyncio.to_thread(_read, parameters, context)


def _read(parameters: Parameters, context: ActionContext) -> list[Any]:
    path = existing(context, parameters.file, most_bytes=LARGEST_FILE)
    if path.suffix.lower() in {".csv", ".tsv", ".txt"}:
        return _rows(_csv_lines(path, parameters), parameters)
    with opened(path, parameters.file) as workbook:
        return _rows(workbook.lines(sheet=parameters.sheet, area=parameters.range), parameters)


def _rows(lines: Iterator[Sequence[Any]], parameters: Parameters) -> list[Any]:
    shape = records if parameters.header else cells
    return list(shape(lines, most=parameters.max_rows))


def _csv_lines(path: Path, parameters: Parameters) -> Iterator[Sequence[str]]:
    if parameters.sheet is not None:
        raise _not_in_csv("Sheet", parameters.sheet, parameters.file)
    left, top, right, bottom = _csv_bounds(parameters)
    for number, line in enumerate(_parsed(path, parameters.file), start=1):
        if bottom is not None and number > bottom:
            return
        if number >= top:
            yield line[left - 1 : right]


def _csv_bounds(parameters: Parameters) -> tuple[int, int, int | None, int | None]:
    if parameters.range is None:
        return 1, 1, None, None
    try:
        left, top, right, bottom = range_boundaries(parameters.range)
    except (ValueError, TypeError):
        raise _not_in_csv("Range", parameters.range, parameters.file) from None
    return left or 1, top or 1, right, bottom


def _parsed(path: Path, name: str) -> Iterator[list[str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        try:
            delimiter = _delimiter(file.readline(100_000))
            file.seek(0)
            yield from csv.reader(file, delimiter=delimiter, strict=True)
        except UnicodeDecodeError as error:
            raise InvalidData(
                f"{name} is not text in UTF-8 (byte {error.start}). Save it as CSV UTF-8",
                kind="file",
                field="file",
                value=name,
            ) from error
        except csv.Error as error:
            raise InvalidData(
                f"{name} is not valid CSV: {error}", kind="file", field="file", value=name
            ) from error


def _delimiter(first_line: str) -> str:
    return max(",;\t", key=first_line.count)


def _not_in_csv(what: str, name: str, file: str) -> ResourceNotFound:
    return ResourceNotFound(
        f"{what} {name!r} not found in {file}, which is a CSV file",
        kind=what.lower(),
        name=name,
        file=file,
        available=[],
        near=[],
    )
