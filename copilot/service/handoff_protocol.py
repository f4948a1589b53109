"""The use cases of giving a fix to somebody else; a part of `protocol`."""

from typing import Protocol

from ..types.handoff import FixPatch, HandOff


class HandOffs(Protocol):
    """Nothing is applied or marked as applied; who hands something off is audited."""

    def patch(self, fix_id: str, *, path: str, content: str) -> FixPatch:
        """The fix as a patch of *content*, the definition as it stands in the file at *path*.

        Raises InvalidFix when it does not fit that definition or changes none, InvalidInput for the
        path, and what a definition raises that can't be read.
        """
        ...

    def handoff(self, subject: str) -> HandOff:
        """A fix in words, by its id; by that of an analysis, all its remedies.

        The latter is for runs of other systems, whose remedies are words alone.
        """
        ...
