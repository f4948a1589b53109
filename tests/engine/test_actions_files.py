"""Actions on files and rows: read_sheet, write_file, filter_rows, render_template."""

import asyncio
import time
import zipfile
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from openpyxl.workbook.defined_name import DefinedName

from engine.actions import ActionContext, pick
from engine.errors import (
    Conflict,
    FieldNotFound,
    InvalidData,
    PermissionDenied,
    ResourceNotFound,
    StepError,
    TemplateNotFound,
)
from engine.workspace import Document, Resources, Template


class NoSecrets:
    def get(self, workspace_id: str, name: str) -> str | None:
        return None

    def all(self, workspace_id: str) -> dict[str, str]:
        return {}


Run = Callable[..., Any]


@pytest.fixture
def files(tmp_path: Path) -> Path:
    folder = tmp_path / "workspace"
    folder.mkdir()
    return folder


@pytest.fixture
def run(files: Path) -> Run:
    context = ActionContext(
        workspace_id="w1",
        execution_id="e1",
        path="/step1",
        effect_key="e1:1:/step1",
        resources=Resources(
            templates={
                "Outbound v2": Template(
                    subject="Hello {First Name}",
                    body="<style>p { color: red; }</style>Dear {First Name}, {amount} due {due}.",
                )
            },
            documents={"Contacts": Document(path="lists/mail.xlsx")},
        ),
        files=files,
        documents=("Contacts",),
        secrets=NoSecrets(),
    )

    def run(name: str, **parameters: Any) -> Any:
        action = pick(name)
        return asyncio.run(action.run(action.Parameters.model_validate(parameters), context))

    return run


@pytest.fixture
def workbook(files: Path) -> Path:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "Mail"
    rows: list[list[Any]] = [
        ["Name", "Email", "Amount", "Since", None, "Name"],
        ["Ada", "ada@example.com", 12.5, datetime.fromisoformat("2026-01-31"), "x", "Lovelace"],
        [None, None, None, None, None, None],
        ["Bob", "bob@example.com", 3, None, None, None],
    ]
    for row in rows:
        sheet.append(row)
    other = book.create_sheet("It's other")
    other["B2"], other["B3"], other["C2"], other["C3"] = "City", "Paris", "Zip", "007"
    book.defined_names["UrgentMails"] = DefinedName("UrgentMails", attr_text="Mail!$A$1:$B$2")
    book.defined_names["Two"] = DefinedName("Two", attr_text="Mail!$A$1,Mail!$B$2")
    book.defined_names["Broken"] = DefinedName("Broken", attr_text="#REF!")
    other.defined_names["Cities"] = DefinedName("Cities", attr_text="'It''s other'!$B$2:$C$3")
    path = files / "lists" / "mail.xlsx"
    path.parent.mkdir()
    book.save(path)
    return path


