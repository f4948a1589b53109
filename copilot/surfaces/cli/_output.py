"""How commands speak: one JSON document or text for people, and errors with a code and a way out."""

import functools
import json
import re
import shutil
import sys
from collections.abc import Callable
from dataclasses import asdict, is_dataclass
from typing import Any, NoReturn, ParamSpec, TypeVar

import click
from pydantic import BaseModel
from rich.console import Console

from knowledge_base import InvalidKnowledge

from ...characters import HIDDEN, SURROGATE
from ...errors import CopilotError
from .._errors import Exit, exit_code
from ._shown import block

PIPED_WIDTH = 200

P = ParamSpec("P")
R = TypeVar("R")


def console(*, stderr: bool = False, record: bool = False) -> Console:
    """Text for people; honours NO_COLOR and COLUMNS, and wraps late where there is no terminal."""
    width = shutil.get_terminal_size(fallback=(PIPED_WIDTH, 50)).columns
    return Console(stderr=stderr, highlight=False, emoji=False, record=record, width=width)


def write_json_line(value: Any) -> None:
    """One compact line on standard output, in which nothing is hidden."""
    click.echo(escaped(json.dumps(value, ensure_ascii=False, default=str)))


def write_json(value: Any) -> None:
    """One document on standard output, indented for the eye and for `jq` alike."""
    click.echo(escaped(json.dumps(value, ensure_ascii=False, indent=2, default=_plain)))


def escaped(document: str) -> str:
    """The same JSON: a terminal carries out nothing of it, and half a character passes too."""
    return SURROGATE.sub(_as_escape, HIDDEN.sub(_as_escape, document))


def _as_escape(found: re.Match[str]) -> str:
    return json.dumps(found.group())[1:-1]


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    return str(value)


def deliberate_errors(command: Callable[P, R]) -> Callable[P, R]:
    """Turn errors raised on purpose into a message, a stable code and an exit code.

    With --json among the arguments the error is a JSON document on standard output, so that a
    program reads success and failure from one place.
    """

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except (CopilotError, InvalidKnowledge) as error:
            fail(error, as_json=bool(kwargs.get("as_json")))
        except KeyboardInterrupt:
            click.echo(
                "Interrupted. Nothing is lost: a run goes on when you start it again.", err=True
            )
            sys.exit(Exit.INTERRUPTED)

    return run


def fail(error: Any, *, as_json: bool) -> NoReturn:
    """Show an error that has a `code` and end with its exit code."""
    diff: str = getattr(error, "diff", "")
    if as_json:
        body = {"code": error.code, "message": str(error), "retryable": error.retryable}
        write_json_line({"error": {**body, "fresh_diff": diff} if diff else body})
    else:
        shown = f"\n\n{block(diff.rstrip())}" if diff else ""
        click.echo(f"Error: {block(str(error))} [{error.code}]{shown}", err=True)
    sys.exit(exit_code(error.code))
