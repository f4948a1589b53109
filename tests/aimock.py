"""A scripted provider of others (npm `@copilotkit/aimock`), which speaks every provider's protocol.

It needs Node and `npm ci` in the root folder; where they must be, tests on it are not skipped.
"""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx2
import pytest

_PROGRAM = Path(__file__).parents[1] / "node_modules/@copilotkit/aimock/dist/cli.js"
_INSTALLED = _PROGRAM.is_file() and shutil.which("node") is not None
_REQUIRED = os.environ.get("ASK_COPILOT_REQUIRE") == "all"
_NOTHING = {"match": {"model": "nobody-asks-this"}, "response": {"content": "x"}}
needs_aimock = pytest.mark.skipif(
    not _INSTALLED and not _REQUIRED, reason="aimock is not installed: npm ci"
)


class ScriptedProvider:
    """The server at `url`. `answer` scripts it; nothing else is answered."""

    def __init__(self, url: str) -> None:
        self.url = url

    def reset(self) -> None:
        """Forget every answer, every request and all trouble."""
        self._post("reset", {})

    def answer(self, match: dict[str, Any], response: dict[str, Any], **options: Any) -> None:
        """Give *response* to requests like *match*: {'model': …}, {'userMessage': …}."""
        self._post("fixtures", {"fixtures": [{"match": match, "response": response, **options}]})

    def trouble(self, **settings: Any) -> None:
        """Make trouble for all requests: latencyMs, dropRate, disconnectRate, …"""
        self._post("chaos", settings)

    def journal(self) -> list[dict[str, Any]]:
        """Every request so far, in a form of its own: some parameters are not in it."""
        return httpx2.get(f"{self.url}/__aimock/journal").json()

    def _post(self, what: str, body: dict[str, Any]) -> None:
        httpx2.post(f"{self.url}/__aimock/{what}", json=body).raise_for_status()


@contextmanager
def scripted_provider() -> Iterator[ScriptedProvider]:
    """A server for the length of a `with` block, on a port of its own."""
    with TemporaryDirectory() as folder:
        script = Path(folder, "script.json")
        script.write_text(json.dumps({"fixtures": [_NOTHING]}), encoding="utf-8")
        command = ["node", str(_PROGRAM), "-p", "0", "-f", folder, "--strict"]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as process:
            lines = iter(process.stdout.readline, "")
            heard = (re.search(r"listening on (http://\S+)", line) for line in lines)
            try:
                yield ScriptedProvider(next(filter(None, heard))[1])
            finally:
                process.terminate()
