"""A case folder: what it is about, the files it needs, and its goldens."""

import csv
import difflib
import io
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, cast

import openpyxl
import yaml
from openpyxl.workbook.defined_name import DefinedName
from pydantic import BaseModel, ConfigDict, Field

CASES = Path(__file__).resolve().parents[2] / "fixtures" / "cases"
RAW_LINES = "1_raw.jsonl"

_ID = re.compile(r"\b(?:([a-z]+)_)?[0-9a-f]{32}\b")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)")
#: Fields that say where in our own sources something was raised.
_OURS = frozenset({"traceback"})
#: Who ran it: the owner of the command line here, the holder of a key over HTTP.
_WHO = frozenset({"started_by"})


class _Given(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Sheets(_Given):
    """A file of rows: `sheets` by tab with named `ranges` for .xlsx, `rows` for .csv."""

    rows: list[list[Any]] = Field(default_factory=list[list[Any]])
    sheets: dict[str, list[list[Any]]] = Field(default_factory=dict[str, list[list[Any]]])
    ranges: dict[str, str] = Field(default_factory=dict[str, str])

    def content(self) -> bytes:
        return self._workbook() if self.sheets else self._csv()

    def _csv(self) -> bytes:
        text = io.StringIO(newline="")
        csv.writer(text, lineterminator="\n").writerows(self.rows)
        return text.getvalue().encode()

    def _workbook(self) -> bytes:
        book = openpyxl.Workbook()
        book.remove(book.worksheets[0])
        for title, rows in self.sheets.items():
            tab = book.create_sheet(title)
            for row in rows:
                tab.append(row)
        for name, area in self.ranges.items():
            book.defined_names[name] = DefinedName(name, attr_text=area)
        data = io.BytesIO()
        book.save(data)
        return data.getvalue()


class Expected(_Given):
    """What a person wrote down beforehand; no update of the goldens touches it."""

    root_cause: str
    verdict: str
    step: int | None
    #: Types of the suggested fixes, best first.
    fixes: list[str]
    #: Words that the explanation, a fix or the pattern must have.
    says: list[str]
    #: The whole answer, word for word; None: the golden alone has it.
    message: str | None = None
    pattern: int | None = None
    later_failures: int = 0
    outcome: str | None = None


class Answer(_Given):
    """What the model says once its workspace has a custom field; an error until then."""

    needs_field: str
    says: str


Resume = Literal["full", "partial", "dependencies"]


class Case(_Given):
    """`0_case.yaml`."""

    title: str
    about: str
    expect: Expected
    workflow: dict[str, Any] | None = None
    workspace: dict[str, dict[str, dict[str, Any]]] = Field(
        default_factory=dict[str, dict[str, dict[str, Any]]]
    )
    files: dict[str, Sheets] = Field(default_factory=dict[str, Sheets])
    answers: dict[str, str | Answer] = Field(
        default_factory=dict[str, str | Answer],
        description="What the model says, by words of an agent's instructions or prompt.",
    )
    runs: list[Literal["schedule", "test"]] = ["schedule"]
    apply: str | None = Field(
        default=None, description="Type of the fix to apply; None: the first there is."
    )
    meanwhile: Literal["a new day", "mail server connected", "gmail connected"] | None = Field(
        default=None, description="What happens elsewhere before the run is resumed."
    )
    resume: list[Resume] = Field(
        default=["partial"], description="How the last failed runs are resumed, the last one first."
    )
    show: Literal["last", "all"] = Field(
        default="last", description="Which runs of 1_raw.jsonl the goldens show."
    )


def slugs() -> list[str]:
    return sorted(folder.name for folder in CASES.iterdir() if folder.is_dir())


def read_case(slug: str) -> Case:
    return Case.model_validate(yaml.safe_load((CASES / slug / "0_case.yaml").read_text("utf-8")))


@dataclass
class Goldens:
    """The numbered files of one case, compared or, when *updating*, written."""

    folder: Path
    since: datetime
    updating: bool
    port: int = 0
    seen: set[str] = field(default_factory=set[str])
    differences: list[str] = field(default_factory=list[str])

    def check_json(self, name: str, value: Any) -> None:
        text = json.dumps(stable(value, self.since), indent=2, ensure_ascii=False)
        self.check(name, f"{text}\n")

    def check(self, name: str, text: str) -> None:
        if self.port:
            text = text.replace(f"127.0.0.1:{self.port}", "127.0.0.1:<port>")
        self.seen.add(name)
        path = self.folder / name
        if self.updating:
            path.write_text(text, encoding="utf-8")
        elif not path.exists():
            self.differences.append(f"{path} is missing; it would be:\n{text}")
        elif (golden := path.read_text(encoding="utf-8")) != text:
            lines = difflib.unified_diff(
                golden.splitlines(), text.splitlines(), f"{name} (golden)", f"{name} (now)", n=2
            )
            self.differences.append("\n".join(line.rstrip("\n") for line in lines))

    def finish(self) -> None:
        """Fails with every difference, and for a file that no stage makes any more."""
        given = {"0_case.yaml", RAW_LINES}
        for path in sorted(self.folder.iterdir()):
            if path.name not in self.seen | given:
                if self.updating:
                    path.unlink()
                else:
                    self.differences.append(f"{path} is made by no stage any more.")
        assert not self.differences, "\n\n".join(
            [*self.differences, "If it is meant: UPDATE_GOLDEN=1, then read the diff."]
        )


def stable(value: Any, since: datetime) -> Any:
    """*value* without what differs between two runs: ids, times from *since* on, our own lines."""
    if isinstance(value, Mapping):
        fields = dict(cast("Mapping[str, Any]", value))
        if fields.get("field") in _OURS:  # where it stands moves with our own lines
            fields |= {"start": "<start>", "end": "<end>"}
        return {
            key: _mark(key) or stable(item, since) if item is not None else None
            for key, item in fields.items()
        }
    if isinstance(value, list | tuple):
        return [stable(item, since) for item in cast("Sequence[Any]", value)]
    if isinstance(value, str):
        text = _ID.sub(lambda found: f"<{found[1] or 'run'}>", value)
        return _TIME.sub(lambda found: _moment(found[0], since), text)
    return value


def _mark(key: str) -> str | None:
    """What stands in the golden in place of any value of *key*."""
    if key in _WHO:
        return "<person>"
    return f"<{key}>" if key in _OURS else None


def _moment(text: str, since: datetime) -> str:
    return "<now>" if datetime.fromisoformat(text) >= since else text
