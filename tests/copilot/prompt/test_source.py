"""Revealed text meets other text in one module only: that is read off the code itself."""

import ast
from pathlib import Path

import pytest

from copilot.pipeline import prompt

FOLDER = Path(prompt.__file__).parent
MODULES = sorted(FOLDER.glob("*.py"))
#: After it was revealed, a text goes through these.
HANDLING = {"budget", "cleaning", "clipping", "frame"}
ENCODER = "encoding"
#: Untrusted text is made here, and here nothing is revealed.
COLLECTING = {"agent_pieces", "finding_pieces", "material", "run_pieces", "workspace_pieces"}


def interpolations(tree: ast.AST) -> list[int]:
    """Lines with an f-string, `format`, `%` on a text, or `+` with a text."""
    found: list[int] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr) or (
            isinstance(node, ast.Attribute) and node.attr in {"format", "format_map", "Template"}
        ):
            found.append(node.lineno)
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod | ast.Add):
            sides = (node.left, node.right)
            if any(isinstance(one, ast.Constant) and isinstance(one.value, str) for one in sides):
                found.append(node.lineno)
    return found


def in_errors(tree: ast.AST) -> set[int]:
    """Lines of what is raised: such words go to no model."""
    raised = [node for node in ast.walk(tree) if isinstance(node, ast.Raise)]
    return {node.lineno for one in raised for node in ast.walk(one) if hasattr(node, "lineno")}


@pytest.mark.parametrize("name", sorted(HANDLING))
def test_a_module_that_handles_revealed_text_puts_it_into_no_other(name: str) -> None:
    tree = ast.parse((FOLDER / f"{name}.py").read_text())
    assert set(interpolations(tree)) <= in_errors(tree)


def names_of(module: Path, wanted: set[str]) -> list[int]:
    tree = ast.parse(module.read_text())
    return [
        node.lineno
        for node in ast.walk(tree)
        if (isinstance(node, ast.Attribute) and node.attr in wanted)
        or (isinstance(node, ast.alias) and node.name in wanted)
    ]


def test_only_one_module_reveals() -> None:
    wanted = {"reveal", "reveal_path", "RENDER", "RenderCap", "_value", "_path"}
    assert {module.stem for module in MODULES if names_of(module, wanted)} == {"cleaning"}


def test_the_encoder_is_the_only_one_that_writes_lines() -> None:
    writers = {module.stem for module in MODULES if names_of(module, {"framed"})}
    assert writers == {"frame"}
    assert interpolations(ast.parse((FOLDER / f"{ENCODER}.py").read_text()))


def test_every_module_is_known_to_these_tests() -> None:
    assert {module.stem for module in MODULES} == HANDLING | COLLECTING | {
        ENCODER,
        "system",
        "__init__",
    }


@pytest.mark.parametrize(
    "planted",
    ["f'{x}'", "'a {}'.format(x)", "'a %s' % x", "'a' + x", "x + 'a'"],
)
def test_an_interpolation_would_be_found(planted: str) -> None:
    assert interpolations(ast.parse(planted))
