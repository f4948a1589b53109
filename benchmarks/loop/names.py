"""Faults in names: templates, ranges, sheets, files, columns, outputs."""

from collections.abc import Mapping

from pydantic import JsonValue

from .behaviours import Tells
from .case import Case, Definition
from .plot import SPOT, Plot, Step, as_book, as_csv, spelled, tool, whole


def missing_template(plot: Plot) -> Case:
    """A template nobody has made yet."""
    name = plot.rng.choice(plot.tongue.templates)
    definition = plot.definition(plot.nested([_rendered(plot, name)]))
    return plot.case(definition, "missing_template", templates=plot.templates(but=[name]))


def misspelt_template(plot: Plot) -> Case:
    name = plot.rng.choice(plot.tongue.templates)
    others = plot.templates(but=[name])
    definition = plot.definition(plot.nested([_rendered(plot, SPOT)]))
    return _misspelt(
        plot,
        definition,
        name,
        "missing_template",
        templates={**others, name: plot.template()},
    )


def _rendered(plot: Plot, template: str) -> Step:
    values: Step = {plot.tongue.name: "Ada", "x": plot.tongue.workflows[0]}
    return tool(plot.id(), "render_template", template=template, values=values)


def misspelt_range(plot: Plot) -> Case:
    ranges = plot.rng.sample(plot.tongue.ranges, plot.rng.randint(1, 4))
    return _in_a_book(plot, "range", ranges[0], ranges=ranges)


def misspelt_sheet(plot: Plot) -> Case:
    sheets = plot.rng.sample(plot.tongue.sheets, plot.rng.randint(1, 3))
    return _in_a_book(plot, "sheet", sheets[0], sheets=sheets)


def renamed_range(plot: Plot) -> Case:
    """The sheet's only range has got another name."""
    old, new = plot.rng.sample(plot.tongue.ranges, 2)
    return _in_a_book(plot, "range", new, ranges=[new], wrong=old)


def _in_a_book(
    plot: Plot,
    parameter: str,
    name: str,
    *,
    sheets: list[str] | None = None,
    ranges: list[str] | None = None,
    wrong: str | None = None,
) -> Case:
    sheets = sheets or [plot.tongue.sheets[0]]
    book = as_book(plot.rows(plot.columns()), sheets=sheets, ranges=ranges or [])
    read = tool(plot.id(), "read_sheet", file="book.xlsx", **{parameter: SPOT})
    saved = tool(plot.id(), "write_file", path="rows.json", content=whole(read))
    definition = plot.definition(plot.nested([read, saved]))
    taken = [*sheets, *(ranges or [])]
    wrong = wrong or plot.misspelt(name, taken)
    return plot.case(
        spelled(definition, wrong),
        "missing_resource",
        meant=spelled(definition, name),
        files={"book.xlsx": book},
    )


def misspelt_file(plot: Plot) -> Case:
    name = f"{plot.rng.choice(plot.tongue.ranges).lower()}.csv"
    read = tool(plot.id(), "read_sheet", file=SPOT)
    definition = plot.definition(plot.nested([read]))
    files = {name: as_csv(plot.rows(plot.columns())), "zz-9.csv": b"a,b\n1,2\n"}
    stem = plot.misspelt(name.removesuffix(".csv"))
    meant = spelled(definition, name)
    wrong = spelled(definition, f"{stem}.csv")
    return plot.case(wrong, "missing_resource", meant=meant, files=files)


def misspelt_column(plot: Plot) -> Case:
    """A placeholder of a text that is no column of the rows."""
    columns = plot.columns()
    name = plot.rng.choice(columns)
    read = tool(plot.id(), "read_sheet", file="people.csv")
    line = {"to": f"{{{SPOT}}}"} if plot.rng.random() < 0.2 else {}
    body = f"-- {{{plot.tongue.name}}}: {{{SPOT}}} --"
    fill = tool(plot.id(), "render_template", body=body, rows=whole(read), **line)
    if line:
        fill["with"] = {"body": f"{{{plot.tongue.name}}}", "rows": whole(read), **line}
    definition = plot.definition([read, *plot.nested([fill])])
    files = {"people.csv": as_csv(plot.rows(columns))}
    return _misspelt(plot, definition, name, "missing_field", taken=columns, files=files)


