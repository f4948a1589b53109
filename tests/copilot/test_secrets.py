"""Secrets are looked up by workspace and never written down."""

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
