"""The example's failure comes back though its fix is in place: the workbook is another one."""

from pathlib import Path

from openpyxl import load_workbook
from openpyxl.workbook.defined_name import DefinedName

from copilot.demo import WORKBOOK


def lose_the_range(files: Path) -> None:
    """In the workbook below *files*, the named range that the fix reads gets another name."""
    (path,) = files.rglob(WORKBOOK)
    workbook = load_workbook(path)
    lost = workbook.defined_names.pop("DefinedRange")
    workbook.defined_names["OpenMail"] = DefinedName("OpenMail", attr_text=lost.attr_text)
    workbook.save(path)
