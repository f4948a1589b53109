"""What an agent step says to its model: standing orders, the question, documents, what went wrong."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...definition.expressions import as_text, resolve
from ...definition.steps import AgentStep
from ...definition.workflow import Workflow
from ...documents.binding import DocumentText, documents_for
from ...workspace import Resources

MOST_DOCUMENT_CHARACTERS = 400_000
_CHARACTERS_A_TOKEN = 2  # of text nobody has counted; the prompt must fit beside it
_SHARE = 0.8  # of what a model reads, the rest is for the conversation


def system_text(workflow: Workflow, step: AgentStep) -> str:
    """The workflow's instructions and restrictions, and the form of the answer."""
    parts = [workflow.instructions.strip()]
    if workflow.restrictions:
        lines = (
            f"- {name}: {value if isinstance(value, str) else json.dumps(value)}"
            for name, value in workflow.restrictions.items()
        )
        parts.append("Restrictions:\n" + "\n".join(lines))
    if step.output == "json":
        parts.append("Answer with one JSON value and nothing else.")
    return "\n\n".join(part for part in parts if part)


def question_text(step: AgentStep, scope: Any) -> str:
    """The step's prompt with its expressions resolved. Raises `VariableNotFound`."""
    prompt = resolve(step.prompt, scope)
    return prompt if isinstance(prompt, str) else as_text(prompt)


def with_documents(prompt: str, documents: Sequence[DocumentText]) -> str:
    """*prompt* and behind it each document between lines that its own text does not contain."""
    return "\n\n".join([prompt, *(_fenced(document) for document in documents)])


def _fenced(document: DocumentText) -> str:
    fence = "====="
    while fence in document.text:
        fence += "="
    note = " (only the beginning)" if document.truncated else ""
    return f"Document {document.name!r}{note}:\n{fence}\n{document.text}\n{fence}"


def with_feedback(prompt: str, feedback: tuple[str, ...]) -> str:
    return "\n\n".join([prompt, "\n".join(feedback)]) if feedback else prompt


def read_documents(
    step: AgentStep,
    workflow: Workflow,
    resources: Resources,
    folder: Path,
    *,
    context_tokens: int | None = None,
    most_output_tokens: int = 0,
) -> tuple[DocumentText, ...]:
    """The text of exactly the step's documents, each up to its share of what the model reads.

    Blocks. Raises the `StepError` that names the document which can't be read.
    """
    count = len({*workflow.documents, *step.documents})
    if not count:
        return ()
    room = room_for_each(
        count, context_tokens=context_tokens, most_output_tokens=most_output_tokens
    )
    return documents_for(step, workflow, resources, folder, most_characters=room)


def room_for_each(
    count: int, *, context_tokens: int | None = None, most_output_tokens: int = 0
) -> int:
    """Characters that each of *count* documents may have in a prompt."""
    room = MOST_DOCUMENT_CHARACTERS
    if context_tokens is not None:
        tokens = max(0, context_tokens - most_output_tokens)
        room = min(room, int(tokens * _SHARE * _CHARACTERS_A_TOKEN))
    return max(1000, room // count)
