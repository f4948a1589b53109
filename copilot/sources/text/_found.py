"""What a format reads: failures, each with the unit that failed, or a part to be read again."""

from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeAlias

#: What failed, in the words of the system that wrote the text.
Unit: TypeAlias = Literal["test", "step", "task", "node", "pod"]


@dataclass(frozen=True, slots=True)
class Found:
    """One failure as the text has it.

    inside: what the unit printed, where another format may tell more than `message` does: a step of
    a build prints the output of its test runner. weak: said only because nothing better was there,
    such as an exit code; it gives way to what `inside` holds and to other failures. lines: where it
    stands in the text that was read, for a format that leaves the rest of it to other formats.
    """

    message: str
    error_type: str | None = None
    traceback: str | None = None
    unit: Unit | None = None
    step: str | None = None
    inside: str | None = field(default=None, repr=False)
    weak: bool = False
    lines: range | None = field(default=None, compare=False)


class TextFormat(Protocol):
    """A public module of `copilot.sources.text`; its file name is the name of the format."""

    #: How people call it.
    TITLE: str

    def recognise(self, text: str) -> int:
        """How surely *text* is of this format: 0 for not at all, 100 for nothing else."""
        ...

    def read(self, text: str) -> list[Found]:
        """The failures in *text*, the first one first; empty when there is none."""
        ...
