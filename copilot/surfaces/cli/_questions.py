"""Questions at a terminal. Whoever can't answer one is told what to do instead."""

import sys

import click

from ...errors import InvalidInput
from ._shown import line

#: Wrong answers after which nobody is asked any more: a program may be answering.
MOST_WRONG = 3
_YES = ("y", "yes")
_NO = ("n", "no")


def can_ask() -> bool:
    """Whether a person seems to sit there."""
    return sys.stdin.isatty()


def confirm(question: str, *, otherwise: str) -> bool:
    """Whether the answer is yes; no answer is no.

    otherwise: what to do where nobody can answer. Raises InvalidInput with it at the end of the
    input, or after three answers that are neither.
    """
    answer = _answer(
        f"{question} [y/N]", (*_YES, *_NO), default="n", shown_default=False, otherwise=otherwise
    )
    return answer in _YES


def choose(question: str, choices: tuple[str, ...], *, default: str, otherwise: str) -> str:
    """One of *choices*. Raises InvalidInput as `confirm` does."""
    asked = f"{question} ({', '.join(choices)})"
    return _answer(asked, choices, default=default, shown_default=True, otherwise=otherwise)


def typed(question: str, *, otherwise: str) -> str:
    """What is typed, which may be nothing. Raises InvalidInput at the end of the input."""
    return _asked(question, default="", shown=False, otherwise=otherwise)


def _answer(
    question: str, accepted: tuple[str, ...], *, default: str, shown_default: bool, otherwise: str
) -> str:
    for _ in range(MOST_WRONG):
        answer = _asked(question, default=default, shown=shown_default, otherwise=otherwise)
        if answer.lower() in accepted:
            return answer.lower()
        click.echo(f"{line(answer, limit=100)!r} is not one of {', '.join(accepted)}.", err=True)
    problem = f"{MOST_WRONG} answers were not one of {', '.join(accepted)}."
    raise InvalidInput("The question", problem, otherwise)


def _asked(question: str, *, default: str, shown: bool, otherwise: str) -> str:
    try:
        answer: str = click.prompt(question, default=default, show_default=shown)
    except click.Abort as stopped:
        click.echo(err=True)  # what follows is not part of the question
        if isinstance(stopped.__context__, EOFError):
            raise InvalidInput("The question", "nobody answered it.", otherwise) from None
        raise
    if not can_ask():
        click.echo()  # no Enter has ended the line
    return answer.strip()
