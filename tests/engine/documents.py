"""Builders of documents: sound ones, and the parts that hostile ones are made of."""

import zipfile
import zlib

import docx
import openpyxl


def pdf(path, *contents, extra=b""):
    """A PDF of our own making, a page for each content stream."""
    pages = b" ".join(b"%d 0 R" % (4 + 2 * i) for i in range(len(contents)))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R " + extra + b" >>",
        b"<< /Type /Pages /Kids [%s] /Count %d >>" % (pages, len(contents)),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    for number, content in enumerate(contents):
        packed = zlib.compress(content)
        objects += [
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 300 300] /Contents %d 0 R"
            b" /Resources << /Font << /F 3 0 R >> >> >>" % (5 + 2 * number),
            b"<< /Length %d /Filter /FlateDecode >>\nstream\n%s\nendstream" % (len(packed), packed),
        ]
    body, places = b"%PDF-1.4\n", []
    for number, content in enumerate(objects, start=1):
        places.append(len(body))
        body += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    size = len(objects) + 1
    path.write_bytes(
        body
        + b"xref\n0 %d\n0000000000 65535 f \n%s" % (size, table)
        + b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF" % (size, len(body))
    )
    return path


def line(text):
    return b"BT /F 12 Tf 20 200 Td (%s) Tj ET" % text


def word(path, *paragraphs):
    document = docx.Document()
    document.add_heading("Terms", level=2)
    for text in paragraphs:
        document.add_paragraph(text)
    document.save(path)
    return path


def excel(path):
    book = openpyxl.Workbook()
    book.active.title = "Leads"
    book.active.append(["Name", "Since", "Amount"])
    book.active.append(["Ada\nLovelace", None, 12.0])
    book.create_sheet("Notes").append([True, 0.5])
    book.save(path)
    return path


def changed(path, name, content):
    """The same container with one part replaced or added."""
    with zipfile.ZipFile(path) as archive:
        parts = {part: archive.read(part) for part in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for part, old in (parts | {name: content}).items():
            archive.writestr(part, content if part == name else old)
    return path
