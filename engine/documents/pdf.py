"""PDF: the text of each page; scripts, forms and attachments are not looked at."""

from collections.abc import Iterator
from pathlib import Path

import pypdf
from pypdf.errors import DependencyError, FileNotDecryptedError, LimitReachedError, PyPdfError

from .refusal import Refused

MOST_PAGES = 2_000


def pieces(path: Path) -> Iterator[str]:
    """Refuses one that asks for a password, and one without any text: a scan, most likely."""
    empty = True
    with path.open("rb") as file:
        try:
            for text in _pages(pypdf.PdfReader(file)):
                empty = False
                yield f"{text}\n\n"
        except (FileNotDecryptedError, DependencyError) as error:
            raise Refused("encrypted", "has a password. Save it without one") from error
        except LimitReachedError as error:
            raise Refused("too_large", "unpacks to more than a document may") from error
        except PyPdfError as error:
            raise Refused("damaged", f"is damaged or not a PDF ({str(error)[:100]})") from error
    if empty:
        raise Refused("empty", "holds no text. A scan must be made readable (OCR) first")


def _pages(reader: pypdf.PdfReader) -> Iterator[str]:
    if len(reader.pages) > MOST_PAGES:
        raise Refused("too_large", f"has more than {MOST_PAGES:,} pages")
    for page in reader.pages:
        if text := page.extract_text().strip():
            yield text
