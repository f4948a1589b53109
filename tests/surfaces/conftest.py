"""The command as its users meet it, in a folder of its own."""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from copilot.surfaces.cli import cli

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Answer:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def lines(self) -> list[Any]:
        return [json.loads(line) for line in self.out.splitlines()]


class CommandLine:
    """`ask-copilot` in a folder of its own; in this process, which saves a second a command."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(
        self, *arguments: str, stdin: str | bytes = "", env: Mapping[str, str] | None = None
    ) -> Answer:
        data = stdin.encode("utf-8", "surrogatepass") if isinstance(stdin, str) else stdin
        with contextlib.chdir(self.folder):
            result = CliRunner().invoke(cli, arguments, input=data, env=env)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Answer(result.exit_code, result.stdout, result.stderr)

    def process(self, *arguments: str, env: Mapping[str, str] | None = None) -> Answer:
        """The same in a process of its own, as it is installed."""
        done = subprocess.run(
            [sys.executable, "-m", "copilot", *arguments],
            capture_output=True,
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": str(ROOT), **(env or {})},
            timeout=100,
            check=False,
        )
        return Answer(done.returncode, done.stdout.decode(), done.stderr.decode())

    def write(self, name: str, text: str) -> str:
        (self.folder / name).write_text(text, encoding="utf-8")
        return name


@pytest.fixture
def ask(tmp_path: Path) -> CommandLine:
    return CommandLine(tmp_path)


@pytest.fixture
def example(ask: CommandLine) -> CommandLine:
    """A data folder with the demo's workflows, workbook and templates."""
    assert ask("init", "--example").code == 0
    return ask
