"""`learning`, `feedback`, `autonomy` and `case`: how well fixes hold, and what follows from that."""

from pathlib import Path

import click

from ...errors import InvalidInput
from ...settings import Settings
from ...types.learning import GoldenCase, Level
from ._learned import show_learning, show_levels
from ._output import console, write_json
from ._session import on_workspace, service
from ._shown import line


@click.command()
@on_workspace
def learning(settings: Settings, as_json: bool) -> None:
    """Show how well fixes hold here: by type, root cause, entry, runtime and model."""
    with service(settings) as asked:
        found = asked.learning.summary()
    if as_json:
        write_json(found)
    else:
        show_learning(console(), found)


@click.command()
@click.argument("analysis_id")
@click.option("--helpful/--not-helpful", "helpful", default=None, help="Your thumb.")
@click.option("--reason", default="", help="Why, in your words.")
@on_workspace
def feedback(
    analysis_id: str, helpful: bool | None, reason: str, settings: Settings, as_json: bool
) -> None:
    """Say whether ANALYSIS_ID helped you. Saying it again replaces what you said before."""
    if helpful is None:
        raise click.UsageError("Say --helpful or --not-helpful.")
    with service(settings) as asked:
        given = asked.learning.feedback(analysis_id, helpful=helpful, reason=reason)
    if as_json:
        write_json(given)
    else:
        console().print(f"Noted: {'helpful' if given.helpful else 'not helpful'}. Thank you.")


@click.command()
@click.argument("fix_type", required=False)
@click.argument("level", required=False, type=click.Choice([one.value for one in Level]))
@on_workspace
def autonomy(fix_type: str | None, level: str | None, settings: Settings, as_json: bool) -> None:
    """Show how far fixes may go by themselves, or set FIX_TYPE (or 'all') to LEVEL.

    observe: failures are counted. explain: and explained. suggest: with fixes to read. approve:
    that people approve. standing: or that a standing approval covers, once enough have held.

    For example: ask-copilot autonomy retry_policy suggest
    """
    if fix_type is not None and level is None:
        raise InvalidInput("LEVEL", "it is not given.", f"One of {', '.join(Level)}.")
    with service(settings) as asked:
        if fix_type is None or level is None:
            levels = asked.learning.levels()
        else:
            levels = asked.learning.set_level(fix_type, Level(level))
    shown = [one for one in levels if fix_type in (None, one.fix_type)]
    if as_json:
        write_json({"levels": shown})
    else:
        show_levels(console(), shown)


@click.group()
def case() -> None:
    """Make a case for the tests of a fix that has held."""


@case.command()
@click.argument("change_id")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(),
    help="Where the folder of the case is made [here].",
)
@on_workspace
def export(change_id: str, out: Path, settings: Settings, as_json: bool) -> None:
    """Write the verified fix CHANGE_ID as a golden case, without secrets and personal data.

    Read it before you show it around. Copied to fixtures/cases, its goldens are made by
    UPDATE_GOLDEN=1 pytest tests/golden.
    """
    with service(settings) as asked:
        made = asked.learning.case(change_id)
    folder = _write(out, made)
    if as_json:
        write_json({"folder": str(folder), "form": made.form, "files": sorted(made.files)})
    else:
        console().print(f"Written to {line(folder)}", markup=False)


def _write(out: Path, made: GoldenCase) -> Path:
    """A folder that is there already is left alone."""
    folder = out / made.slug
    try:
        folder.mkdir(parents=True)
        for name, content in made.files.items():
            (folder / name).write_text(content, encoding="utf-8")
    except FileExistsError:
        raise InvalidInput("--out", f"{folder} is there already.", "Name another.") from None
    except OSError as error:
        raise InvalidInput("--out", f"{out}: {error.strerror}.", "Name another.") from None
    return folder
