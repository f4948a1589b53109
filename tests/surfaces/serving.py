"""`ask-copilot serve` as a process of its own, for the tests that talk to it."""

import json
import os
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tests.surfaces.conftest import ROOT


@dataclass
class Serving:
    process: Any
    url: str
    key: str | None

    def stop(self, number):
        """Its last words."""
        self.process.send_signal(number)
        _, errors = self.process.communicate(timeout=20)
        assert self.process.returncode == 0, errors
        return errors


@contextmanager
def serving(folder, *arguments, **settings):
    """A server on a free port, over the data folder in *folder*."""
    command = [sys.executable, "-m", "copilot", "serve", "--port", "0", "--json", *arguments]
    process = subprocess.Popen(
        command,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), **settings},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        line = process.stdout.readline()
        assert line, process.communicate()[1]
        said = json.loads(line)
        yield Serving(process, said["url"], (said["key"] or {}).get("secret"))
    finally:
        process.kill()
        process.communicate()
