"""Building blocks of generated workflows: steps around the faulty one, tables, names."""

import copy
import csv
import io
import json
import random
from collections.abc import Mapping, Sequence
from typing import TypeAlias

import openpyxl
from openpyxl.workbook.defined_name import DefinedName
from pydantic import JsonValue

from .behaviours import Behaviour
from .case import Case, Definition, Ending
from .words import PEOPLE, STEPS, TONGUES, misspelt

Step: TypeAlias = dict[str, JsonValue]
Row: TypeAlias = dict[str, str]
#: Stands where the name in question goes, until it is spelled.
SPOT = "@@spot@@"
MOST_AROUND = 4


class Plot:
    """One workflow in the making. All that is chosen comes from *seed*."""

    def __init__(self, seed: str, kind: str) -> None:
        self.rng = random.Random(seed)  # noqa: S311 - to be had again, not secret
        self.kind = kind
        self.tongue = self.rng.choice(TONGUES)
        self.key = f"#{self.rng.randrange(36**6):06d}{len(seed)}x{self.rng.randrange(10**6):06d}"
        self._free = self.rng.sample(STEPS, len(STEPS))

    def id(self) -> str:
        """A step id that nobody has yet."""
        return self._free.pop()

    def columns(self) -> list[str]:
        others = self.rng.sample(self.tongue.columns, self.rng.randint(1, 4))
        return [self.tongue.name, self.tongue.address, *others]

    def rows(self, columns: Sequence[str], count: int | None = None) -> list[Row]:
        numbers = range(count or self.rng.randint(2, 7))
        return [{name: self._cell(name, number) for name in columns} for number in numbers]

    def _cell(self, column: str, number: int) -> str:
        if column == self.tongue.name:
            return self.rng.choice(PEOPLE)
        if column == self.tongue.address:
            return f"person{number}@{self.rng.choice(('acme', 'globex', 'initech'))}.example"
        return self.rng.choice(("Köln", "Acme Ltd", "120", "2026-11-30", "n/a", "Umbrella & Co"))

    def misspelt(self, name: str, taken: Sequence[str] = ()) -> str:
        return misspelt(self.rng, name, taken)

    def ask(self, prompt: str, **settings: JsonValue) -> Step:
        """An agent's step whose prompt says which case it belongs to."""
        text = f"{prompt} (Case {self.key}.)"
        return {"id": self.id(), "type": "agent", "prompt": text, **settings}

    def around(self, count: int) -> list[Step]:
        """Steps that have nothing to do with the fault."""
        found: list[Step] = []
        for _ in range(count):
            earlier = [one["id"] for one in found if one["action"] == "render_template"]
            said: JsonValue = f"{{{{ {earlier[-1]}.body }}}}" if earlier else self.tongue.name
            if self.rng.random() < 0.6:
                body = self.rng.choice(("Notiz: {x}", "Today's list. {x}", "Résumé : {x}"))
                given: Step = {"body": body, "values": {"x": said}}
                found.append(tool(self.id(), "render_template", **given))
            else:
                path = f"out/{self.rng.randrange(1000)}.txt"
                found.append(tool(self.id(), "write_file", path=path, content=said))
        return found

    def nested(self, steps: list[Step]) -> list[Step]:
        """*steps* as they are, or inside a branch, a parallel step or a loop, or inside two."""
        found = self._wrapped(steps)
        return self._wrapped(found) if self.rng.random() < 0.25 else found

    def _wrapped(self, steps: list[Step]) -> list[Step]:
        inside: list[JsonValue] = [*steps]
        other: list[JsonValue] = [*self.around(1)]
        match self.rng.choice(("flat", "flat", "branch", "parallel", "loop")):
            case "branch":
                ways: list[JsonValue] = [{"id": "usual", "steps": inside}]
                return [{"id": self.id(), "type": "branch", "default": "usual", "branches": ways}]
            case "parallel":
                ways = [{"id": "main", "steps": inside}, {"id": "side", "steps": other}]
                self.rng.shuffle(ways)
                return [{"id": self.id(), "type": "parallel", "branches": ways}]
            case "loop":
                items: JsonValue = [f"part {number}" for number in range(self.rng.randint(1, 3))]
                own = self.id()
                loop: Step = {"for_each": items, "max_iterations": 5, "as": f"of_{own}"}
                return [{"id": own, "type": "loop", **loop, "steps": inside}]
            case _:
                return steps

    def nested_once(self, steps: list[Step]) -> list[Step]:
        """As `nested`, but never in a loop, for steps that are counted or take their time."""
        while True:
            found = self.nested(steps)
            if '"loop"' not in json.dumps(found):
                return found

    def definition(self, steps: Sequence[Step], **settings: JsonValue) -> Definition:
        before = self.around(self.rng.randint(0, MOST_AROUND))
        after = self.around(self.rng.randint(0, MOST_AROUND))
        listed: list[JsonValue] = [*before, *steps, *after]
        for step in (*before, *after):
            if self.rng.random() < 0.3:
                step["name"] = self.rng.choice(self.tongue.workflows)
        return {"name": self.rng.choice(self.tongue.workflows), **settings, "steps": listed}

    def templates(self, *, but: Sequence[str] = ()) -> dict[str, Definition]:
        """Others that the workspace has."""
        names = [one for one in self.tongue.templates if one not in but]
        chosen = self.rng.sample(names, self.rng.randint(0, len(names)))
        return {name: self.template() for name in chosen}

    def template(self) -> Definition:
        return {"subject": "Re: {x}", "body": f"{{{self.tongue.name}}}\n\n{{x}}\n"}

    def case(
        self,
        definition: Definition,
        *causes: str,
        meant: Definition | None = None,
        files: Mapping[str, bytes] | None = None,
        templates: Mapping[str, Definition] | None = None,
        integrations: Mapping[str, Definition] | None = None,
        behaviour: Behaviour | None = None,
        flaky: int = 0,
        ending: Ending = "fixed",
    ) -> Case:
        return Case(
            self.kind,
            self.key,
            frozenset(causes),
            definition,
            meant=meant,
            files=files or {},
            templates=templates or {},
            integrations=integrations or {},
            behaviour=behaviour,
            flaky=flaky,
            ending=ending,
        )


def tool(step_id: str, action: str, /, **parameters: JsonValue) -> Step:
    return {"id": step_id, "action": action, "with": parameters}


def whole(step: Step) -> str:
    """A reference to all that *step* gives."""
    return f"{{{{ {step['id']} }}}}"


def spelled(definition: Definition, name: str) -> Definition:
    """*definition* with *name* wherever the spot is."""
    text = json.dumps(definition).replace(SPOT, json.dumps(name)[1:-1])
    found: Definition = json.loads(text)
    return copy.deepcopy(found)


def as_csv(rows: Sequence[Row]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def as_book(rows: Sequence[Row], *, sheets: Sequence[str], ranges: Sequence[str]) -> bytes:
    """A workbook with the same rows in each sheet; every range is those of the first."""
    book = openpyxl.Workbook()
    book.remove(book.worksheets[0])
    for title in sheets:
        sheet = book.create_sheet(title)
        sheet.append(list(rows[0]))
        for row in rows:
            sheet.append(list(row.values()))
    last = f"{chr(ord('A') + len(rows[0]) - 1)}${len(rows) + 1}"
    for name in ranges:
        area = f"'{sheets[0]}'!$A$1:${last}"
        book.defined_names[name] = DefinedName(name, attr_text=area)
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()
