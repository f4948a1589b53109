"""The text of documents: one extractor a kind of file, and which documents a step sees.

An extractor is a module with `pieces(path)`, which gives the text in order, piece by piece, and
raises `Refused` for a file that it will not read. Its file is opened as hostile input: what needs a
parser runs in a process of its own (`isolation.py`), without secrets, with a limit on memory and
time.
"""

from collections.abc import Mapping

KINDS: Mapping[str, str] = {
    ".txt": "text",
    ".md": "text",
    ".csv": "text",
    ".tsv": "text",
    ".xlsx": "xlsx",
    ".xlsm": "xlsx",
    ".pdf": "pdf",
    ".docx": "docx",
}
"""The extractor of each ending."""
