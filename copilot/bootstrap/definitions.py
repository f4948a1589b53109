"""Workflow definitions in files, checked against what the engine offers, without an engine."""

from functools import cache
from pathlib import Path

from engine.actions import parameter_models
from engine.definition import LARGEST_DEFINITION, Workflow, load_workflow
from engine.definition.loader import Known
from engine.run.reach import Reach
from engine.schedule.interval import ticks_of

from ..errors import InvalidInput


def read_workflow(path: Path) -> Workflow:
    """The workflow in a YAML or JSON file.

    Raises InvalidInput, and the engine's InvalidDefinition and InvalidSchedule. Plugins that an
    application brings itself are not known here.
    """
    known = _shipped()
    workflow = load_workflow(
        definition_text(path), source=path.name, actions=known.actions, parts=known.parts
    )
    ticks_of(workflow)
    return workflow


def definition_text(path: Path) -> str:
    """What a definition file holds. Raises InvalidInput for one that can't be one."""
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST_DEFINITION + 1)
    except OSError as error:
        raise InvalidInput(str(path), f"{error.strerror}.", "Check the path.") from None
    if len(data) > LARGEST_DEFINITION:
        raise InvalidInput(str(path), "larger than 1 MB.", "Move data out of the definition.")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InvalidInput(str(path), "it is not text in UTF-8.", "Save it as UTF-8.") from None


@cache
def _shipped() -> Known:
    return Known(parameter_models(), Reach().catalogs().parameter_models())
