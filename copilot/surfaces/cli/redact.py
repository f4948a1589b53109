"""`redact`: a text without its secrets and personal data; no database and no credit."""

from collections.abc import Mapping
from typing import IO, Any

import click

from ...errors import InvalidInput
from ._output import deliberate_errors, write_json_line
from .pure import map_lines, optional


@click.command()
@click.argument("file", type=click.File("rb"), default="-")
@click.option("--jsonl", is_flag=True, help='Line by line: {"text"} to {"text", "counts"}.')
@click.option("--json", "as_json", is_flag=True, help="One JSON line with text and counts.")
@click.option("--secrets-only", is_flag=True, help="Leave personal data as it is.")
@click.option("--phones", is_flag=True, help="Phone numbers too.")
@click.option("--addresses", is_flag=True, help="IP addresses too.")
@click.option("--quiet", is_flag=True, help="Don't say on standard error what was found.")
@deliberate_errors
def redact(
    file: IO[bytes],
    jsonl: bool,
    as_json: bool,
    secrets_only: bool,
    phones: bool,
    addresses: bool,
    quiet: bool,
) -> None:
    """Take secrets and personal data out of FILE or standard input, before it goes elsewhere.

    Each becomes a placeholder with its kind and a number, the same for the same value:
    [[openai-key:1]], [[email:2]]. Keys, passwords, tokens, e-mail addresses, card numbers, IBANs
    and US social security numbers are found by their form and by what stands around them; the
    secrets of this workspace in ASK_COPILOT_SECRETS_FILE wherever they are.

    Line ends and what is not UTF-8 stay as they are.
    """
    from ...redaction import Redactor

    redactor = Redactor(_known(), people=not secrets_only, phones=phones, addresses=addresses)
    if jsonl:

        def answer(data: Mapping[str, Any], where: str) -> dict[str, Any]:
            text = optional(data, "text", where)
            if text is None:
                raise InvalidInput(where, "no 'text'.", 'Write {"text": "…"} on each line.')
            found = redactor.redact(text)
            return {**_id(data), "text": found.text, "counts": dict(found.counts)}

        lines = (line.decode("utf-8-sig", "replace") for line in file)
        map_lines(lines, answer)
        return
    found = redactor.redact(file.read().decode("utf-8", "surrogateescape"))
    if as_json:
        write_json_line({"text": found.text, "counts": dict(found.counts)})
        return
    click.echo(found.text.encode("utf-8", "surrogateescape"), nl=False)
    if not quiet:
        click.echo(_counted(found.counts), err=True)


def _known() -> Mapping[str, str]:
    """The secrets of this workspace. Raises InvalidInput."""
    from ...secrets import read_secrets
    from ...settings import load

    settings = load()
    return read_secrets(settings.secrets_file).get(settings.workspace, {})


def _id(data: Mapping[str, Any]) -> dict[str, Any]:
    return {"id": data["id"]} if isinstance(data.get("id"), str | int) else {}


def _counted(counts: Mapping[str, int]) -> str:
    if not counts:
        return "Nothing found."
    return ", ".join(f"{kind} {count}" for kind, count in sorted(counts.items()))
