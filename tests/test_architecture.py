"""The shape of the house: sizes, names, blind excepts, and errors that survive being stored."""

import ast
import copy
import re
from pathlib import Path

import pytest

import copilot.errors
import engine.errors

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("copilot", "engine", "prompts", "knowledge_base")
MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
MAX_LINES = 350
FORBIDDEN_NAMES = {"utils", "helpers", "common", "manager", "handler", "core", "misc", "base"}

#: The places that run other people's code, and may therefore meet any exception at all.
BLIND_EXCEPTS = {
    "engine/run/foreign.py": "an action or a model may raise anything; that is what we report on",
    "engine/dispatch/carrier.py": "a fault of ours ends one run, never those beside it",
    "engine/dispatch/schedule.py": "a job may raise anything; the next tick comes all the same",
    "copilot/routing/pool.py": "a provider's package is imported, which may raise anything",
    "copilot/jobs.py": "nobody watches at night: one workspace keeps no other from its pass",
    "copilot/surfaces/chat/toolbox.py": "a tool call may fail anyhow; the model gets no details",
    "engine/storage/writer.py": "whoever waits for a piece of work gets what it raised",
}


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_a_module_can_be_held_in_the_head(path):
    assert len(path.read_text().splitlines()) <= MAX_LINES


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_a_module_is_named_after_what_is_inside_and_says_what_it_is_for(path):
    assert path.stem not in FORBIDDEN_NAMES
    tree = ast.parse(path.read_text())
    assert ast.get_docstring(tree) or not tree.body, "no docstring"


def blind_excepts(path: Path) -> int:
    handlers = [
        node
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ExceptHandler)
    ]
    return sum(
        node.type is None
        or (isinstance(node.type, ast.Name) and node.type.id in {"Exception", "BaseException"})
        for node in handlers
        if not _raises_again(node)
    )


def _raises_again(handler: ast.ExceptHandler) -> bool:
    """Whether it only tidies up: what was raised goes on."""
    last = handler.body[-1]
    return isinstance(last, ast.Raise) and last.exc is None


def test_only_the_places_that_run_other_peoples_code_catch_everything():
    found = {relative(path) for path in MODULES if blind_excepts(path)}
    assert found == set(BLIND_EXCEPTS)


def subclasses(base: type) -> list[type]:
    return [base] + [found for child in base.__subclasses__() for found in subclasses(child)]


COPILOT_ERRORS = subclasses(copilot.errors.CopilotError)
ENGINE_ERRORS = subclasses(engine.errors.EngineError)


@pytest.mark.parametrize("error", COPILOT_ERRORS + ENGINE_ERRORS, ids=lambda e: e.__name__)
def test_errors_are_in_the_drawn_tree_have_a_code_and_can_be_rebuilt(error):
    module = copilot.errors if error in COPILOT_ERRORS else engine.errors
    if error.__module__ == module.__name__:
        assert error.__name__ in (module.__doc__ or "")
    assert re.fullmatch(r"[a-z_]+", error.code)
    raised = error("x") if issubclass(error, engine.errors.StepError) else error(*("x",) * 3)
    rebuilt = copy.copy(raised)
    assert type(rebuilt) is error
    assert rebuilt.args == raised.args


def test_codes_are_not_shared_within_a_tree():
    for tree in (COPILOT_ERRORS, ENGINE_ERRORS):
        codes = [error.code for error in tree]
        assert len(codes) == len(set(codes))


def test_every_error_code_has_an_exit_code():
    from copilot.surfaces._errors import EXIT_CODES

    steps = {error.code for error in subclasses(engine.errors.StepError)}
    raised = {error.code for error in COPILOT_ERRORS + ENGINE_ERRORS} - steps
    assert raised - set(EXIT_CODES) == {"copilot_error", "engine_error"}
