"""`ask-copilot mcp` while a server has the database, and with a key for a server elsewhere."""

import asyncio
import json
import os
import subprocess
import sys
from contextlib import contextmanager

import pytest

from copilot.demo import OUTREACH
from tests.surfaces.conftest import ROOT
from tests.surfaces.test_mcp_command import conversation


@contextmanager
def serving(folder):
    process = subprocess.Popen(
        [sys.executable, "-m", "copilot", "serve", "--port", "0", "--json"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        yield process, json.loads(process.stdout.readline())["url"]
    finally:
        process.kill()
        process.communicate()


@pytest.fixture
def failed(example):
    return example("run", OUTREACH, "--json").json["execution"]["id"]


def test_a_server_on_the_folder_is_asked_and_when_it_is_killed_the_folder_itself(example, failed):
    with serving(example.folder) as (process, _url):

        async def use(ask):
            offer = await ask("propose_fix", execution_id=failed)
            assert offer["proposals"][0]["approving"]
            change = {"name": "verify_runs", "value": 5}
            by_server = await ask("set_settings", changes=[change])
            resumed = await ask("resume_execution", execution_id=failed, mode="full")
            process.kill()
            await asyncio.to_thread(process.wait)
            here = await ask("get_settings")
            return by_server, resumed, here

        by_server, resumed, here = conversation(example.folder, use)
    assert by_server["settings"][0]["value"] == 5
    assert resumed["round"] == 2
    kept = next(one for one in here["settings"] if one["name"] == "verify_runs")
    assert kept["value"] == 5
    entries = example("audit", "--json").json["items"]
    actors = {entry["actor_kind"] for entry in entries if entry["action"] == "set_settings"}
    assert actors == {"machine"}


def test_a_machines_key_opens_a_server_and_a_persons_does_not(example, failed, tmp_path):
    def key(kind, role):
        words = ("keys", "create", f"{kind} of chat", "--kind", kind, "--role", role, "--json")
        return example(*words).json["secret"]

    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    machine, person = key("machine", "operator"), key("person", "owner")
    with serving(example.folder) as (_process, url):

        async def use(ask):
            return await ask("analyze_execution", execution_id=failed)

        report = conversation(elsewhere, use, ASK_COPILOT_URL=url, ASK_COPILOT_KEY=machine)
        assert report["root_cause"] == "missing_template"
        refused = example.process("mcp", env={"ASK_COPILOT_URL": url, "ASK_COPILOT_KEY": person})
        assert (refused.code, refused.out) == (3, "")
        assert "--kind machine" in refused.err
        assert person not in refused.err
