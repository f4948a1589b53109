"""A definition that is kept in git as a target: the fix as a patch of its file.

The patch is what `git apply` and `patch -p1` read at the root of the repository. The change is made
in the person's own text where that can be done; else the file is written anew in the canonical
form, and that is said. Nothing is applied here.
"""

import difflib
import hashlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from pydantic import JsonValue

from ..characters import has_hidden
from ..errors import InvalidInput
from ..snapshot import ResourceKind, Snapshot, canonical_yaml
from ._yaml_comments import lost_comments
from ._yaml_edits import Unplaceable, edited

LONGEST_PATH = 500
LONGEST_SLUG = 60
#: Of lost comments, so many are told by their lines.
MOST_LINES = 10
REWRITTEN = (
    "The change has no place of its own in the file, so the patch writes the whole file in the "
    "canonical form: comments and the order of the keys are lost."
)
_NOWHERE = "/dev/null"
_NO_END = "\\ No newline at end of file\n"
_ODD = re.compile(r"[\\:*?\"'<>|\n\t]")
_NOT_IN_A_SLUG = re.compile(r"[^a-z0-9]+")

Read = Callable[[str], Mapping[str, JsonValue]]


@dataclass(frozen=True, slots=True)
class FilePatch:
    """in_place: whether the person's own text is kept, with each of its comments. notes: what is to be known of it."""

    patch: str
    in_place: bool
    notes: tuple[str, ...]


def checked_path(path: str) -> str:
    """*path* as it stands in the patch, from the root of the repository.

    Raises InvalidInput for one that leads out of it or into git's own folder, and for characters
    that patches spell in different ways.
    """
    parts = PurePosixPath(path).parts
    problem = None
    if not path or len(path) > LONGEST_PATH or has_hidden(path) or _ODD.search(path):
        problem = "it is no plain path."
    elif path.startswith(("/", "~", "-")) or ".." in parts or path.endswith("/") or not parts:
        problem = "it leads out of the repository."
    elif any(_is_gits_own(part) for part in parts):
        problem = "it leads into git's own folder."
    if problem is not None:
        advice = "Name the file as git does, from the root of the repository: agents/mail.yaml."
        raise InvalidInput("path", problem, advice)
    return "/".join(parts)


def make_patch(
    base: Snapshot, changed: Snapshot, *, path: str, content: str, read: Read
) -> FilePatch:
    """The patch that makes of *content*, the file at *path*, what *changed* says.

    base: with the definition that *read* makes of *content*; it raises InvalidInput for a text that
    is none. What is new in the workspace comes as
    a file of its own beside it. Raises InvalidInput for the path.
    """
    place = checked_path(path)
    notes: list[str] = []
    pieces: list[str] = []
    in_place = True
    if base.definition != changed.definition:
        after = _in_its_own_words(content, base, changed, read)
        in_place = after is not None
        if after is None:
            notes.append(REWRITTEN)
            after = canonical_yaml(changed.definition)
        elif lost := lost_comments(content, after):
            in_place = False
            notes.append(_told_as_lost(lost))
        pieces.append(_file(place, content, after))
    for kind, name, fields in _added(base, changed):
        beside = _beside(place, kind, name)
        pieces.append(_file(beside, None, canonical_yaml({kind: {name: fields}})))
        notes.append(
            f"A {kind.replace('_', ' ')} is kept in the workspace, not in the workflow. The patch "
            f"writes it down in {beside}; it takes effect when it is stored in the workspace."
        )
    return FilePatch("".join(pieces), in_place, tuple(notes))


def _in_its_own_words(content: str, base: Snapshot, changed: Snapshot, read: Read) -> str | None:
    """The text with the change in it, None unless reading it gives exactly the changed definition."""
    try:
        after = edited(content, base.definition, changed.definition)
        return after if dict(read(after)) == changed.definition else None
    except (Unplaceable, InvalidInput):
        return None


def _told_as_lost(lines: Sequence[int]) -> str:
    which = ", ".join(map(str, lines[:MOST_LINES])) + (", …" if len(lines) > MOST_LINES else "")
    lost = f"comment on line {which} is" if len(lines) == 1 else f"comments on lines {which} are"
    return f"The patch writes a part of the file anew: the {lost} lost."


def _added(
    base: Snapshot, changed: Snapshot
) -> Iterator[tuple[ResourceKind, str, dict[str, JsonValue]]]:
    """What the workspace would have anew or otherwise."""
    for kind, named in changed.resources.items():
        before = base.resources.get(kind, {})
        for name, fields in sorted(named.items()):
            if before.get(name) != fields:
                yield kind, name, fields


def _beside(place: str, kind: str, name: str) -> str:
    """A file beside the definition: no name, whatever is in it, leads anywhere else."""
    slug = _NOT_IN_A_SLUG.sub("-", name.casefold()).strip("-")[:LONGEST_SLUG].strip("-")
    if slug != name:  # two names may look alike without what was taken out
        digest = hashlib.sha256(name.encode("utf-8", "replace")).hexdigest()[:8]
        slug = f"{slug or kind}-{digest}"
    return str(PurePosixPath(place).parent / f"{kind}s" / f"{slug}.yaml")


def _is_gits_own(part: str) -> bool:
    """Also as file systems read it that do not tell case, or leave out what is at the end."""
    return part.casefold().rstrip(". ") == ".git" or part.casefold().startswith("git~")


def _file(path: str, old: str | None, new: str) -> str:
    """One file of a patch, with the header that git writes."""
    if old == new:
        return ""
    tab = "\t" if " " in path else ""
    lines = difflib.unified_diff(
        _lines(old or ""),
        _lines(new),
        fromfile=_NOWHERE if old is None else f"a/{path}{tab}",
        tofile=f"b/{path}{tab}",
    )
    ended = (line if line.endswith("\n") else f"{line}\n{_NO_END}" for line in lines)
    made = "new file mode 100644\n" if old is None else ""
    return f"diff --git a/{path} b/{path}\n{made}{''.join(ended)}"


def _lines(text: str) -> list[str]:
    r"""As a file has them: only `\n` ends one."""
    found = [f"{line}\n" for line in text.split("\n")]
    last = found.pop().removesuffix("\n")
    return [*found, last] if last else found
