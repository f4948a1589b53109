"""What only its name tells to be a secret: out of exported cases, and out of runs told by others."""

from datetime import UTC, datetime

import pytest

from copilot.golden_case import write_case
from copilot.masking import masked
from copilot.redaction import mask_secrets
from copilot.redaction.named import without_named
from copilot.snapshot import Snapshot
from copilot.storage.changes import ChangeRecord
from copilot.types import Change, Report, RootCause
from copilot.types.run import ErrorRecord, RunRecord, StepRecord

WORD = "Walnut4821x"
NAMED = {
    "a password": {"password": WORD},
    "a name before it": {"crm_password": WORD},
    "in an object": {"output": {"db": {"password": {"value": WORD}}}},
    "in a list": {"tokens": [WORD, {"value": WORD}]},
    "in a list of entries": {"headers": [{"name": "X-Api-Key", "value": WORD}]},
    "in an entry of several": {"field": "credentials", "value": {"crm": {"token": WORD}}},
    "a number": {"password": 48213377},
    "a number in a text": {"smtpPassword": "48213377"},
}
HIDDEN = ("Walnut", "48213377")
#: What a sharper look takes out, for what strangers read.
CALLED_SO = {
    "words": {"password": "open sesame"},
    "a short code": {"pin": 4821, "otp": "9075"},
    "deep": {"api_keys": {"crm": ["harmless-word"]}},
}
FACTS = {
    "counts": {"token_count": 48213, "max_tokens": 4000, "tokens_used": 1234567, "tokens": 48213},
    "counts in words": {"token_count": "48213", "max_tokens": "4000", "prompt_tokens": "123456"},
    "a rule": {"password": {"min_length": 12, "policy": "strict"}, "pass": 3},
    "a kind": {"auth": {"type": "oauth2", "scopes": ["mail.read"]}, "token_type": "bearer"},
    "names of secrets": {"password": "CRM_PASSWORD", "token": "{{ inputs.token }}"},
    "what was masked": {"token": "[secret CRM_TOKEN]", "password": "[[openai-key]]"},
    "an entry that is none": {"name": "range", "value": WORD},
    "a template": {"name": "Welcome", "available": ["Outbound v3"], "limit": 500000},
}


def named(cases):
    return pytest.mark.parametrize("content", cases.values(), ids=cases.keys())


@named(NAMED)
@pytest.mark.parametrize("names_suffice", [False, True], ids=["by value", "by name"])
def test_what_stands_under_the_name_of_a_secret_goes(content, names_suffice):
    shown = str(without_named(content, mask=mask_secrets, names_suffice=names_suffice))
    assert "[[secret]]" in shown
    assert not any(one in shown for one in HIDDEN)


@named(CALLED_SO)
def test_for_strangers_the_name_suffices(content):
    shown = str(without_named(content, mask=mask_secrets, names_suffice=True))
    assert not any(one in shown for one in ("sesame", "4821", "9075", "harmless"))


@named(FACTS)
@pytest.mark.parametrize("names_suffice", [False, True], ids=["by value", "by name"])
def test_plain_facts_stay(content, names_suffice):
    assert without_named(content, mask=mask_secrets, names_suffice=names_suffice) == content


def failed_run():
    step = StepRecord(
        number=1, path="/a", action="call", status="failed", output={"password": WORD, "rows": 12}
    )
    return RunRecord(
        source="engine",
        workspace_id="acme",
        execution_id="run-1",
        workflow_id="w",
        workflow_name="n",
        status="failed",
        memory={"crm_password": WORD, "token_count": 48213},
        error=ErrorRecord(
            message="boom", details={"token": "A9F3KQ71ZX82", "pins": {"a": 48213377}, "limit": 500}
        ),
        steps=(step,),
    )


def test_an_exported_case_has_no_secret_that_only_its_name_tells():
    definition = {"steps": [{"id": "a", "type": "agent", "prompt": "hi"}]}
    before = Snapshot(workspace_id="acme", workflow_id="w", version=1, definition=definition)
    after = before.evolve(definition=definition | {"instructions": "Be brief."})
    change = Change(
        change_id="chg_01ABCDEFGH",
        workspace_id="acme",
        workflow_id="w",
        fix_id="fix_1",
        fix_type="update_instructions",
        base_version=1,
        version=2,
        state="applied",
        actor="ada",
        applied_at=datetime(2026, 3, 1, tzinfo=UTC),
    )
    record = ChangeRecord(change, before, after, valid_until=None)
    report = Report.model_construct(root_cause=RootCause.UNKNOWN)
    made = write_case(failed_run(), report, record)
    shown = "".join(made.files.values())
    for secret in (*HIDDEN, "A9F3KQ71ZX82"):
        assert secret not in shown
    for fact in ('"token_count": 48213', '"limit": 500', '"rows": 12'):
        assert fact in shown


def test_facts_of_errors_that_others_tell_come_without_what_their_names_tell():
    error = masked(failed_run(), mask_secrets).error
    assert error.details == {"token": "[[secret]]", "pins": {"a": "[[secret]]"}, "limit": 500}
