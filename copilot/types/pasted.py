"""Error text as somebody pasted it, and what the rules say of the failures in it."""

from typing import Literal

from pydantic import Field, model_validator

from .diagnosis import Diagnosis, RootCause, Verdict
from .frozen import Frozen, Name, Text

#: Characters of one text that a request may carry; a command reads more and leaves out the middle.
LONGEST_TEXT = 1_000_000


class PastedError(Frozen):
    """`text` as a system printed it, or one error that is known by its parts already."""

    text: Text | None = Field(
        default=None,
        max_length=LONGEST_TEXT,
        description="Output of pytest, GitHub Actions, Airflow, LangGraph, n8n or Kubernetes, a "
        "traceback, a log, or one line. Its format is found.",
    )
    message: Text | None = Field(default=None, max_length=LONGEST_TEXT)
    error_type: Name | None = Field(default=None, description="Only with `message`.")
    traceback: Text | None = Field(
        default=None, max_length=LONGEST_TEXT, description="Only with `message`."
    )
    step_action: Name | None = Field(default=None, description="Only with `message`.")

    @model_validator(mode="after")
    def _one_of_two(self) -> "PastedError":
        if (self.text is None) == (self.message is None):
            raise ValueError("give either `text` or `message`")
        if self.text is not None and (self.error_type or self.traceback or self.step_action):
            raise ValueError("`error_type`, `traceback` and `step_action` go with `message`")
        return self


class PastedFailure(Frozen):
    """One failure of a text."""

    first: bool = Field(
        description="Whether it stands first in the text: the others may follow it."
    )
    times: int = Field(default=1, ge=1, description="How often it stands there, word for word.")
    unit: Literal["test", "step", "task", "node", "pod"] | None = Field(
        default=None, description="What failed, in the words of the system."
    )
    step: str | None = Field(
        default=None, description="Its name; parts inside each other with ' > ' between."
    )
    error_type: str | None
    message: str
    traceback: str | None = None
    headline: str
    diagnosis: Diagnosis
    own_entry: bool = Field(
        default=False, description="Whether the entry that explains it is this workspace's own."
    )


class PastedDiagnosis(Frozen):
    """What was found in a text. `root_cause` and `verdict` are those of the first failure."""

    format: str | None = Field(description="None when no failure was found.")
    format_title: str | None = None
    root_cause: RootCause = RootCause.UNKNOWN
    verdict: Verdict = Verdict.INCONCLUSIVE
    failures: tuple[PastedFailure, ...] = ()
    advice: str | None = Field(
        default=None, description="What to paste instead, where this text does not say enough."
    )
    cut: int = Field(default=0, description="Characters in the middle that were not read.")
