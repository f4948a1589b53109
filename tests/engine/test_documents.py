"""Documents of a step: which ones it sees, their text from each kind of file, and hostile files."""

import subprocess
import sys

import docx
import pytest
from docx.oxml import OxmlElement

from engine.documents import isolation
from engine.documents.binding import DocumentText, bound_to, documents_for
from engine.documents.refusal import Refused
from engine.errors import InvalidData, InvalidParameters, PermissionDenied, ResourceNotFound
from engine.testing import tool, workflow
from engine.workspace import Document, Resources

from .documents import changed, excel, line, pdf, word


def with_documents(*names, step=()):
    one = tool("read").model_copy(update={"documents": tuple(step)})
    return workflow(one, documents=tuple(names))


def texts(folder, *names, step=(), resources=None, **settings):
    flow = with_documents(*names, step=step)
    return documents_for(flow.steps[0], flow, resources or Resources(), folder, **settings)


def text_of(path):
    (found,) = texts(path.parent, path.name)
    return found.text


def test_a_step_sees_the_workflows_documents_and_its_own_and_no_others(tmp_path):
    for name in ("deck", "team", "market"):
        (tmp_path / f"{name}.txt").write_text(f"about the {name}")
    flow = workflow(
        tool("one").model_copy(update={"documents": ("team.txt", "deck.txt")}),
        tool("two").model_copy(update={"documents": ("market.txt",)}),
        tool("three"),
        documents=("deck.txt",),
    )
    seen = [bound_to(step, flow) for step in flow.steps]
    assert seen == [("deck.txt", "team.txt"), ("deck.txt", "market.txt"), ("deck.txt",)]
    found = documents_for(flow.steps[1], flow, Resources(), tmp_path)
    assert found == (
        DocumentText("deck.txt", "about the deck"),
        DocumentText("market.txt", "about the market"),
    )


def test_a_document_of_the_workspace_is_found_by_its_name(tmp_path):
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists" / "q3.md").write_text("# Third quarter")
    resources = Resources(documents={"Report": Document(path="lists/q3.md")})
    assert texts(tmp_path, step=["Report"], resources=resources)[0].text == "# Third quarter"


@pytest.mark.parametrize("name", ["Reprot", "q3.md"])
def test_a_missing_document_is_named_with_what_there_is(tmp_path, name):
    resources = Resources(documents={"Report": Document(path="q3.md")})
    with pytest.raises(ResourceNotFound) as caught:
        texts(tmp_path, name, resources=resources)
    assert repr(name) in str(caught.value)
    assert caught.value.details["document"] == name
    assert caught.value.details["available"] == ["Report"]


def test_a_document_whose_file_is_gone_says_both_names(tmp_path):
    (tmp_path / "q4.md").write_text("")
    resources = Resources(documents={"Report": Document(path="q3.md")})
    with pytest.raises(ResourceNotFound, match=r"'Report': its file 'q3.md' is not in .* q4.md\?"):
        texts(tmp_path, "Report", resources=resources)


@pytest.mark.parametrize(
    "path", ["../secret.txt", "/etc/passwd", "a/../../secret.txt", "link/x.txt"]
)
def test_no_document_leads_out_of_the_folder(tmp_path, path):
    folder = tmp_path / "acme"
    folder.mkdir()
    (tmp_path / "secret.txt").write_text("other")
    (tmp_path / "x.txt").write_text("other")
    (folder / "link").symlink_to(tmp_path)
    resources = Resources(documents={"Report": Document(path=path)})
    for name in ("Report", path):
        with pytest.raises(PermissionDenied) as caught:
            texts(folder, name, resources=resources)
        assert caught.value.details["document"] == name


def test_folders_and_unknown_endings_are_refused(tmp_path):
    (tmp_path / "folder.txt").mkdir()
    (tmp_path / "run.exe").write_bytes(b"MZ")
    with pytest.raises(ResourceNotFound):
        texts(tmp_path, "folder.txt")
    with pytest.raises(
        InvalidData, match=r"'run.exe' is not a document that can be read"
    ) as caught:
        texts(tmp_path, "run.exe")
    assert caught.value.details["reason"] == "unsupported"


def test_plain_text_keeps_every_character(tmp_path):
    (tmp_path / "a.csv").write_bytes(b"\xef\xbb\xbfName;Ort\r\nZo\xc3\xab;K\xc3\xb6ln\n")
    assert text_of(tmp_path / "a.csv") == "Name;Ort\nZoë;Köln\n"
    (tmp_path / "b.txt").write_text("Zoë", encoding="utf-16")
    assert text_of(tmp_path / "b.txt") == "Zoë"
    (tmp_path / "c.md").write_bytes(b"")
    assert text_of(tmp_path / "c.md") == ""


@pytest.mark.parametrize("content", [b"Z\xf6e", b"a\x00b", b"\xff\xfea"])
def test_text_in_another_encoding_is_not_guessed(tmp_path, content):
    (tmp_path / "a.txt").write_bytes(content)
    with pytest.raises(InvalidData, match=r"Document 'a.txt' is not text") as caught:
        text_of(tmp_path / "a.txt")
    assert caught.value.details["reason"] == "damaged"
    assert caught.value.details["document"] == "a.txt"


