"""Quotas over HTTP: what is used, limits of a workspace's own, and runs that wait."""

from datetime import timedelta
from typing import Annotated

import pytest
from fastapi import FastAPI, Header
from fastapi.testclient import TestClient

from engine.errors import InvalidParameters, NotFound
from engine.http import create_router
from engine.run.allowances import Allowances
from engine.storage.definitions import DefinitionStore, ResourceChange
from engine.storage.parked import ParkedStore
from engine.workspace import ResourceKind

from .quotas import LINKEDIN, NINE, Listed, open_counter, quota


class Workspace:
    def __init__(self, quotas):
        self.quotas = quotas


@pytest.fixture
def counter(tmp_path):
    with open_counter(f"sqlite:///{tmp_path / 'engine.db'}") as opened:
        yield opened


@pytest.fixture
def allowances(counter):
    definitions = DefinitionStore(counter.database, counter.clock)
    for name, kind in (("LinkedIn", "linkedin"), ("Notes", "unheard of")):
        content = {"type": kind}
        definitions.put_resource("acme", ResourceChange(ResourceKind.INTEGRATION, name, content))
    return Allowances(
        Listed(LinkedIn=[quota(source="https://example.com/limits")]),
        counter.store,
        ParkedStore(counter.database),
        definitions,
        counter.clock,
    )


@pytest.fixture
def client(allowances):
    def opened(workspace: Annotated[str, Header()] = "acme"):
        return Workspace(allowances.workspace(workspace, actor="ada"))

    app = FastAPI()
    app.include_router(create_router(opened))
    return TestClient(app)


def accounts(client, **headers):
    found = client.get("/quotas", headers=headers).json()["accounts"]
    return {one["integration"]: one for one in found}


def test_every_account_with_its_limits_and_what_is_used(client, counter):
    counter.call(count=30)
    found = accounts(client)
    assert list(found) == ["LinkedIn", "Notes"]
    assert found["Notes"]["allowances"] == []
    (allowance,) = found["LinkedIn"]["allowances"]
    assert (allowance["used"], allowance["left"]) == (30, 70)
    assert allowance["resets_at"] == "2026-01-06T00:00:00Z"
    assert allowance["quota"] == {
        "name": "invitations/day",
        "limit": 100,
        "unit": "invitations",
        "window": "day",
        "timezone": "UTC",
        "resets": "midnight",
        "source": "https://example.com/limits",
        "date": "2026-01-01",
    }


def test_an_account_that_wants_no_more_says_so(client, counter):
    with counter.database.begin() as connection:
        counter.store.stop(
            connection, LINKEDIN, until=NINE + timedelta(hours=2), message="slow down"
        )
    account = accounts(client)["LinkedIn"]
    assert (account["stopped_until"], account["stop_message"]) == (
        "2026-01-05T11:00:00Z",
        "slow down",
    )


def test_a_limit_of_the_workspaces_own_and_back(client, counter):
    counter.call(count=30)
    address = "/quotas/LinkedIn/invitations/day"
    changed = client.put(address, json={"limit": 20, "timezone": "Europe/Paris"}).json()
    (allowance,) = changed["allowances"]
    assert (allowance["left"], allowance["quota"]["source"]) == (0, "workspace")
    assert allowance["quota"]["timezone"] == "Europe/Paris"
    assert client.put(address, json={"limit": None}).json()["allowances"] == []
    restored = client.delete(address).json()
    assert restored["allowances"][0]["quota"]["limit"] == 100
    with pytest.raises(NotFound):
        client.delete(address)


def test_a_limit_for_an_account_that_nobody_knows_the_limits_of(client):
    client.put("/quotas/Notes/pages/month", json={"limit": 7, "resets": "rolling"})
    (allowance,) = accounts(client)["Notes"]["allowances"]
    assert (allowance["quota"]["name"], allowance["resets_at"]) == ("pages/month", None)


def test_another_workspace_has_counts_and_limits_of_its_own(client, counter):
    counter.call(count=30)
    client.put("/quotas/LinkedIn/invitations/day", json={"limit": 20})
    assert accounts(client, workspace="other") == {}
    with pytest.raises(NotFound):
        client.delete("/quotas/LinkedIn/invitations/day", headers={"workspace": "other"})


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"limit": -1},
        {"limit": 1, "timezone": "Mars"},
        {"limit": 1, "resets": "never"},
        {"limit": 1, "x": 1},
    ],
)
def test_a_limit_that_makes_no_sense_is_refused(client, body):
    assert client.put("/quotas/LinkedIn/invitations/day", json=body).status_code == 422


def test_a_window_or_a_unit_that_makes_no_sense_is_refused(client):
    body = {"limit": 1}
    assert client.put("/quotas/LinkedIn/invitations/fortnight", json=body).status_code == 422
    with pytest.raises(InvalidParameters, match="invitations/day"):
        client.put("/quotas/LinkedIn/%20/day", json=body)


def test_nobody_waits(client):
    assert client.get("/quotas/waiting").json() == {"runs": []}
