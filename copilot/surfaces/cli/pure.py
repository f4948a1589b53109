"""`diagnose` and `normalize`: JSON Lines in, one JSON line out each; no database and no credit.

`diagnose --text` reads what a system printed, as it is.
"""

import io
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import IO, Any

import click

from knowledge_base import KnowledgeBase

from ...errors import InvalidInput, details
from ...sources.jsonl import decode
from ...types import Diagnosis, Normalized
from .._errors import exit_code
from ._output import console, deliberate_errors, write_json, write_json_line

JsonObject = dict[str, Any]

_LINES = click.File(encoding="utf-8-sig", errors="replace")


@click.command()
@click.argument("file", type=click.File("rb"), default="-")
@click.option(
    "--text", "as_text", is_flag=True, help="FILE is what a system printed, in any known format."
)
@click.option(
    "--json", "as_json", is_flag=True, help="With --text: one JSON document, not text for people."
)
@deliberate_errors
def diagnose(file: IO[bytes], as_text: bool, as_json: bool) -> None:
    """Say what kind of failure each error is, on what evidence, and what to do.

    With --text, FILE (or standard input) is output of pytest, GitHub Actions, Airflow, LangGraph,
    n8n or Kubernetes, a traceback, a log or one line: the failures in it are found and explained.

    Without it, FILE is JSON Lines, each with "message" and, where known, "id", "error_type",
    "traceback" and "step_action". One JSON line is written for each, in order; a line that can't be
    read gets an error in its place.
    """
    if as_text:
        _diagnose_text(file, as_json=as_json)
    else:
        lines = io.TextIOWrapper(file, encoding="utf-8-sig", errors="replace")
        try:
            _diagnose_lines(lines)
        finally:
            lines.detach()  # whoever opened the file closes it


def _diagnose_text(file: IO[bytes], *, as_json: bool) -> None:
    from ...pasted import read_pasted
    from ...sources.text import fetch
    from ._pasted_view import show_pasted

    found = read_pasted(fetch(file), installed_knowledge())
    if as_json:
        write_json(found)
    else:
        show_pasted(console(), found)


def installed_knowledge() -> KnowledgeBase:
    """What is shipped, with the entries of ASK_COPILOT_KNOWLEDGE. Raises InvalidKnowledge."""
    from knowledge_base import load
    from knowledge_base.own import read_own, with_own

    from ...settings import load as load_settings

    folder = load_settings().knowledge
    return load() if folder is None else with_own(load(), read_own(folder))


def _diagnose_lines(lines: Iterable[str]) -> None:
    from ...pipeline.diagnose import diagnose as diagnose_error

    knowledge = installed_knowledge()

    def answer(data: Mapping[str, Any], where: str) -> JsonObject:
        message = _message(data, where)
        found = diagnose_error(
            message=message,
            error_type=optional(data, "error_type", where),
            traceback=optional(data, "traceback", where),
            step_action=optional(data, "step_action", where),
            knowledge=knowledge,
        )
        return {"id": _identifier(data), **_diagnosed(found)}

    map_lines(lines, answer)


@click.command()
@click.argument("file", type=_LINES, default="-")
@click.option("--json", is_flag=True, expose_value=False, help="As always: one JSON line each.")
@deliberate_errors
def normalize(file: IO[str]) -> None:
    """Reduce each error to what it has in common with others of its kind.

    Reads JSON Lines with "message" (and "error_type", where known) from FILE or standard input;
    writes signature, key, label, exemplar, entities and facets for each, in order.
    """
    from ...pipeline.normalize import normalize as normalize_error

    def answer(data: Mapping[str, Any], where: str) -> JsonObject:
        message = _message(data, where)
        return _normalized(normalize_error(message, error_type=optional(data, "error_type", where)))

    map_lines(file, answer)


def map_lines(lines: Iterable[str], answer: Callable[[Mapping[str, Any], str], JsonObject]) -> None:
    """One line out for each line in, so that the two can be read side by side."""
    failed: InvalidInput | None = None
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        where = f"line {number}"
        data: Mapping[str, Any] = {}
        try:
            data = decode(line, where)
            write_json_line(answer(data, where))
        except InvalidInput as error:
            failed = error
            write_json_line({"id": _identifier(data), "error": details(error)})
    if failed is not None:
        sys.exit(exit_code(failed.code))


def _identifier(data: Mapping[str, Any]) -> str | int | None:
    """The caller's own id; anything but a text or a whole number (NaN!) would not be JSON again."""
    value = data.get("id")
    return value if isinstance(value, str | int) else None


def _message(data: Mapping[str, Any], where: str) -> str:
    message = optional(data, "message", where)
    if message is None:
        raise InvalidInput(where, "no 'message'.", 'Write {"message": "…"} on each line.')
    return message


def optional(data: Mapping[str, Any], name: str, where: str) -> str | None:
    value = data.get(name)
    if value is not None and not isinstance(value, str):
        raise InvalidInput(where, f"{name!r} is not a text.", f'Write "{name}": "…".')
    return value


def _normalized(found: Normalized) -> JsonObject:
    return {
        "signature": found.signature,
        "key": found.key,
        "label": found.label,
        "exemplar": found.exemplar,
        "entities": [{"kind": one.kind, "value": one.value} for one in found.entities],
        "facets": dict(found.facets),
    }


def _diagnosed(found: Diagnosis) -> JsonObject:
    return {
        "root_cause": found.root_cause.value,
        "verdict": found.verdict.value,
        "evidence": [one.model_dump(mode="json") for one in found.evidence],
        "explanation": found.explanation,
        "suggested_fixes": [one.model_dump(mode="json") for one in found.fixes],
        "retry_helps": found.retry_helps,
        "entry": found.entry,
    }
