"""`resource`: templates, custom fields, integrations and documents of the workspace."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import click
from rich.text import Text

from ...errors import InvalidInput
from ...settings import Settings
from ...types.engine import RESOURCE_EXAMPLES, ResourceKind, StoredResource
from ..rest import strict_json
from ._lists import say_if_none, table_of
from ._output import console, write_json
from ._session import on_workspace, service
from ._shown import cell, line, moment

LARGEST = 1_000_000
_KINDS = click.Choice([kind.value for kind in ResourceKind])

of_kind = click.argument("kind", type=_KINDS)
named = click.argument("name")
only_version = click.option(
    "--version", type=click.IntRange(1), help="Only if this is still its version."
)


@click.group()
def resource() -> None:
    """Keep what workflows name: templates, custom fields, integrations and documents.

    KIND is template, custom_field, integration or document.
    """


@resource.command("list")
@click.argument("kind", type=_KINDS, required=False)
@on_workspace
def list_resources(kind: str | None, settings: Settings, as_json: bool) -> None:
    """List what is stored, or what is of one KIND."""
    with service(settings) as asked:
        found = asked.resources.list(None if kind is None else ResourceKind(kind))
    if as_json:
        write_json({"resources": list(found)})
    else:
        _show(found)


@resource.command("show")
@of_kind
@named
@on_workspace
def show_resource(kind: str, name: str, settings: Settings, as_json: bool) -> None:
    """Print the content of one as JSON, to be edited and set again.

    With --json its version is beside it.

    For example: ask-copilot resource show integration Gmail > gmail.json
    """
    with service(settings) as asked:
        found = asked.resources.get(ResourceKind(kind), name)
    write_json(found if as_json else found.content)


@resource.command("set")
@of_kind
@named
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True, dir_okay=False))
@only_version
@on_workspace
def set_resource(
    kind: str, name: str, file: Path, version: int | None, settings: Settings, as_json: bool
) -> None:
    """Store the JSON object in FILE, or on standard input (-), as the whole content of NAME.

    A template has subject and body, a custom field label and type, an integration type, connected
    and settings (never a secret), a document a path.

    For example: echo '{"type": "gmail", "connected": true}' | ask-copilot resource set integration
    Gmail -
    """
    content = _content(file, ResourceKind(kind))
    with service(settings) as asked:
        stored = asked.resources.put(ResourceKind(kind), name, content, expected_version=version)
    if as_json:
        write_json(stored)
        return
    console().print(Text(f"Stored: {_spoken(stored)}, version {stored.version}."))


@resource.command("delete")
@of_kind
@named
@only_version
@on_workspace
def delete_resource(
    kind: str, name: str, version: int | None, settings: Settings, as_json: bool
) -> None:
    """Take one away. Steps that name it fail from then on."""
    with service(settings) as asked:
        asked.resources.delete(ResourceKind(kind), name, expected_version=version)
    if as_json:
        write_json({"deleted": {"kind": kind, "name": name}})
    else:
        console().print(Text(f"Deleted: {kind} '{line(name)}'."))


def _content(file: Path, kind: ResourceKind) -> Mapping[str, Any]:
    """Raises InvalidInput for what is no JSON object, with one that is right for *kind*."""
    data = _read(file)
    advice = f"Write for example {json.dumps(RESOURCE_EXAMPLES[kind])}."
    try:
        strict_json.check(data)
        content = json.loads(data)
    except strict_json.InvalidJson as error:
        raise InvalidInput("FILE", str(error).replace("The body", "It"), advice) from None
    if not isinstance(content, dict):
        raise InvalidInput("FILE", "it is no JSON object.", advice)
    return cast("dict[str, Any]", content)


def _read(file: Path) -> bytes:
    try:
        with click.open_file(str(file), "rb") as opened:
            data = opened.read(LARGEST + 1)
    except OSError as error:
        raise InvalidInput("FILE", f"{error.strerror}.", "") from None
    if len(data) > LARGEST:
        raise InvalidInput("FILE", f"larger than {LARGEST:,} bytes.", "")
    return data.removeprefix(b"\xef\xbb\xbf")


def _show(found: Sequence[StoredResource]) -> None:
    out = console()
    table = table_of(4)
    for one in found:
        about = cell(_about(one))
        table.add_row(one.kind.value, cell(one.name), f"version {one.version}", about)
    out.print(table)
    say_if_none(out, found, "Nothing is stored. See ask-copilot resource set --help.")


def _about(one: StoredResource) -> str:
    """What tells it apart, in a few words."""
    at = moment(one.updated_at)
    if one.kind is ResourceKind.INTEGRATION:
        state = "connected" if one.content.get("connected") else "not connected"
        return f"{one.content.get('type')}, {state}, {at}"
    return at


def _spoken(one: StoredResource) -> str:
    return f"{one.kind.value} '{line(one.name)}'"
