"""Secrets are looked up by workspace and never written down."""

import base64
import json

import pytest

from copilot.errors import InvalidInput
from copilot.secrets import KnownValueMasker, WorkspaceSecrets, read_secrets

VALUES = {"acme": {"CRM_TOKEN": "sk-abcdef123456", "PIN": "1234"}, "other": {"KEY": "abcdef"}}


def test_a_workspace_sees_its_own_alone():
    secrets = WorkspaceSecrets(VALUES)
    assert secrets.get("acme", "CRM_TOKEN") == "sk-abcdef123456"
    assert secrets.get("other", "CRM_TOKEN") is None
    assert secrets.all("nobody") == {}


def test_a_known_value_becomes_its_name_and_a_short_one_is_left():
    masked = KnownValueMasker(VALUES).mask("401 for sk-abcdef123456 after 1234 tries")
    assert masked == "401 for [secret CRM_TOKEN] after 1234 tries"


def test_without_secrets_nothing_changes():
    assert KnownValueMasker({}).mask("as it is") == "as it is"


def test_the_file_is_read(tmp_path):
    path = tmp_path / "secrets.json"
    path.write_text(json.dumps(VALUES))
    assert read_secrets(path) == VALUES


@pytest.mark.parametrize("text", ["{", "[]", '{"acme": 1}', '{"acme": {"KEY": 1}}'])
def test_a_file_that_can_not_be_used_is_named_and_not_quoted(tmp_path, text):
    path = tmp_path / "secrets.json"
    path.write_text(text.replace("1", '"sk-abcdef123456', 1) if text == "{" else text)
    with pytest.raises(InvalidInput, match=r"secrets\.json") as raised:
        read_secrets(path)
    assert "sk-abc" not in str(raised.value)


def test_a_missing_file_is_said_to_be_missing(tmp_path):
    with pytest.raises(InvalidInput, match="No such file"):
        read_secrets(tmp_path / "none.json")


VALUE = "sk-abcdef123456"
UNKNOWN = "gh" + "p_" + "aB3dE5gH7jK9mN1pQ3rS5tU7vW9xY1zA3bC5"


@pytest.mark.parametrize(
    "form",
    [
        VALUE.encode().hex(),
        base64.b64encode(b"crm:" + VALUE.encode()).decode(),
        json.dumps(VALUE),
    ],
    ids=["hex", "base64", "json"],
)
def test_a_known_value_is_named_in_other_forms_too(form):
    masked = KnownValueMasker(VALUES).mask(f"401 for {form}")
    assert "[secret CRM_TOKEN]" in masked


def test_a_secret_nobody_told_us_about_becomes_its_kind():
    masked = KnownValueMasker(VALUES).mask(f"{VALUE} and {UNKNOWN}")
    assert masked == "[secret CRM_TOKEN] and [[github-token]]"
    assert KnownValueMasker({}).mask(f"push with {UNKNOWN}") == "push with [[github-token]]"


def test_masking_twice_changes_nothing_more():
    masker = KnownValueMasker({"acme": {"secret": "secret", "PASSWORD": "hunter2-hunter2"}})
    once = masker.mask(f"password=hunter2-hunter2 secret {UNKNOWN} token: 'hunter2-hunter2'")
    assert "hunter2" not in once
    assert masker.mask(once) == once


def test_people_stay_in_our_own_tables():
    text = "no mailbox jane.doe@corp.example, card 4111 1111 1111 1111"
    assert KnownValueMasker(VALUES).mask(text) == text
