"""A log of GitHub Actions: as a page shows it, as a file, or as `gh run view --log` prints it."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from ._bounds import unstamped
from ._found import Found

TITLE = "GitHub Actions log"

_MOST_LINES = 4_000
_SIGNS = re.compile(
    r"##\[(?:error|group|section|command)\]|Process completed with exit code \d+|^\S.*\t.*\t\d{4}-",
    re.MULTILINE,
)
#: `gh run view --log`: job, step, then the line.
_TABBED = re.compile(r"^(?P<job>[^\t\n]{1,200})\t(?P<step>[^\t\n]{1,200})\t(?P<line>.*)$")
_GROUP = re.compile(r"^(?:##\[group\]|::group::)(?P<name>.*)$")
_ERROR = re.compile(
    r"^(?:##\[error\]|::error(?: [^:]{0,300})?::|Error: (?=Process completed))(?P<words>.*)$"
)
_EXIT = re.compile(
    r"^(?:The process '.{1,300}' failed with|Process completed with|Error: Process completed with) exit code (\d+)"
)
_OWN = re.compile(
    r"^##\[(?:group|endgroup|command|debug|section|warning|notice)\]|^::(?:group|endgroup|debug|warning|notice)"
)

#: One of these is in every such log, and they are found faster.
_WORDS = ("##[", "exit code", "\t")


@dataclass(slots=True)
class _Step:
    name: str | None
    output: list[str] = field(default_factory=list[str])
    errors: list[str] = field(default_factory=list[str])


def recognise(text: str) -> int:
    return 95 if any(map(text.__contains__, _WORDS)) and _SIGNS.search(text) else 0


def read(text: str) -> list[Found]:
    lines = text.split("\n")
    tabbed = [line for line in lines if _TABBED.match(line)]
    return [found for step in _steps(tabbed or lines) for found in _failures(step)]


def _steps(lines: Sequence[str]) -> Iterator[_Step]:
    """The steps in order; a step that ran something is called what it ran."""
    step = _Step(None)
    for line in lines:
        tabbed = _TABBED.match(line)
        words = unstamped(tabbed["line"] if tabbed else line)
        name = f"{tabbed['job']} > {tabbed['step']}" if tabbed else None
        group = _GROUP.match(words)
        starts = name != step.name if tabbed else group is not None and _is_run(group["name"])
        if starts:
            yield step
            step = _Step(name or (group["name"].strip() if group else None))
        if error := _ERROR.match(words):
            step.errors.append(error["words"].strip())
        elif not _OWN.match(words):
            step.output.append(words)
    yield step


def _is_run(name: str) -> bool:
    return name.strip().startswith("Run ")


def _failures(step: _Step) -> Iterator[Found]:
    """Each error of a step; its exit code alone says nothing that its output does not say better."""
    said = [words for words in dict.fromkeys(step.errors) if words and not _EXIT.match(words)]
    exits = [words for words in step.errors if _EXIT.match(words)]
    if not (said or exits):
        return
    output = "\n".join(step.output[-_MOST_LINES:])
    words = "\n".join(said) or exits[0]
    yield Found(
        message=words, unit="step", step=_short(step.name), inside=output or None, weak=not said
    )


def _short(name: str | None) -> str | None:
    return name.removeprefix("Run ").strip() or None if name else None
