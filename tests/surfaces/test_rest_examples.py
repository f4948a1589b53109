"""The description shows answers that the service has really given, and gives in that form today."""

import json
import os
import re
from pathlib import Path

import pytest
from pydantic import TypeAdapter

import copilot.types as types
from copilot.surfaces.rest import examples as module
from copilot.surfaces.rest.app import create_app
from copilot.surfaces.rest.problems import Problem
from copilot.types.debug import DebugView
from copilot.types.engine import Execution
from copilot.types.group import GroupDetail
from copilot.types.nightly import Digest
from copilot.types.pasted import PastedDiagnosis
from engine.http.executions import ExecutionDetail
from tests.surfaces.rest_client import one_database
from tests.surfaces.test_api_permissions import Unopened

FILE = Path(module.__file__).with_name("examples.json")
MODELS = {
    "Report": types.Report,
    "Execution": Execution,
    "ExecutionDetail": ExecutionDetail,
    "Preview": types.Preview,
    "Approval": types.Approval,
    "Change": types.Change,
    "Digest": Digest,
    "DebugView": DebugView,
    "PastedDiagnosis": PastedDiagnosis,
    "GroupDetail": GroupDetail,
    "Problem": Problem,
}
PASTED = "HTTPError: 401 Client Error: Unauthorized for url: https://crm.example.com/me"
#: Where a route leaves a member out that its model has.
LEFT_OUT = {"output"}
FRAMES = re.compile(r"(?: {2,}.*\n)+")


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    """What the demo's failing workflow is answered with from the first failure to the night."""
    with one_database(tmp_path_factory.mktemp("data")) as server:
        client = server.client("acme")
        failed = client.failed()
        report = client.post(f"/executions/{failed}/analyze")
        fix_id = next(fix["fix_id"] for fix in report["suggested_fixes"] if fix["fix_id"])
        approval = client.post(f"/fixes/{fix_id}/approve", client.seen(fix_id))
        preview = client.get(f"/fixes/{fix_id}/preview")
        digest = client.post("/nights")
        yield {
            "Report": report,
            "DebugView": client.get(f"/executions/{failed}/debug") | {"report": None},
            "PastedDiagnosis": client.post("/diagnose", {"text": PASTED}),
            "Execution": client.post(f"/executions/{failed}/cancel"),  # which has ended
            "ExecutionDetail": client.get(f"/executions/{failed}"),
            "Preview": preview,
            "Approval": approval,
            "Digest": digest,
            "GroupDetail": client.get(f"/groups/{report['signature']}"),
            "Change": client.post(f"/approvals/{approval['approval_id']}/apply"),
        }


@pytest.fixture(scope="module")
def described():
    return create_app(Unopened()).openapi()["components"]["schemas"]


def shape(value):
    """The names of all members, without what they hold."""
    if isinstance(value, dict):
        return {name: shape(one) for name, one in value.items()}
    return [shape(one) for one in value] if isinstance(value, list) else None


def without_frames(value):
    """Tracebacks name the files of the machine they come from."""
    if isinstance(value, dict):
        return {
            name: FRAMES.sub("  …\n", one) if name == "traceback" and one else without_frames(one)
            for name, one in value.items()
        }
    return [without_frames(one) for one in value] if isinstance(value, list) else value


def test_the_examples_name_no_machine():
    text = FILE.read_text(encoding="utf-8")
    assert 'File \\"' not in text
    assert str(Path(__file__).parents[2]) not in text


def without_left_out(value):
    if isinstance(value, dict):
        return {name: without_left_out(one) for name, one in value.items() if name not in LEFT_OUT}
    return [without_left_out(one) for one in value] if isinstance(value, list) else value


def test_the_examples_have_the_form_of_todays_answers(answers):
    """UPDATE_GOLDEN=1 writes them anew; then read the diff."""
    if os.environ.get("UPDATE_GOLDEN") == "1":
        text = json.dumps(without_frames(answers), indent=1, ensure_ascii=False)
        FILE.write_text(text + "\n", encoding="utf-8")
    stored = json.loads(FILE.read_text(encoding="utf-8"))
    assert {name: shape(one) for name, one in stored.items()} == {
        name: shape(one) for name, one in answers.items()
    }


@pytest.mark.parametrize("name", MODELS)
def test_every_example_is_one_of_its_model(described, name):
    assert described[name]["examples"]
    for example in described[name]["examples"]:
        # computed members are written and never read
        read = TypeAdapter(MODELS[name]).validate_python(example, extra="ignore")
        written = json.loads(read.model_dump_json(exclude_none=name == "Problem"))
        assert without_left_out(written) == without_left_out(example)


def test_the_refusals_among_them_are_of_several_kinds():
    codes = [one["code"] for one in module.examples()["Problem"]]
    assert codes == ["insufficient_credits", "forbidden", "stale_base", "invalid_input"]
