"""`ask-copilot serve` as a process of its own, for the tests that talk to it."""

import json
import os
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tests.surfaces.conftest import ROOT


@dataclass
class Serving:
    process: Any
    url: str
    key: str | None
    log: Any

    def stop(self, number):
        """Its last words."""
        self.process.send_signal(number)
        self.process.communicate(timeout=20)
        errors = _read(self.log)
        assert self.process.returncode == 0, errors
        return errors


@contextmanager
def serving(folder, *arguments, **settings):
    """A server on a free port, over the data folder in *folder*."""
    command = [sys.executable, "-m", "copilot", "serve", "--port", "0", "--json", *arguments]
    with tempfile.TemporaryFile("w+") as log:  # a pipe that nobody reads would stop it
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(ROOT), **settings},
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        try:
            line = process.stdout.readline()
            assert line, _read(log)
            said = json.loads(line)
            yield Serving(process, said["url"], (said["key"] or {}).get("secret"), log)
        finally:
            process.kill()
            process.communicate()


def _read(log):
    log.seek(0)
    return log.read()
