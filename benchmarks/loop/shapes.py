"""Faults in how steps fit together: what they read, how often they go round, how much they read."""

from pydantic import JsonValue

from .behaviours import Looks, Reads
from .case import Case
from .plot import SPOT, Plot, as_csv, spelled, tool, whole

ROOM = 600


def renamed_output(plot: Plot) -> Case:
    """A list that is read by a part it never had."""
    columns = plot.columns()
    read = tool(plot.id(), "read_sheet", file="people.csv")
    part = plot.rng.choice(("rows", "contacts", "items", "daten", "lignes"))
    body = f"- {{{plot.rng.choice(columns)}}}"
    fill = tool(plot.id(), "render_template", body=body, rows=SPOT)
    definition = plot.definition([read, *plot.nested([fill])])
    return plot.case(
        spelled(definition, f"{{{{ {read['id']}.{part} }}}}"),
        "missing_step_output",
        meant=spelled(definition, whole(read)),
        files={"people.csv": as_csv(plot.rows(columns))},
    )


def renamed_input(plot: Plot) -> Case:
    """A value that a text asks for and that only the workflow's inputs have."""
    field = plot.rng.choice(("company", "region", "month", "signature", "deadline", "plan"))
    body = f"{{{plot.tongue.name}}}: {{{field}}}"
    values: JsonValue = {plot.tongue.name: plot.rng.choice(("Ada", "Zoë"))}
    hello = tool(plot.id(), "render_template", body=body, values=values)
    inputs: JsonValue = {field: {"default": "Acme"}, "unrelated": {"default": "x"}}
    definition = plot.definition(plot.nested([hello]), inputs=inputs)
    return plot.case(definition, "missing_field")


def bad_rows(plot: Plot) -> Case:
    """Some rows have no address that a mail can be sent to."""
    columns = plot.columns()
    rows = plot.rows(columns, plot.rng.randint(3, 8))
    for row in plot.rng.sample(rows, plot.rng.randint(1, 2)):
        row[plot.tongue.address] = plot.rng.choice(("", "n/a", "ada(at)acme", "bob@", "?"))
    read = tool(plot.id(), "read_sheet", file="people.csv")
    line = plot.rng.choice((f"{{{plot.tongue.address}}}", "{name} <{address}>"))
    line = line.replace("{name}", "Contact").replace("{address}", f"{{{plot.tongue.address}}}")
    fill = tool(plot.id(), "render_template", body="Dear reader", to=line, rows=whole(read))
    send = tool(plot.id(), "send_email", messages=whole(fill))
    definition = plot.definition([read, *plot.nested([fill, send])])
    return plot.case(definition, "invalid_data", files={"people.csv": as_csv(rows)})


def loop_bound(plot: Plot) -> Case:
    """More items than the loop may go round."""
    columns = plot.columns()
    count = plot.rng.randint(4, 12)
    read = tool(plot.id(), "read_sheet", file="people.csv")
    note = tool(plot.id(), "render_template", body="{x}", values={"x": "{{ loop.item }}"})
    loop: dict[str, JsonValue] = {
        "id": plot.id(),
        "type": "loop",
        "for_each": whole(read),
        "max_iterations": plot.rng.randint(max(1, count // 3), count - 1),
        "steps": [note],
    }
    definition = plot.definition([read, loop])
    files = {"people.csv": as_csv(plot.rows(columns, count))}
    return plot.case(definition, "turn_limit", files=files)


def turn_limit(plot: Plot) -> Case:
    """An agent that has to look a few times more than it may."""
    allowed = plot.rng.randint(1, 8)
    needed = plot.rng.randint(allowed, 2 * allowed - 1)
    looked: JsonValue = [{"name": "filter_rows", "with": {"rows": [], "where": []}}]
    agent = plot.ask("Look it up.", tools=looked, max_turns=allowed)
    definition = plot.definition(plot.nested([agent]))
    return plot.case(definition, "turn_limit", behaviour=Looks(needed, "filter_rows"))


def too_many_documents(plot: Plot) -> Case:
    """Every agent reads every document, though each needs one."""
    topics = plot.tongue.topics
    asked = [plot.ask(question) for question in topics.values()]
    count = plot.rng.randint(2, len(asked))
    names: list[JsonValue] = []
    names += [*topics][:count]
    text = "Lorem ipsum dolor sit amet. " * (ROOM // 28 // 2)
    definition = plot.definition(asked[:count], documents=names)
    files = {str(name): text.encode() for name in names}
    room = Reads(ROOM)
    return plot.case(definition, "context_length", files=files, behaviour=room)


def too_long_list(plot: Plot) -> Case:
    """A list that is more than the model can read at once."""
    columns = plot.columns()
    read = tool(plot.id(), "read_sheet", file="people.csv")
    agent = plot.ask(f"What do they have in common? {whole(read)}")
    definition = plot.definition([read, *plot.nested([agent])])
    files = {"people.csv": as_csv(plot.rows(columns, plot.rng.randint(12, 20)))}
    return plot.case(definition, "context_length", files=files, behaviour=Reads(ROOM))
