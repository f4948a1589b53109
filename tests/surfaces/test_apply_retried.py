"""An apply that broke off is carried out by asking once more with the same key, wherever it broke."""

import pytest
from sqlalchemy.exc import OperationalError

from copilot.storage.changes import Changes
from copilot.targets.engine import EngineTarget
from copilot.testing import SimulatedCrash
from tests.surfaces.rest_client import one_database

KEY = {"Idempotency-Key": "the-same"}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with one_database(tmp_path_factory.mktemp("data")) as server:
        yield server


#: Where it breaks off: of whom, what, and whether that has been done by then.
POINTS = {
    "nothing is begun": (Changes, "begin", False),
    "begun": (Changes, "begin", True),
    "before the workflow": (EngineTarget, "apply", False),
    "in the workflow": (EngineTarget, "apply", True),
    "before the mark": (Changes, "mark_applied", False),
    "marked": (Changes, "mark_applied", True),
}
each_point = pytest.mark.parametrize("point", POINTS.values(), ids=POINTS)


def breaking(patch, point, error):
    owner, name, is_done = point
    whole = getattr(owner, name)

    def broken(*arguments, **options):
        if is_done:
            whole(*arguments, **options)
        raise error

    patch.setattr(owner, name, broken)


@each_point
@pytest.mark.parametrize(
    ("error", "status"),
    [(RuntimeError("a mistake of ours"), 500), (OperationalError("x", None, OSError()), 503)],
    ids=["a mistake", "an outage"],
)
def test_the_second_request_with_the_key_applies(server, monkeypatch, point, error, status):
    client = server.client()
    approval_id = client.approved(client.fix_for(client.failed()))
    path = f"/approvals/{approval_id}/apply"
    with monkeypatch.context() as patch:
        breaking(patch, point, error)
        assert client("POST", path, headers=KEY).status_code == status
    answer = client("POST", path, headers=KEY)
    assert answer.status_code == 200, answer.text
    assert (answer.json()["state"], answer.json()["version"]) == ("applied", 2)
    again = client("POST", path, headers=KEY)
    assert (again.json(), again.headers["idempotent-replayed"]) == (answer.json(), "true")
    (only,) = server.app.store.changes.history(client.workspace, answer.json()["workflow_id"])
    assert only.change_id == answer.json()["change_id"]


@each_point
def test_the_second_call_with_the_key_applies_after_a_crash(server, monkeypatch, point):
    client = server.client()
    approval_id = client.approved(client.fix_for(client.failed()))
    owner = server.app.owner(client.workspace).principal

    def apply():
        return server.app.copilot.serve(owner, request_key="the-same").fixes.apply(approval_id)

    with monkeypatch.context() as patch:
        breaking(patch, point, SimulatedCrash("here"))
        with pytest.raises(SimulatedCrash):
            apply()
    change = apply()
    assert (change.state, change.version) == ("applied", 2)
    assert apply() == change
