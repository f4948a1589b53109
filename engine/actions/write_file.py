"""Writes a file into the workspace's folder."""

import asyncio
import json
import os
import tempfile
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from ..definition.expressions import as_text
from ..errors import Conflict, InvalidData, PermissionDenied
from . import ActionContext
from ._folder import place

LARGEST_FILE = 20_000_000
repeatable = True
effect = "acts"


class Parameters(BaseModel):
    model_config = ConfigDict(extra="forbid")

    path: str = Field(min_length=1, max_length=500, description="Below the workspace's folder.")
    content: Any = Field(description="Text is written as it is, anything else as JSON.")


async def run(parameters: Parameters, context: ActionContext) -> dict[str, Any]:
    """`{path, bytes}`. A file that is there is replaced as a whole, never half.

    Raises `PermissionDenied` for a path out of the folder, `Conflict` for one that is a folder or
    lies below a file, and `InvalidData` for content that is too large.
    """
    data = _bytes(parameters.content)
    target = place(context.files, parameters.path)
    await asyncio.to_thread(_replace, target, data, parameters.path)
    return {"path": parameters.path, "bytes": len(data)}


def _bytes(content: Any) -> bytes:
    text = content if isinstance(content, str) else _json(content)
    try:
        data = text.encode()
    except UnicodeEncodeError as error:
        raise InvalidData(
            f"The text holds half a character at {error.start}",
            kind="plain",
            field="content",
            value=None,
        ) from error
    if len(data) > LARGEST_FILE:
        raise InvalidData(
            f"The content is larger than {LARGEST_FILE // 1_000_000} MB",
            kind="size",
            field="content",
            value=len(data),
        )
    return data


def _json(content: Any) -> str:
    try:
        return json.dumps(content, ensure_ascii=False, indent=2, default=as_text) + "\n"
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidData(
            f"The content can't be written as JSON: {error}",
            kind="plain",
            field="content",
            value=None,
        ) from error


def _replace(target: Path, data: bytes, name: str) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        number, temporary = tempfile.mkstemp(dir=target.parent, prefix=".writing-")
        try:
            with os.fdopen(number, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).replace(target)
        finally:
            Path(temporary).unlink(missing_ok=True)
    except (IsADirectoryError, NotADirectoryError, FileExistsError) as error:
        raise Conflict(f"{name} can't be a file here: {error.strerror}", name=name) from error
    except OSError as error:
        raise PermissionDenied(
            f"{name} can't be written: {error.strerror}", kind="write", name=name
        ) from error