@pytest.mark.usefixtures("workbook")
class TestReadSheet:
    def test_rows_keep_their_types(self, run: Run) -> None:
        ada, bob = run("read_sheet", file="Contacts")
        assert ada == {
            "Name": "Ada",
            "Email": "ada@example.com",
            "Amount": 12.5,
            "Since": datetime.fromisoformat("2026-01-31"),
            "column 5": "x",
            "Name (2)": "Lovelace",
        }
        assert (bob["Amount"], bob["Since"]) == (3, None)

    @pytest.mark.parametrize(
        ("where", "rows"),
        [
            ({"range": "UrgentMails"}, [{"Name": "Ada", "Email": "ada@example.com"}]),
            ({"range": "urgentmails"}, [{"Name": "Ada", "Email": "ada@example.com"}]),
            ({"range": "Cities"}, [{"City": "Paris", "Zip": "007"}]),
            ({"range": "Cities", "sheet": "It's other"}, [{"City": "Paris", "Zip": "007"}]),
            ({"range": "'It''s other'!B2:B3"}, [{"City": "Paris"}]),
            ({"sheet": "It's other", "range": "C2:C3"}, [{"Zip": "007"}]),
            ({"range": "A1:A2", "header": False}, [["Name"], ["Ada"]]),
            ({"range": "A:A", "header": False}, [["Name"], ["Ada"], ["Bob"]]),
            ({"sheet": "It's other", "range": "A9:B12"}, []),
        ],
    )
    def test_ranges_and_tabs(self, run: Run, where: dict[str, Any], rows: list[Any]) -> None:
        assert run("read_sheet", file="lists/mail.xlsx", **where) == rows

    def test_missing_range_names_the_others(self, run: Run) -> None:
        with pytest.raises(ResourceNotFound) as caught:
            run("read_sheet", file="lists/mail.xlsx", range="UrgentEmails")
        assert str(caught.value) == (
            "Range 'UrgentEmails' not found in lists/mail.xlsx. Did you mean UrgentMails?"
        )
        details = caught.value.details
        assert (details["kind"], details["name"]) == ("range", "UrgentEmails")
        assert details["available"] == ["UrgentMails", "Two", "Broken", "Cities"]
        assert details["near"] == ["UrgentMails"]

    def test_missing_name_is_not_taken_for_a_column(self, run: Run) -> None:
        with pytest.raises(ResourceNotFound, match="Range 'Tax' not found"):
            run("read_sheet", file="Contacts", range="Tax")

    def test_missing_tab_names_the_others(self, run: Run) -> None:
        with pytest.raises(ResourceNotFound, match="Sheet 'X' not found in Contacts") as caught:
            run("read_sheet", file="Contacts", sheet="X")
        assert caught.value.details["available"] == ["Mail", "It's other"]

    def test_missing_file_names_the_others(self, run: Run) -> None:
        with pytest.raises(ResourceNotFound, match=r"File 'lists/mial.xlsx' not found") as caught:
            run("read_sheet", file="lists/mial.xlsx")
        assert caught.value.details["available"] == ["Contacts", "lists/mail.xlsx"]
        assert caught.value.details["near"] == ["lists/mail.xlsx"]

    def test_files_behind_links_are_not_listed(self, run: Run, files: Path, tmp_path: Path) -> None:
        (tmp_path / "private.csv").write_text("x")
        (files / "away").symlink_to(tmp_path)
        (files / "one.csv").symlink_to(tmp_path / "private.csv")
        with pytest.raises(ResourceNotFound) as caught:
            run("read_sheet", file="none.csv")
        assert caught.value.details["available"] == ["Contacts", "lists/mail.xlsx"]

    @pytest.mark.parametrize("name", ["Two", "Broken"])
    def test_range_that_is_no_block(self, run: Run, name: str) -> None:
        with pytest.raises(InvalidData, match="is not one block of cells"):
            run("read_sheet", file="Contacts", range=name)

    def test_too_many_rows(self, run: Run) -> None:
        with pytest.raises(InvalidData, match="more than 1 rows"):
            run("read_sheet", file="Contacts", max_rows=1)


def _zip(path: Path, parts: dict[str, bytes]) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)


def test_file_that_is_no_workbook(run: Run, files: Path) -> None:
    (files / "a.xlsx").write_bytes(b"hello")
    (files / "b.xlsx").write_bytes(b"\xd0\xcf\x11\xe0 old")
    (files / "c.xlsx").write_bytes(b"PK\x03\x04 broken")
    _zip(files / "d.xlsx", {"x": b"1"})
    _zip(files / "e.xlsx", {"[Content_Types].xml": b'<!DOCTYPE a [<!ENTITY b "c">]><a/>'})
    wanted = ["is not an Excel workbook", "old Excel format", "damaged", "damaged", "entities"]
    for name, message in zip("abcde", wanted, strict=True):
        with pytest.raises(InvalidData, match=message):
            run("read_sheet", file=f"{name}.xlsx")


def test_zip_bomb_and_large_file_are_refused_unread(run: Run, files: Path) -> None:
    _zip(files / "bomb.xlsx", dict.fromkeys(map(str, range(2)), b"0" * 55_000_000))
    with pytest.raises(InvalidData, match="unpacks to more than 100 MB"):
        run("read_sheet", file="bomb.xlsx")
    with (files / "large.xlsx").open("wb") as file:
        file.truncate(20_000_001)
    with pytest.raises(InvalidData, match="larger than 20 MB"):
        run("read_sheet", file="large.xlsx")


