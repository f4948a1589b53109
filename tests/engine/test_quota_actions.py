"""What the shipped actions take of an account's quotas."""

import asyncio

import pytest
from pydantic import ValidationError

from engine.actions import ActionContext, catalog, http_request, send_email
from engine.actions.http_request import Parameters as Call
from engine.actions.send_email import Parameters as Mail
from engine.errors import IntegrationNotConnected
from engine.quota import QuotaUse
from engine.run.context import NoSecrets
from engine.workspace import Integration, Resources


def test_a_mail_counts_its_messages_and_everybody_they_go_to():
    single = Mail(to=["a@x.org", "b@x.org"], body="Hi", cc=["c@x.org"], integration="Gmail")
    assert send_email.quota_use(single) == QuotaUse("Gmail", {"messages": 1, "recipients": 3})
    messages = [{"to": "a@x.org", "body": "Hi"}, {"to": ["b@x.org"], "body": "Hi"}]
    many = Mail(messages=messages, integration="Gmail")
    assert send_email.quota_use(many) == QuotaUse("Gmail", {"messages": 2, "recipients": 2})
    assert send_email.quota_use(Mail(to="a@x.org", body="Hi")) is None


def test_a_call_is_one_request_and_what_the_step_says():
    call = Call(url="https://x.org", integration="LinkedIn", counts={"invitations": 20})
    assert http_request.quota_use(call) == QuotaUse("LinkedIn", {"requests": 1, "invitations": 20})
    assert http_request.quota_use(Call(url="https://x.org")) is None


@pytest.mark.parametrize(
    "settings",
    [
        {"counts": {"invitations": 1}},
        {"integration": "LinkedIn", "counts": {"invitations": -1}},
        {"integration": "LinkedIn", "counts": {"": 1}},
        {"integration": ""},
    ],
)
def test_a_count_needs_an_account_and_makes_sense(settings):
    with pytest.raises(ValidationError):
        Call(url="https://x.org", **settings)


def test_a_call_through_an_account_that_is_not_connected_is_not_made(tmp_path):
    context = ActionContext(
        workspace_id="acme",
        execution_id="run",
        path="/a",
        effect_key="key",
        resources=Resources(integrations={"LinkedIn": Integration(type="x", connected=False)}),
        files=tmp_path,
        documents=(),
        secrets=NoSecrets(),
    )
    call = Call(url="https://x.org", integration="linkedin")
    with pytest.raises(IntegrationNotConnected):
        asyncio.run(http_request.run(call, context))


@pytest.mark.parametrize("action", ["http_request", "send_email"])
def test_it_says_so_where_steps_look(action):
    assert callable(catalog()[action].quota_use)
    assert "integration" in catalog()[action].Parameters.model_json_schema()["properties"]
