"""A case folder: what it is about, the files it needs, and its goldens."""

import csv
import difflib
import io
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, cast

import openpyxl
import yaml
from openpyxl.workbook.defined_name import DefinedName
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, JsonValue

CASES = Path(__file__).resolve().parents[2] / "fixtures" / "cases"
RAW_LINES = "1_raw.jsonl"

_ID = re.compile(r"\b(?:([a-z]+)_)?[0-9a-f]{32}\b")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)")
_ALWAYS = datetime.max.replace(tzinfo=UTC)
#: Fields that say where in our own sources something was raised.
_OURS = frozenset({"traceback"})
#: Who ran it: the owner of the command line here, the holder of a key over HTTP.
_WHO = frozenset({"started_by"})


class _Given(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Sheets(_Given):
    """A file: `sheets` by tab with named `ranges` for .xlsx, `rows` for .csv, `text` for others.

    The text stands in it so many `times`, as long documents are mostly more of the same.
    """

    text: str | None = None
    times: int = 1
    rows: list[list[Any]] = Field(default_factory=list[list[Any]])
    sheets: dict[str, list[list[Any]]] = Field(default_factory=dict[str, list[list[Any]]])
    ranges: dict[str, str] = Field(default_factory=dict[str, str])

    def content(self) -> bytes:
        if self.text is not None:
            return (self.text * self.times).encode()
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
    """What the model says if nothing is in its way; else the error that our runtimes raise then."""

    says: str
    needs_field: str | None = Field(
        default=None, description="A custom field that its workspace must have."
    )
    needs_seconds: float = Field(default=0, description="How long it must be waited for.")
    reads: int | None = Field(default=None, description="Tokens of the longest prompt it takes.")
    gone: str | None = Field(default=None, description="A model that is there no more.")
    declined_by: str | None = Field(default=None, description="A model that does not answer this.")
    busy: int = Field(default=0, description="So many questions of each run find it overloaded.")


class Service(_Given):
    """How one path of `http://service.example` answers. Its failures come first in each run."""

    returns: JsonValue = None
    fails: int = 0
    status: int = 503
    seconds: float = 0


Resume = Literal["full", "partial", "dependencies"]
Meanwhile = Literal[
    "a new day",
    "mail server connected",
    "gmail connected",
    "linkedin connected",
    "the limit resets",
]


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
    services: dict[str, Service] = Field(
        default_factory=dict[str, Service],
        description="What steps ask over HTTP, by its path; each path is of one case.",
    )
    now: AwareDatetime | None = Field(
        default=None, description="When it happens: a clock stands still there. None: now."
    )
    runtimes: list[str] = Field(
        default_factory=list[str],
        description="Of which models a fix may choose; the answers stay those above.",
    )
    runs: list[Literal["schedule", "test"]] = ["schedule"]
    apply: str | None = Field(
        default=None, description="Type of the fix or action to apply; None: the first fix."
    )
    meanwhile: Meanwhile | None = Field(
        default=None, description="What happens elsewhere before the run is resumed."
    )
    resume: list[Resume] = Field(
        default=["partial"], description="How the last failed runs are resumed, the last one first."
    )
    show: Literal["last", "all"] = Field(
        default="last", description="Which runs of 1_raw.jsonl the goldens show."
    )

    @property
    def is_apart(self) -> bool:
        """Whether it needs a product of its own, set up otherwise."""
        return self.now is not None or bool(self.runtimes)


def slugs() -> list[str]:
    return sorted(folder.name for folder in CASES.iterdir() if folder.is_dir())


def read_case(slug: str) -> Case:
    return Case.model_validate(yaml.safe_load((CASES / slug / "0_case.yaml").read_text("utf-8")))


@dataclass
class Goldens:
    """The numbered files of one case, compared or, when *updating*, written.

    Times from *since* to *until* are those of the test itself.
    """

    folder: Path
    since: datetime
    updating: bool
    port: int = 0
    until: datetime = _ALWAYS
    seen: set[str] = field(default_factory=set[str])
    differences: list[str] = field(default_factory=list[str])

    def check_json(self, name: str, value: Any) -> None:
        marked = stable(value, self.since, until=self.until)
        self.check(name, f"{json.dumps(marked, indent=2, ensure_ascii=False)}\n")

    def check_words(self, name: str, text: str) -> None:
        """Sentences that may name a run."""
        self.check(name, f"{stable(text, self.since, until=self.until)}\n")

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


def stable(value: Any, since: datetime, *, until: datetime = _ALWAYS) -> Any:
    """*value* without what differs between two runs: ids, times since then, our own lines."""
    if isinstance(value, Mapping):
        fields = dict(cast("Mapping[str, Any]", value))
        if fields.get("field") in _OURS:  # where it stands moves with our own lines
            fields |= {"start": "<start>", "end": "<end>"}
        return {
            key: _mark(key) or stable(item, since, until=until) if item is not None else None
            for key, item in fields.items()
        }
    if isinstance(value, list | tuple):
        return [stable(item, since, until=until) for item in cast("Sequence[Any]", value)]
    if isinstance(value, str):
        text = _ID.sub(lambda found: f"<{found[1] or 'run'}>", value)
        return _TIME.sub(lambda found: _moment(found[0], since, until), text)
    return value


def _mark(key: str) -> str | None:
    """What stands in the golden in place of any value of *key*."""
    if key in _WHO:
        return "<person>"
    return f"<{key}>" if key in _OURS else None


def _moment(text: str, since: datetime, until: datetime) -> str:
    return "<now>" if since <= datetime.fromisoformat(text) < until else text
