"""The README can't rot: its commands run, and it names every setting, action and error code."""

import os
import re
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from copilot.settings import PREFIX, Settings
from copilot.surfaces._errors import EXIT_CODES
from copilot.surfaces.cli import cli
from copilot.surfaces.rest.app import create_app
from engine.actions import catalog
from tests.postgres import new_database
from tests.surfaces.test_api_permissions import Unopened

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"(?:<!-- file: (?P<file>\S+) -->\n)?```(?P<kind>\w+)\n(?P<text>.*?)```", re.S)
#: Where a placeholder's value comes from: what is printed by a command, the first that begins so.
PLACEHOLDERS = {
    "EXECUTION": ("ask-copilot run mail", re.compile(r"\b[0-9a-f]{32}\b")),
    "WAITING": ("ask-copilot run prices", re.compile(r"\b[0-9a-f]{32}\b")),
    "GROUP": ("ask-copilot groups", re.compile(r"\bn1:[0-9a-f]{20}\b")),
    "FIX": ("ask-copilot analyze", re.compile(r"\bfix_[0-9a-f]{32}\b")),
    "CHANGE": ("ask-copilot fix apply", re.compile(r"\bchange_[0-9a-f]{32}\b")),
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


def commands(text: str) -> list[str]:
    lines = [
        line
        for block in BLOCK.finditer(text)
        if block["kind"] == "sh"
        for line in block["text"].splitlines()
    ]
    return [line for line in lines if line.startswith(("ask-copilot", "cp ", "echo "))]


def carry_out(text: str, folder: Path) -> set[str]:
    """Every command of *text* in *folder*, in order; gives the placeholders that were filled."""
    for block in BLOCK.finditer(text):
        if block["file"]:
            (folder / block["file"]).write_text(block["text"])
    known: dict[str, str] = {}
    for command in commands(text):
        line = command
        for name, value in known.items():
            line = re.sub(rf"\b{name}\b", value, line)
        done = shell(line, folder)
        exits = re.search(r"# exits with (\d)", line)
        expected = int(exits[1]) if exits else 0
        assert done.returncode == expected, f"{line}\n{done.stdout}\n{done.stderr}"
        for name, (begins, pattern) in PLACEHOLDERS.items():
            if command.startswith(begins) and (found := pattern.search(done.stdout)):
                known.setdefault(name, found[0])
    return known.keys()


@pytest.mark.timeout(900)  # forty processes, one after the other, maybe on a busy machine
def test_every_command_does_what_the_readme_says(tmp_path):
    assert carry_out(README, tmp_path) == PLACEHOLDERS.keys()


def test_the_examples_of_the_fixtures_run_as_their_readme_says(tmp_path):
    (tmp_path / "fixtures").symlink_to(ROOT / "fixtures")
    text = (ROOT / "fixtures" / "README.md").read_text(encoding="utf-8")
    assert carry_out(text, tmp_path) == set()
    assert len(commands(text)) == 3


@pytest.mark.timeout(600)  # as above
def test_many_workers_share_the_work_as_the_readme_says(tmp_path, monkeypatch):
    """`text` blocks name another machine's database; this is the same on one of ours."""
    assert "ASK_COPILOT_DATABASE_URL=postgresql+psycopg://" in README
    for block in BLOCK.finditer(README):
        if block["file"] == "prices.yaml":
            (tmp_path / block["file"]).write_text(block["text"])
    with new_database(migrated=False) as url, ExitStack() as stopping:
        monkeypatch.setenv(f"{PREFIX}DATABASE_URL", url)
        assert shell("ask-copilot init", tmp_path).returncode == 0
        first, second = (stopping.enter_context(worker(tmp_path)) for _ in range(2))
        paused = shell("ask-copilot run prices.yaml", tmp_path)
        assert paused.returncode == 8, paused.stderr
        run = re.search(r"\b[0-9a-f]{32}\b", paused.stdout)
        first.kill()
        assert shell(f"ask-copilot decide {run[0]} --approve", tmp_path).returncode == 0
        watched = shell(f"ask-copilot watch {run[0]}", tmp_path)
        assert watched.returncode == 0, watched.stdout + watched.stderr
        second.terminate()
        assert second.wait(60) == 0


@contextmanager
def worker(folder):
    """`ask-copilot worker` once it works; it is gone afterwards, however it was told to stop."""
    command = Path(sys.executable).parent / "ask-copilot"
    with subprocess.Popen([command, "worker"], cwd=folder, stderr=subprocess.PIPE) as process:
        try:
            assert b"Working" in process.stderr.readline()
            yield process
        finally:
            process.kill()


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


def test_it_names_every_route():
    paths = create_app(Unopened()).openapi()["paths"]
    assert len(paths) > 40
    named = [[part for part in path.split("/") if part and part[0] != "{"][-1] for path in paths]
    assert [name for name in named if not re.search(rf"[/…`]{name}\b", README)] == []


def test_it_names_every_command():
    assert [name for name in cli.list_commands(None) if f"ask-copilot {name}" not in README] == []


def test_it_names_every_action():
    assert [name for name in catalog() if f"`{name}`" not in README] == []


def test_it_names_every_error_code():
    assert [code for code in EXIT_CODES if f"`{code}`" not in README] == []


def test_its_picture_and_what_it_links_to_are_there():
    paths = [path for path in re.findall(r"\]\(([^)#]+)\)", README) if "://" not in path]
    assert len(paths) >= 3
    for path in paths:
        assert (ROOT / path).exists(), path


def test_the_places_that_a_newcomer_is_sent_to_are_there():
    rows = README[README.index("| I want to") :].splitlines()
    places = [place for row in rows for place in re.findall(r"`([a-z_]+/[^`]*)`", row)]
    assert len(places) >= 20
    for place in places:
        known = place.partition("<")[0].rpartition("/")[0] if "<" in place else place
        assert (ROOT / known).exists(), place


def test_every_module_that_the_readmes_of_the_packages_name_is_there():
    for package in ("engine", "copilot"):
        text = (ROOT / package / "README.md").read_text(encoding="utf-8")
        named = set(re.findall(r"`([a-z][a-z_/]*\.py)`", text))
        assert len(named) >= 5
        modules = [path.as_posix() for path in (ROOT / package).rglob("*.py")]
        gone = [name for name in named if not any(one.endswith(f"/{name}") for one in modules)]
        assert gone == []
