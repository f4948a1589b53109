"""`init` and `db`: a place for the data, its first owner, and its tables."""

import click

from ...demo import install_example
from ...settings import Settings
from ._output import console, write_json
from ._render import key_text
from ._session import here, on_database


@click.command()
@click.option("--example", is_flag=True, help="With the workflow and workbook of the demo.")
@on_database
def init(example: bool, settings: Settings, as_json: bool) -> None:
    """Make the data folder with its database, the workspace and its first owner. Safe to repeat.

    The owner's API key is shown this once, and not stored. Commands on this machine need none; it
    is for `ask-copilot serve`.
    """
    with here(settings) as app:
        files = settings.files / settings.workspace
        files.mkdir(parents=True, exist_ok=True)
        key = app.access.first_owner(settings.workspace, settings.user)
        workflow = install_example(app) if example else None
    if as_json:
        document = {"data": str(settings.data), "files": str(files), "workflow": workflow}
        write_json({**document, "key": key})
        return
    out = console()
    out.print(f"Ready: {settings.data}", markup=False)
    out.print(f"Workflows read and write files in {files}", markup=False)
    if key is not None:
        out.print(key_text(key))
    next_step = workflow or "workflow.yaml"
    out.print(f"Next:  ask-copilot run {next_step}", markup=False)


@click.group()
def db() -> None:
    """The database."""


@db.command()
@on_database
def upgrade(settings: Settings, as_json: bool) -> None:
    """Bring the tables up to this release. Every command does so too; this one does only that."""
    if settings.database_url is None and not settings.data.is_dir():
        raise click.UsageError(f"There is no {settings.data} here. Run `ask-copilot init` first.")
    with here(settings):
        pass
    if as_json:
        write_json({"database": shown_address(settings.database), "status": "up to date"})
    else:
        console().print("The database is up to date.")


def shown_address(url: str) -> str:
    """The address of a database without its password."""
    before, at, after = url.rpartition("@")
    return f"{before.split('://')[0]}://{after}" if at else url