def misspelt_placeholder(plot: Plot) -> Case:
    """A placeholder of a stored template that is no column of the rows."""
    columns = plot.columns()
    name, wrong = columns[-1], plot.misspelt(columns[-1], columns)
    template = plot.rng.choice(plot.tongue.templates)
    read = tool(plot.id(), "read_sheet", file="people.csv")
    fill = tool(plot.id(), "render_template", template=template, rows=whole(read))
    definition = plot.definition([read, *plot.nested([fill])])
    content: Definition = {"subject": "Hello", "body": f"{{{plot.tongue.name}}}: {{{wrong}}}"}
    return plot.case(
        definition,
        "missing_field",
        files={"people.csv": as_csv(plot.rows([*columns[:-1], name]))},
        templates={template: content},
    )


def misspelt_filter(plot: Plot) -> Case:
    """A condition on a column that the rows don't have."""
    columns = plot.columns()
    name = plot.rng.choice(columns)
    read = tool(plot.id(), "read_sheet", file="people.csv")
    condition: JsonValue = {"field": SPOT, "op": plot.rng.choice(("is_not_empty", "is_empty"))}
    keep = tool(plot.id(), "filter_rows", rows=whole(read), where=[condition])
    definition = plot.definition([read, *plot.nested([keep])])
    files = {"people.csv": as_csv(plot.rows(columns))}
    return _misspelt(plot, definition, name, "missing_field", taken=columns, files=files)


def misspelt_answer(plot: Plot) -> Case:
    """A part of an agent's answer by a name it does not have."""
    parts = plot.rng.sample(("summary", "verdict", "reply", "next_step", "score_total"), 3)
    asked = plot.ask("Answer in JSON.", output="json")
    reads = f"{{{{ {asked['id']}.{SPOT} }}}}"
    text = tool(plot.id(), "render_template", body="{x}", values={"x": f"Said: {reads}"})
    definition = plot.definition([asked, *plot.nested([text])])
    name = parts[0]
    wrong = plot.misspelt(name, parts)
    return plot.case(
        spelled(definition, wrong),
        "missing_step_output",
        meant=spelled(definition, name),
        behaviour=Tells(tuple(parts)),
    )


def misspelt_item(plot: Plot) -> Case:
    """A column of a loop's row by a name it does not have."""
    columns = [one for one in plot.columns() if one.isidentifier() and one.isascii()]
    columns = [*columns, "amount", "due_date"]
    read = tool(plot.id(), "read_sheet", file="people.csv")
    note = tool(
        plot.id(), "render_template", body="{x}", values={"x": f"{{{{ row.item.{SPOT} }}}}"}
    )
    loop: Step = {"id": plot.id(), "type": "loop", "for_each": whole(read), "as": "row"}
    loop |= {"max_iterations": 20, "steps": [note]}
    definition = plot.definition([read, *plot.nested([loop])])
    files = {"people.csv": as_csv(plot.rows(columns))}
    name = plot.rng.choice(columns)
    return _misspelt(plot, definition, name, "missing_step_output", taken=columns, files=files)


def misspelt_reference(plot: Plot) -> Case:
    """The output of a step by a name it does not have."""
    text = tool(plot.id(), "render_template", subject="Re", body="A letter")
    field = plot.rng.choice(("body", "subject"))
    reads = f"{{{{ {text['id']}.{SPOT} }}}}"
    use = tool(plot.id(), "write_file", path="said.txt", content=f"Said: {reads}")
    definition = plot.definition([text, *plot.nested([use])])
    return _misspelt(plot, definition, field, "missing_step_output", taken=["body", "subject"])


def _misspelt(
    plot: Plot,
    definition: Definition,
    name: str,
    cause: str,
    *,
    taken: list[str] | None = None,
    files: Mapping[str, bytes] | None = None,
    templates: Mapping[str, Definition] | None = None,
) -> Case:
    wrong = plot.misspelt(name, taken or list(templates or ()))
    return plot.case(
        spelled(definition, wrong),
        cause,
        meant=spelled(definition, name),
        files=files,
        templates=templates,
    )
