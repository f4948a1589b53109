"""A fix given to somebody else: as a patch of a file, and in words."""

from pydantic import Field

from .frozen import Frozen


class HandOff(Frozen):
    """Markdown for a colleague or a coding agent; nothing is applied by it."""

    subject: str = Field(description="Id of the fix, or of the analysis.")
    text: str


class FixPatch(Frozen):
    """A fix as a patch for `git apply` or `patch -p1`; nothing is applied by it."""

    fix_id: str
    path: str = Field(description="Of the changed file, from the root of the repository.")
    patch: str
    in_place: bool = Field(
        description="The file's own text is kept; false: some or all is written anew, see notes."
    )
    notes: tuple[str, ...] = ()
    handoff: str = Field(description="The same in words, as Markdown.")
