"""The README can't rot: its commands run, and it names every setting, action and error code."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from copilot.settings import PREFIX, Settings
from copilot.surfaces._errors import EXIT_CODES
from engine.actions import catalog

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"(?:<!-- file: (?P<file>\S+) -->\n)?```(?P<kind>\w+)\n(?P<text>.*?)```", re.S)
#: Where a placeholder's value comes from: the output of an earlier command.
PLACEHOLDERS = {
    "EXECUTION": re.compile(r"\b[0-9a-f]{32}\b"),
    "FIX": re.compile(r"\bfix_[0-9a-f]{32}\b"),
    "CHANGE": re.compile(r"\bchange_[0-9a-f]{32}\b"),
}


def shell(line: str, folder: Path) -> subprocess.CompletedProcess[str]:
    scripts = str(Path(sys.executable).parent)
    return subprocess.run(
        ["bash", "-c", line],
        input="y\n",
        capture_output=True,
        text=True,
        cwd=folder,
        timeout=100,
        check=False,
        env=os.environ
        | {"PATH": f"{scripts}:{os.environ['PATH']}", f"{PREFIX}UNDO_SECONDS": "600"},
    )


def commands() -> list[str]:
    lines = [
        line
        for block in BLOCK.finditer(README)
        if block["kind"] == "sh"
        for line in block["text"].splitlines()
    ]
    return [line for line in lines if not line.startswith("make ")]


@pytest.mark.timeout(300)
def test_every_command_does_what_the_readme_says(tmp_path):
    for block in BLOCK.finditer(README):
        if block["file"]:
            (tmp_path / block["file"]).write_text(block["text"])
    known: dict[str, str] = {}
    for line in commands():
        for name, value in known.items():
            line = re.sub(rf"\b{name}\b", value, line)
        done = shell(line, tmp_path)
        expected = 1 if "exits with 1" in line else 0
        assert done.returncode == expected, f"{line}\n{done.stdout}\n{done.stderr}"
        for name, pattern in PLACEHOLDERS.items():
            found = pattern.search(done.stdout)
            if found and name not in known:
                known[name] = found[0]
    assert known.keys() == PLACEHOLDERS.keys()


def test_the_make_targets_it_names_exist():
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.M))
    named = set(re.findall(r"(?:^|`)make ([a-z-]+)", README, re.M))
    assert {"demo", "test"} <= named <= targets


def test_it_names_every_setting():
    for name in Settings.model_fields:
        variable = f"{PREFIX}{name.upper()}"
        suffix = variable.removeprefix(f"{PREFIX}SMTP")
        assert variable in README or (name.startswith("smtp") and f"`{suffix}`" in README), variable


def test_it_names_every_action():
    assert [name for name in catalog() if f"`{name}`" not in README] == []


def test_it_names_every_error_code():
    assert [code for code in EXIT_CODES if f"`{code}`" not in README] == []


def test_its_picture_is_there():
    for path in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", README):
        assert (ROOT / path).is_file()
