"""`demo`: the main job on real input, told in the terminal or as one JSON document."""

import json
import re
import tempfile
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import click
from rich.console import Console
from rich.rule import Rule
from rich.text import Text

from ...bootstrap import App, open_app
from ...demo import story
from ...demo.story import RunStage, Stage
from ...errors import InvalidInput
from ...settings import Settings
from ...types import Approval, Change, CreditStatement, Outcome, Preview, Report
from ...types.engine import ResumeMode
from ._output import console, write_json
from ._questions import choose, confirm
from ._render import change_line, outcome_line, show_preview, show_report
from ._run_view import run_line, show_steps
from ._session import answers_errors, json_option, settings_for
from ._shown import line

_MODES = ("full", "partial", "dependencies")
MODES = click.Choice(_MODES)
_UNASKED = "Answer at a terminal, or leave --interactive out."


@click.command()
@click.option("--interactive", is_flag=True, help="Ask before each decision.")
@click.option("--mode", type=MODES, default="partial", show_default=True, help="How to resume.")
@click.option(
    "--keep",
    type=click.Path(path_type=Path, file_okay=False),
    help="Keep the demo's data in this folder instead of throwing it away.",
)
@click.option(
    "--svg",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Also save what was shown as a picture.",
)
@json_option
@answers_errors
def demo(
    interactive: bool, mode: ResumeMode, keep: Path | None, svg: Path | None, as_json: bool
) -> None:
    """See the whole promise happen: a workflow fails, is explained, repaired, resumed, watched.

    Everything is real (the workbook, the engine, the error, the fix) and nothing leaves this
    machine: no key, no network.
    """
    with _folder(keep) as folder, open_app(_settings(folder)) as app:
        if as_json:
            _as_json(app, mode)
        else:
            out = console(record=svg is not None)
            _Narrator(app, out, interactive=interactive, mode=mode).tell()
            if svg is not None:
                _save(svg, _picture(out))


@contextmanager
def _folder(keep: Path | None) -> Generator[Path]:
    if keep is not None:
        yield keep
        return
    with tempfile.TemporaryDirectory(prefix="ask-copilot-demo-") as name:
        yield Path(name)


def _settings(folder: Path) -> Settings:
    """The demo is on this machine and needs no workspace of anybody."""
    return settings_for(folder, None)


def _as_json(app: App, mode: ResumeMode) -> None:
    stages = [*story.repair(app, decide=lambda preview: mode)]
    stages += story.repetition(app)
    document: dict[str, Any] = {"mode": mode, "stages": [_stage(stage) for stage in stages]}
    document["digest"] = _digest_counts(app)
    write_json(document)


def _stage(stage: RunStage | Stage) -> dict[str, Any]:
    if isinstance(stage, Stage):
        return {"stage": stage.name, **stage.value.model_dump(mode="json")}
    steps = [
        step.model_dump(mode="json", exclude={"output"}, exclude_none=True) for step in stage.steps
    ]
    execution = stage.execution.model_dump(mode="json", exclude={"output"}, exclude_none=True)
    return {"stage": stage.name, "execution": execution, "steps": steps}


def _digest_counts(app: App) -> dict[str, int]:
    """Rows in the file the last step wrote: what steps 1 and 2 put out has come through whole."""
    written = cast("dict[str, list[Any]]", json.loads(story.digest_path(app).read_text("utf-8")))
    return {name: len(rows) for name, rows in written.items()}


def _save(path: Path, picture: str) -> None:
    try:
        path.write_text(picture, encoding="utf-8")
    except OSError as error:
        raise InvalidInput(
            "--svg", f"{error.strerror}.", "Name a file that can be written."
        ) from None


def _picture(out: Console) -> str:
    """The recorded text as SVG, with the viewer's own font: a picture must not call a server."""
    picture = out.export_svg(title="ask-copilot demo")
    return re.sub(r"@font-face \{.*?\}\s*", "", picture, flags=re.DOTALL)


class _Narrator:
    """Tells the stages as they happen."""

    def __init__(self, app: App, out: Console, *, interactive: bool, mode: ResumeMode) -> None:
        self._app = app
        self._out = out
        self._interactive = interactive
        self._mode: ResumeMode = mode
        self._later = 0

    def tell(self) -> None:
        self._scene("1. A nightly run fails, is repaired, and goes on from where it broke")
        stages = story.repair(self._app, choose=self._choose, decide=self._decide)
        if not self._play(stages):
            self._out.print("Nothing was changed.")
            return
        self._scene("2. Another agent fails in the same way, night after night")
        self._play(story.repetition(self._app))
        self._out.print()
        self._out.print(Text("With your own workflow: ask-copilot init, then ask-copilot run FILE"))

    def _scene(self, title: str) -> None:
        self._out.print()
        self._out.print(Rule(Text(title, style="bold"), align="left"))
        self._out.print()

    def _play(self, stages: Iterator[RunStage | Stage]) -> bool:
        """Show each stage; whether the scene was played to its end."""
        name = ""
        for stage in stages:
            name = stage.name
            if isinstance(stage, RunStage):
                self._show_run(stage)
            else:
                self._show(stage)
        return name in {"credits", "pattern"}

    def _show_run(self, stage: RunStage) -> None:
        if stage.name == "later":
            self._later += 1
            self._out.print(Text(f"Night {self._later}: {stage.execution.status.value}", "green"))
            return
        if stage.name == "repeated":
            error = stage.execution.error
            self._out.print(Text(f"✗ {line(error.message if error else 'failed')}", style="red"))
            return
        if stage.name == "resumed":
            self._out.print()
            self._out.print(Text(f"Resumed ({self._mode}):", style="bold"))
        self._out.print(run_line(stage.execution))
        show_steps(self._out, stage.steps)
        if stage.name == "resumed":
            counts = _digest_counts(self._app)
            read = ", ".join(f"{number} {name}" for name, number in counts.items())
            self._out.print(Text(f"  digest.json holds {read}: every row came through."))
        self._out.print()

    def _show(self, stage: Stage) -> None:
        value = stage.value
        match value:
            case Report():
                if stage.name == "pattern":
                    self._out.print()
                show_report(self._out, value, diffs=stage.name == "pattern")
                self._out.print()
            case Preview():
                show_preview(self._out, value)
            case Approval():
                who = (
                    f"{self._app.settings.user} approves"
                    if self._interactive
                    else "The demo approves"
                )
                self._out.print()
                self._out.print(Text(f"{who} exactly this diff, once.", style="bold"))
            case Change():
                self._out.print(change_line(value))
            case Outcome():
                self._out.print(outcome_line(value))
            case CreditStatement():
                self._out.print(
                    Text(f"Credits: {value.spent} spent, {value.balance} left.", style="dim")
                )

    def _choose(self, report: Report) -> str | None:
        fixes = [fix.fix_id for fix in report.suggested_fixes if fix.fix_id]
        if not self._interactive or not fixes:
            return story.first_fix(report)
        numbers = [
            str(number)
            for number, fix in enumerate(report.suggested_fixes, start=1)
            if fix.fix_id is not None
        ]
        chosen = choose("Which fix?", tuple(numbers), default=numbers[0], otherwise=_UNASKED)
        return report.suggested_fixes[int(chosen) - 1].fix_id

    def _decide(self, preview: Preview) -> ResumeMode | None:
        if not self._interactive:
            return self._mode
        question = f"Approve exactly this change of version {preview.base_version}?"
        if not confirm(question, otherwise=_UNASKED):
            return None
        chosen = choose("Resume how?", _MODES, default=self._mode, otherwise=_UNASKED)
        self._mode = cast("ResumeMode", chosen)
        return self._mode
