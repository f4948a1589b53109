"""Word documents: paragraphs and tables in their order; headings marked as in Markdown."""

from collections.abc import Iterator
from pathlib import Path

import docx
from docx.table import Table, _Cell  # pyright: ignore[reportPrivateUsage] - has no public name
from docx.text.paragraph import Paragraph

from .container import check_container
from .refusal import Refused

_DEEPEST = 6


def pieces(path: Path) -> Iterator[str]:
    """Headers, footers, comments and what was deleted with changes tracked are left out."""
    check_container(path, required="word/document.xml", kind="DOCX")
    with path.open("rb") as file:
        try:
            document = docx.Document(file)
        except ValueError as error:
            raise Refused(
                "unsupported", "holds macros or is a template. Save it as .docx"
            ) from error
        for block in document.iter_inner_content():
            yield from _lines(block)


def _lines(block: Paragraph | Table) -> Iterator[str]:
    if isinstance(block, Paragraph):
        if text := block.text.strip():
            yield f"{_mark(block)}{text}\n\n"
        return
    for row in block.rows:
        yield "\t".join(map(_cell, dict.fromkeys(row.cells))) + "\n"
    yield "\n"


def _mark(paragraph: Paragraph) -> str:
    style = paragraph.style.name if paragraph.style is not None else None
    level = (style or "").removeprefix("Heading ")
    is_heading = level != style and level.isdecimal()
    return "#" * min(int(level), _DEEPEST) + " " if is_heading else ""


def _cell(cell: _Cell) -> str:
    """Tables in it too; as one line."""
    blocks = "".join(line for block in cell.iter_inner_content() for line in _lines(block))
    return " ".join(blocks.split())
