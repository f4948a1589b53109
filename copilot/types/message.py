"""The answer as one message: what a person reads in a chat, an e-mail or a plain terminal.

What is said of every failure is worded here; what differs by the kind of failure comes from the
knowledge base and is kept, filled with names, in the report.
"""

from collections.abc import Collection, Sequence
from datetime import datetime

from pydantic import Field

from .frozen import Frozen

LONGEST_ERROR = 300
LONGEST_PLACE = 300
MOST_OPTIONS = 6
#: The heading of what can be done although it is fixed already.
BESIDES = "What can be done besides:"


class MessageParts(Frozen):
    """What the knowledge base has to say about this failure, every name filled in."""

    opening: str | None = Field(
        default=None, description="First paragraph; None: step and error are it."
    )
    explains: bool = Field(default=True, description="Whether the explanation follows the error.")
    lead: str = "How to fix:"
    options: tuple[str, ...] = Field(
        default=(), description="Numbered lines; none: the fixes in their own words."
    )
    question: str | None = None
    asks: str | None = Field(
        default=None, description="The fix the question is about; without it nothing is asked."
    )
    cause: str | None = Field(default=None, description="'Template 'xyz' is missing'")
    cause_of_many: str | None = Field(
        default=None, description="'A message template is missing': when the names differ."
    )
    cause_names: tuple[str, ...] = Field(
        default=(), description="Names in `cause` that another failure of this kind may not have."
    )
    guess: str = Field(
        default="", description="End of the error text that the options say better, left out."
    )

    def cause_for(self, shared: Collection[str]) -> str | None:
        """The root cause of failures that have the names *shared* in common."""
        return self.cause if set(self.cause_names) <= set(shared) else self.cause_of_many


def place(step_number: int | None, path: str | None) -> str | None:
    """'Step 3, branch 'legal', iteration 4, step 'send'' for '/checks/legal/rows/4/send'.

    Just 'Step 3' for one that is not inside another; None outside every step.
    """
    if step_number is None:
        return None
    *around, own = (path or "").split("/")[2:] or [""]
    told = [f"Step {step_number}", *map(_fork, around[::2])]
    return _clipped(", ".join([*told, f"step '{own}'"] if own else told), LONGEST_PLACE)


def _fork(name: str) -> str:
    """One of the ways on which a step is reached that is inside another."""
    return f"iteration {name}" if name.isdigit() else f"branch '{name}'"


def failed_at(
    where: str | None,
    error: str,
    *,
    guess: str,
    later_failures: int,
    beside: Sequence[int] = (),
    waits: bool = False,
) -> str:
    """Where the agent failed and with which words, and what else failed because of it.

    beside: numbers of steps that failed for themselves. waits: it goes on by itself, so that it has
    only stopped.
    """
    did = "stopped" if waits else "failed"
    at = "" if where is None else f" at {where}"
    words = _clipped(" ".join(error.split()).removesuffix(guess), LONGEST_ERROR)
    return f"Your agent {did}{at} because:\n❌ {words}{_follows(later_failures)}{_beside(beside)}"


def _clipped(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def _follows(later_failures: int) -> str:
    if later_failures == 0:
        return ""
    noun = "step" if later_failures == 1 else "steps"
    return f"\n{later_failures} {noun} after it failed because of this."


def _beside(steps: Sequence[int]) -> str:
    if not steps:
        return ""
    if len(steps) == 1:
        return f"\nStep {steps[0]} failed too, for a reason of its own."
    return f"\n{len(steps)} other steps failed too, for reasons of their own."


def repeated(warning: str, cause: str, recommendation: str | None) -> str:
    """That it is not the first time, why, and what to do until it is put right."""
    lines = [f"⚠️ {warning}", "", f"Root cause: {cause}"]
    if recommendation:
        lines.append(f"Recommendation: {recommendation}")
    return "\n".join(lines)


def numbered(lead: str, options: Sequence[str]) -> str | None:
    """The ways out under their heading, None when there is none."""
    if not options:
        return None
    first, *others = options[:MOST_OPTIONS]
    alone = first.removeprefix("Or ")
    listed = (alone[:1].upper() + alone[1:], *others)
    lines = (f"{number}. {option}" for number, option in enumerate(listed, start=1))
    return "\n".join([lead, *lines])


def resumes(at: datetime, *, now: datetime) -> str:
    """That a timer resumes the run: only to be said when one is set."""
    days = (at.date() - now.date()).days
    when = {0: "today", 1: "tomorrow"}.get(days, f"on {at:%Y-%m-%d}")
    return f"Agent will auto-resume {when} when quota resets."


def buttons(texts: Sequence[str]) -> str | None:
    """`[Pause Agent] [Create Template]`, None without any."""
    return " ".join(f"[{text}]" for text in texts) or None