def test_stray_cells_do_not_make_millions_of_rows(run: Run, files: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    sheet["A1"], sheet["A2"] = "Name", "Ada"
    book.save(files / "small.xlsx")
    sheet.cell(1_048_576, 16_384, "stray")
    book.save(files / "stray.xlsx")
    started = time.perf_counter()
    assert run("read_sheet", file="stray.xlsx")[0] == {"Name": "Ada"}
    assert len(run("read_sheet", file="small.xlsx", range="A1:XFD1048576")) == 1
    with pytest.raises(InvalidData, match="more than 20,000,000 cells"):
        run("read_sheet", file="stray.xlsx", range="A1:XFD1048576")
    assert time.perf_counter() - started < 30


def test_damaged_sheet_is_noticed_while_reading(run: Run, files: Path, workbook: Path) -> None:
    with zipfile.ZipFile(workbook) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    parts["xl/worksheets/sheet1.xml"] = parts["xl/worksheets/sheet1.xml"][:-200]
    _zip(files / "cut.xlsx", parts)
    with pytest.raises(InvalidData, match="damaged"):
        run("read_sheet", file="cut.xlsx")


def test_csv(run: Run, files: Path) -> None:
    (files / "a.csv").write_bytes("\ufeffName;Köln\r\nAda;007\r\n\r\n".encode())
    assert run("read_sheet", file="a.csv") == [{"Name": "Ada", "Köln": "007"}]
    assert run("read_sheet", file="a.csv", range="B1:B2", header=False) == [["Köln"], ["007"]]
    with pytest.raises(ResourceNotFound, match=r"Sheet 'X' not found in a\.csv"):
        run("read_sheet", file="a.csv", sheet="X")
    with pytest.raises(ResourceNotFound, match=r"Range 'Urgent' not found in a\.csv"):
        run("read_sheet", file="a.csv", range="Urgent")
    (files / "b.csv").write_bytes(b"Name\n\xff\xfe")
    with pytest.raises(InvalidData, match="not text in UTF-8"):
        run("read_sheet", file="b.csv")
    (files / "c.csv").write_bytes(b'Name\n"Ada')
    with pytest.raises(InvalidData, match="not valid CSV"):
        run("read_sheet", file="c.csv")


ESCAPES = [
    "../x",
    "/etc/passwd",
    "a/../../x",
    "..",
    ".",
    "",
    "C:x",
    "a\\b",
    "link/x",
    "inner",
    "link",
    "\x00",
]


@pytest.mark.parametrize("path", ESCAPES)
@pytest.mark.parametrize("name", ["read_sheet", "write_file"])
def test_paths_out_of_the_folder_are_refused(
    run: Run, files: Path, tmp_path: Path, name: str, path: str
) -> None:
    (files / "link").symlink_to(tmp_path)
    (files / "inner").symlink_to(files / "other")
    (files / "other").write_text("x")
    (tmp_path / "x").write_text("secret")
    parameters = {"file": path} if name == "read_sheet" else {"path": path, "content": "x"}
    with pytest.raises((PermissionDenied, ValueError)) as caught:
        run(name, **parameters)
    assert path == "" or isinstance(caught.value, PermissionDenied)
    assert (tmp_path / "x").read_text() == "secret"


def test_write_file_replaces_whole_and_twice_is_the_same(run: Run, files: Path) -> None:
    for _ in range(2):
        assert run("write_file", path="out/a.txt", content="né\n") == {
            "path": "out/a.txt",
            "bytes": 4,
        }
    assert (files / "out/a.txt").read_bytes() == "né\n".encode()
    assert [path.name for path in (files / "out").iterdir()] == ["a.txt"]
    run("write_file", path="b.json", content=[{"day": date(2026, 1, 31)}])
    assert (files / "b.json").read_text() == '[\n  {\n    "day": "2026-01-31"\n  }\n]\n'


def test_write_file_where_none_can_be(run: Run, files: Path) -> None:
    (files / "folder").mkdir()
    (files / "file").write_text("x")
    for path in ("folder", "file/below"):
        with pytest.raises(Conflict):
            run("write_file", path=path, content="x")
    with pytest.raises(InvalidData, match="larger than 20 MB"):
        run("write_file", path="x", content="x" * 20_000_001)
    with pytest.raises(InvalidData, match="half a character"):
        run("write_file", path="x", content="\ud800")
    assert [path.name for path in files.iterdir() if path.name.startswith(".")] == []


ROWS: list[dict[str, Any]] = [
    {
        "Name": "Ada",
        "Amount": 12,
        "Since": datetime.fromisoformat("2026-01-31"),
        "Tags": ["a", "b"],
    },
    {"Name": "bob", "Amount": "3.5", "Since": None, "Tags": []},
    {"Name": "", "Amount": None, "Since": date(2025, 1, 1), "Tags": None},
]


@pytest.mark.parametrize(
    ("field", "op", "value", "kept"),
    [
        ("Name", "equals", "Ada", [0]),
        ("Name", "not_equals", "Ada", [1, 2]),
        ("Name", "equals", "BOB", []),
        ("Name", "contains", "d", [0]),
        ("Name", "not_contains", "d", [1, 2]),
        ("Name", "starts_with", "b", [1]),
        ("Name", "ends_with", "a", [0]),
        ("Name", "in", ["Ada", "bob"], [0, 1]),
        ("Name", "not_in", ["Ada", "bob"], [2]),
        ("Name", "is_empty", None, [2]),
        ("Name", "is_not_empty", None, [0, 1]),
        ("Tags", "contains", "b", [0]),
        ("Amount", "equals", "12.0", [0]),
        ("Amount", "greater_than", 3.5, [0]),
        ("Amount", "at_least", 3.5, [0, 1]),
        ("Amount", "less_than", "12", [1]),
        ("Since", "at_most", "2026-01-31", [0, 2]),
        ("Since", "greater_than", date(2025, 6, 1), [0]),
    ],
)
def test_filter_rows(run: Run, field: str, op: str, value: Any, kept: list[int]) -> None:
    condition = {"field": field, "op": op, "value": value}
    found = run("filter_rows", rows=ROWS, where=[condition])
    assert found == [ROWS[index] for index in kept]


def test_filter_rows_all_any_and_capitals(run: Run) -> None:
    where = [
        {"field": "Name", "value": "BOB", "ignore_case": True},
        {"field": "Amount", "op": "greater_than", "value": 5},
    ]
    assert run("filter_rows", rows=ROWS, where=where, match="any") == ROWS[:2]
    assert run("filter_rows", rows=ROWS, where=where) == []
    assert run("filter_rows", rows=[], where=where) == []


def test_filter_rows_says_what_is_wrong(run: Run) -> None:
    with pytest.raises(FieldNotFound) as caught:
        run("filter_rows", rows=ROWS, where=[{"field": "Amuont", "value": 1}])
    assert str(caught.value) == "Field 'Amuont' not found. Did you mean Amount?"
    assert caught.value.details["available"] == ["Name", "Amount", "Since", "Tags"]
    with pytest.raises(InvalidData, match=r"Row 1: 'Ada' in Name can't be compared with '5'"):
        run("filter_rows", rows=ROWS, where=[{"field": "Name", "op": "at_least", "value": 5}])


def test_render_template_once_and_for_rows(run: Run) -> None:
    values = {"First Name": "Ada", "amount": 12, "due": date(2026, 1, 31)}
    message = run("render_template", template="Outbound v2", values=values)
    assert message == {
        "subject": "Hello Ada",
        "body": "<style>p { color: red; }</style>Dear Ada, 12 due 2026-01-31.",
    }
    rows = [{"First Name": "{due}", "Email": "a@example.com"}, {**values, "Email": "b@example.com"}]
    first, second = run(
        "render_template", template="Outbound v2", rows=rows, values=values, to="{Email}"
    )
    assert (first["to"], first["subject"]) == ("a@example.com", "Hello {due}")  # not read again
    assert second == {"to": "b@example.com", **message}


def test_render_template_has_no_way_into_values(run: Run) -> None:
    body = "{a.__class__} {a[0]} {a!r} {a:>10} {0} {} {{a}}"
    with pytest.raises(FieldNotFound, match=r"'a\.__class__'"):
        run("render_template", body=body, values={"a": 1})
    body = body.removeprefix("{a.__class__} ")
    assert run("render_template", body=body, values={"a": 1})["body"] == (
        "{a[0]} {a!r} {a:>10} {0} {} 1"
    )


def test_render_template_takes_double_braces_for_single_ones(run: Run) -> None:
    body = "{{name}}, {{ name }}, {name}: {{ first name }} {{}} {{ {name}"
    values = {"name": "{Ada}", "first name": "A"}
    assert run("render_template", body=body, values=values)["body"] == (
        "{Ada}, {Ada}, {Ada}: A {{}} {{ {Ada}"
    )
    with pytest.raises(FieldNotFound, match="'nmae' used by the message not found"):
        run("render_template", body="{{ nmae }}", values=values)


def test_render_template_says_what_is_missing(run: Run) -> None:
    with pytest.raises(TemplateNotFound) as missing:
        run("render_template", template="Outbound v3")
    assert str(missing.value) == (
        "Email template 'Outbound v3' was not found. Did you mean Outbound v2?"
    )
    assert missing.value.details["available"] == ["Outbound v2"]
    with pytest.raises(FieldNotFound) as field:
        run("render_template", template="Outbound v2", values={"first name": "Ada"})
    assert str(field.value) == (
        "Field 'First Name' used by email template 'Outbound v2' not found."
        " Did you mean first name?"
    )
    with pytest.raises(FieldNotFound, match="'Emial' used by the address line not found"):
        run("render_template", body="Hello", to="<{Emial}>", values={"First Name": "A"})
    with pytest.raises(ValueError, match="either a template or a body"):
        run("render_template")


def test_errors_survive_being_stored(run: Run) -> None:
    with pytest.raises(StepError) as caught:
        run("render_template", template="x")
    rebuild, arguments = caught.value.__reduce__()[:2]
    assert rebuild(*arguments).details == caught.value.details