@pytest.mark.parametrize(
    ("most", "text", "truncated"), [(4, "abcd", True), (5, "abcde", False), (9, "abcde", False)]
)
def test_a_long_document_is_cut_and_says_so(tmp_path, most, text, truncated):
    (tmp_path / "a.txt").write_text("abcde")
    assert texts(tmp_path, "a.txt", most_characters=most) == (
        DocumentText("a.txt", text, truncated),
    )


def test_a_file_that_is_too_large_is_not_opened(tmp_path):
    with (tmp_path / "a.pdf").open("wb") as file:
        file.truncate(20_000_001)
    with pytest.raises(InvalidData, match=r"'a.pdf' is larger than 20 MB"):
        text_of(tmp_path / "a.pdf")


def test_a_workbook_is_its_sheets_by_name(tmp_path):
    path = excel(tmp_path / "leads.xlsx")
    expected = "# Leads\nName\tSince\tAmount\nAda Lovelace\t\t12\n\n# Notes\nTRUE\t0.5\n\n"
    assert text_of(path) == expected


def test_macros_are_never_opened(tmp_path):
    path = changed(excel(tmp_path / "leads.xlsm"), "xl/vbaProject.bin", b"\xd0\xcf\x11\xe0" * 9)
    assert "Ada Lovelace" in text_of(path)
    path = changed(word(tmp_path / "a.docx", "net 30"), "word/vbaProject.bin", b"Shell")
    assert text_of(path) == "## Terms\n\nnet 30\n\n"


def test_a_word_document_is_its_paragraphs_and_tables_in_order(tmp_path):
    document = docx.Document()
    document.add_paragraph("before")
    table = document.add_table(rows=2, cols=2)
    for cell, text in zip(table._cells, ["a", "b", "c\nd", "e"], strict=True):
        cell.text = text
    document.add_paragraph("after")
    document.save(tmp_path / "a.docx")
    assert text_of(tmp_path / "a.docx") == "before\n\na\tb\nc d\te\n\nafter\n\n"


def test_word_text_that_was_deleted_with_changes_tracked_is_left_out(tmp_path):
    document = docx.Document()
    paragraph = document.add_paragraph("kept ")
    deleted = OxmlElement("w:del")
    deleted.append(paragraph.add_run("gone")._r)
    paragraph._p.append(deleted)
    document.save(tmp_path / "a.docx")
    assert text_of(tmp_path / "a.docx") == "kept\n\n"


def test_a_pdf_is_the_text_of_its_pages(tmp_path):
    path = pdf(tmp_path / "a.pdf", line(b"first"), b"", line(b"second"))
    assert text_of(path) == "first\n\nsecond\n\n"


def test_what_a_pdf_would_do_when_opened_is_not_done(tmp_path):
    action = b"/OpenAction << /S /Launch /F (/bin/touch) /Win << /F (calc.exe) >> >>"
    assert text_of(pdf(tmp_path / "a.pdf", line(b"harmless"), extra=action)) == "harmless\n\n"


def test_readers_run_apart_without_our_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("SECRET_TOKEN", "hush")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "json.py").write_text("raise RuntimeError('not the real one')")
    seen = []
    real = subprocess.run

    def run(arguments, **settings):
        seen.append(settings["env"])
        return real(arguments, **settings)

    monkeypatch.setattr(subprocess, "run", run)
    assert text_of(pdf(tmp_path / "a.pdf", line(b"apart"))) == "apart\n\n"
    assert seen
    assert "SECRET_TOKEN" not in seen[0]


def test_a_document_read_again_is_not_parsed_again_until_it_changes(tmp_path):
    path = pdf(tmp_path / "a.pdf", line(b"first"))
    before = isolation._kept.cache_info().misses
    assert text_of(path) == text_of(path) == "first\n\n"
    assert isolation._kept.cache_info().misses == before + 1
    pdf(path, line(b"second time"))
    assert text_of(path) == "second time\n\n"


def test_a_library_that_is_not_installed_is_named_with_the_way_to_get_it(tmp_path, monkeypatch):
    code = (
        "import sys; sys.modules['pypdf'] = None\n"
        "from engine.documents.extraction import extract\n"
        "from pathlib import Path\n"
        "extract(Path(sys.argv[1]), 'pdf', 10)"
    )
    path = pdf(tmp_path / "a.pdf", line(b"a"))
    answer = subprocess.run(
        [sys.executable, "-c", code, str(path)],
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(isolation._ROOT)},
    )
    words = "can't be read: pypdf is not installed. Run pip install 'ask-copilot[documents]'"
    assert words in answer.stderr

    def missing(*_, **__):
        raise Refused("not_installed", words)

    monkeypatch.setattr("engine.documents.binding.extracted", missing)
    with pytest.raises(InvalidParameters, match=r"Document 'a.pdf' can't be read: pypdf"):
        text_of(path)
