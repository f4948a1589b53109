"""Workbooks: each sheet under its name, a line a row, a tab between cells; macros stay closed.

Cells show their last calculated value. Formulas, hidden sheets and comments are as in the file:
the first are not calculated, the second are read, the third are not.
"""

from collections.abc import Iterator, Sequence
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

import openpyxl

from .container import check_container
from .refusal import Refused

MOST_CELLS = 5_000_000  # empty ones included: one stray cell makes millions of them


def pieces(path: Path) -> Iterator[str]:
    check_container(path, required="xl/workbook.xml", kind="XLSX")
    with path.open("rb") as file:
        book: Any = openpyxl.load_workbook(file, read_only=True, data_only=True, keep_links=False)
        left = MOST_CELLS
        for sheet in book.worksheets:
            yield f"# {sheet.title}\n"
            sheet.reset_dimensions()  # files written by other programs state wrong ones
            for row in sheet.iter_rows(values_only=True):
                left -= max(len(row), 1)
                if left < 0:
                    raise Refused("too_large", f"holds more than {MOST_CELLS:,} cells")
                if line := _line(row):
                    yield f"{line}\n"
            yield "\n"
        book.close()


def _line(row: Sequence[Any]) -> str:
    return "\t".join(map(_shown, row)).rstrip("\t")


def _shown(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "TRUE" if value else "FALSE"
        case datetime() if value.time() == time():
            return value.date().isoformat()
        case datetime() | date() | time():
            return value.isoformat(sep=" ") if isinstance(value, datetime) else value.isoformat()
        case float() if value.is_integer() and abs(value) < 1e15:
            return str(int(value))
        case _:
            return " ".join(str(value).split())
