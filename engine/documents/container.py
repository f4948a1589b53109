"""The ZIP container of office documents, looked at before anything in it is parsed."""

import zipfile
import zlib
from pathlib import Path

from .refusal import Refused

LARGEST_UNPACKED = 100_000_000
MOST_PARTS = 5_000
_OLD_OFFICE = b"\xd0\xcf\x11\xe0"
_DECLARATION = b"<!DOCTYPE"
_PIECE = 1 << 20


def check_container(path: Path, *, required: str, kind: str) -> None:
    """Refuses what is not a *kind* with the part *required*, or unpacks to more than 100 MB."""
    with path.open("rb") as file:
        magic = file.read(4)
    if magic == _OLD_OFFICE:
        raise Refused("encrypted", f"has a password, or is older than {kind}. Save it without")
    if not magic.startswith(b"PK"):
        raise Refused("damaged", f"is not a {kind} file")
    try:
        with zipfile.ZipFile(path) as archive:
            parts = archive.infolist()
            too_large = sum(part.file_size for part in parts) > LARGEST_UNPACKED
            if too_large or len(parts) > MOST_PARTS:
                size = LARGEST_UNPACKED // 1_000_000
                raise Refused("too_large", f"unpacks to more than {size} MB")
            if required not in archive.namelist():
                raise Refused("damaged", f"is not a {kind} file")
            for part in parts:
                _check_part(archive, part)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise Refused("damaged", f"is damaged ({str(error)[:100]})") from error


def _check_part(archive: zipfile.ZipFile, part: zipfile.ZipInfo) -> None:
    """Reads all of a part of XML: its size and checksum are checked, and that it declares nothing.

    A declaration is the only way to entities, and no office program writes one.
    """
    if not part.filename.lower().endswith((".xml", ".rels")):
        return
    before = b""
    with archive.open(part) as content:
        while piece := content.read(_PIECE):
            if _DECLARATION in before + piece.replace(b"\x00", b""):  # UTF-16 has zeros between
                raise Refused("damaged", "declares XML entities, which documents never do")
            before = piece[-len(_DECLARATION) * 2 :].replace(b"\x00", b"")
