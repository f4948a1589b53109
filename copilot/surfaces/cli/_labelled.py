"""Labelled failures, one JSON object a line, for measuring the rules."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import click

from knowledge_base import ROOT_CAUSES, Example
from knowledge_base.coverage import Labelled

from ...errors import InvalidInput
from ...names import candidates
from ...sources.jsonl import decode

_PARTS = ("error_type", "traceback", "step_action", "code")


def read_labelled(file: Path) -> Iterator[Labelled]:
    """The failures of *file*. Raises InvalidInput with the line, UsageError without a file."""
    try:
        lines = file.open(encoding="utf-8-sig", errors="replace")
    except OSError as error:
        raise click.UsageError(
            f"{file}: {error.strerror}. Name labelled failures with --corpus."
        ) from None
    with lines:
        for number, line in enumerate(lines, start=1):
            if line.strip():
                where = f"{file.name}, line {number}"
                yield _labelled(decode(line, where), where)


def _labelled(data: Mapping[str, Any], where: str) -> Labelled:
    message = data.get("message")
    if not isinstance(message, str):
        raise InvalidInput(where, "no 'message'.", 'Write {"message": "…", "root_cause": "…"}.')
    others: Any = data.get("also_ok") or []
    parts = {name: data[name] for name in _PARTS if isinstance(data.get(name), str)}
    return Labelled(
        Example(message=message, **parts),
        _cause(data.get("root_cause"), where),
        frozenset(_cause(one, where) for one in cast("list[Any]", others)),
    )


def _cause(value: Any, where: str) -> str:
    if value in ROOT_CAUSES:
        return str(value)
    near = candidates(str(value)[:80], ROOT_CAUSES) or ROOT_CAUSES
    problem = f"{str(value)[:80]!r} is no root cause."
    raise InvalidInput(where, problem, f"Did you mean {', '.join(near)}?")
