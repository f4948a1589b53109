"""Files made to do harm, or broken: each is refused in words that say why, and soon."""

import time

import pypdf
import pytest

from engine.documents import KINDS, isolation
from engine.documents.isolation import extracted
from engine.documents.refusal import Refused

from .documents import changed, excel, line, pdf, word


def refusal(path, **settings):
    with pytest.raises(Refused) as caught:
        extracted(path, KINDS[path.suffix], 1000, **settings)
    return caught.value.reason


def test_a_scan_is_not_taken_for_an_empty_document(tmp_path):
    assert refusal(pdf(tmp_path / "a.pdf", b"q Q")) == "empty"


@pytest.mark.parametrize("algorithm", ["RC4-128", "AES-256"])
def test_a_pdf_with_a_password_is_refused_and_one_that_only_forbids_printing_is_read(
    tmp_path, algorithm
):
    plain = pdf(tmp_path / "plain.pdf", line(b"classified"))
    for name, password in (("locked.pdf", "secret"), ("open.pdf", "")):
        writer = pypdf.PdfWriter(clone_from=plain)
        writer.encrypt(password, owner_password="owner", algorithm=algorithm)
        writer.write(tmp_path / name)
    assert refusal(tmp_path / "locked.pdf") == "encrypted"
    assert extracted(tmp_path / "open.pdf", "pdf", 100).text == "classified\n\n"


@pytest.mark.parametrize("name", ["a.docx", "a.xlsx"])
def test_an_office_file_with_a_password_is_refused(tmp_path, name):
    (tmp_path / name).write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\x00" * 600)
    assert refusal(tmp_path / name) == "encrypted"


@pytest.mark.parametrize("name", ["a.docx", "a.xlsx", "a.pdf"])
@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"%PDF-1.7\n%%EOF", b"<html>", b"PK" * 99])
def test_damaged_files_are_refused(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    assert refusal(tmp_path / name) == "damaged"


@pytest.mark.parametrize(
    ("make", "name", "part"),
    [
        (word, "a.docx", "word/document.xml"),
        (word, "a.docx", "[Content_Types].xml"),
        (excel, "a.xlsx", "xl/workbook.xml"),
        (excel, "a.xlsx", "xl/worksheets/sheet1.xml"),
    ],
)
def test_broken_xml_is_refused(tmp_path, make, name, part):
    assert refusal(changed(make(tmp_path / name), part, b"<broken")) == "damaged"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize("before", ["", "<!-- -->" * 200_000])
def test_xml_that_declares_entities_is_refused(tmp_path, encoding, before):
    bomb = (
        f'<?xml version="1.0" encoding="{encoding}"?>{before}<!DOCTYPE d [<!ENTITY a "aaaaaaaa">'
        '<!ENTITY b "&a;&a;&a;&a;">]><d>&b;</d>'
    )
    path = changed(word(tmp_path / "a.docx"), "word/document.xml", bomb.encode(encoding))
    assert refusal(path) == "damaged"


@pytest.mark.parametrize(
    ("make", "name", "part"),
    [(word, "a.docx", "word/media/image.bin"), (excel, "a.xlsx", "xl/worksheets/sheet1.xml")],
)
def test_archives_that_unpack_to_too_much_are_refused(tmp_path, make, name, part):
    path = changed(make(tmp_path / name), part, bytes(100_000_001))
    assert path.stat().st_size < 200_000
    assert refusal(path) == "too_large"


def test_a_pdf_that_unpacks_to_too_much_is_refused(tmp_path):
    path = pdf(tmp_path / "a.pdf", b" " * 150_000_000)
    assert path.stat().st_size < 200_000
    assert refusal(path) == "too_large"


def test_a_file_that_takes_too_long_is_given_up(tmp_path):
    path = pdf(tmp_path / "a.pdf", line(b"a") * 400_000)
    began = time.monotonic()
    assert refusal(path, seconds=1) == "too_slow"
    assert time.monotonic() - began < 1 + isolation.GRACE_SECONDS + 2


def test_a_reader_that_breaks_off_names_only_the_class_of_its_error(tmp_path):
    path = pdf(tmp_path / "a.pdf", line(b"a"))
    path.write_bytes(path.read_bytes().replace(b"/Kids [4 0 R]", b"/Kids [2 0 R]"))
    with pytest.raises(Refused) as caught:
        extracted(path, "pdf", 1000)
    assert caught.value.reason in {"damaged", "empty"}
    assert len(caught.value.words) < 200
