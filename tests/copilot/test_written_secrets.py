"""What is taken for a secret among the settings of an account, and what only looks a bit like one."""

import pytest

from copilot.errors import InvalidInput
from copilot.redaction import mask_secrets
from copilot.service.written_secrets import refuse_secrets, without_secrets

TEXT = "Walnut4821x"

SECRETS = {
    "in an object": ({"password": {"value": TEXT}}, "/password/value"),
    "of words in an object": ({"password": {"value": "open sesame"}}, "/password/value"),
    "a number in an object": ({"password": {"value": 12345678}}, "/password/value"),
    "a number of a PIN": ({"pins": {"admin": 12345678}}, "/pins/admin"),
    "of several people": ({"passwords": {"admin": "abc"}}, "/passwords/admin"),
    "of a user": ({"passwords": {"user": "abc"}}, "/passwords/user"),
    "by its number": ({"passwords": {"1": "abc"}}, "/passwords/1"),
    "of several, of old": ({"passwords_old": {"admin": "abc"}}, "/passwords_old/admin"),
    "deep": ({"api_keys": {"crm": {"live": ["abc"]}}}, "/api_keys/crm/live/0"),
    "in a list": ({"tokens": [{"name": "crm", "is": "abc"}]}, "/tokens/0/is"),
    "of joined words": ({"password": "correct-horse-pass"}, "/password"),
    "with dots": ({"api_key": "my-team.secret.word"}, "/api_key"),
    "like a name in small letters": ({"token": "crm_token"}, "/token"),
    "in capitals": ({"password": {"value": "HUNTER2"}}, "/password/value"),
}


@pytest.mark.parametrize(("settings", "place"), SECRETS.values(), ids=SECRETS.keys())
def test_it_is_refused_by_every_name_that_it_stands_under(settings, place):
    with pytest.raises(InvalidInput) as refused:
        refuse_secrets({"type": "crm", "settings": settings}, mask=mask_secrets)
    told = str(refused.value)
    assert told.startswith(f"/settings{place}: this ")
    for text in (TEXT, "sesame", "12345678", "abc", "HUNTER2", "correct", "my-team"):
        assert text not in told


@pytest.mark.parametrize("settings", [one for one, _ in SECRETS.values()], ids=SECRETS.keys())
def test_what_is_refused_is_not_shown(settings):
    shown = without_secrets({"type": "crm", "settings": settings}, mask=mask_secrets)
    assert "[[secret]]" in str(shown)
    refuse_secrets({"type": "crm"}, mask=mask_secrets)
    for text in (TEXT, "sesame", "12345678", "abc", "HUNTER2", "correct", "my-team"):
        assert text not in str(shown)
    assert shown["type"] == "crm"


FINE = {
    "how many": {"token_limit": 500, "max_tokens": 4000, "tokens_per_minute": "20000"},
    "a rule": {"password_policy": "strict", "password": {"policy": "strict", "min_length": 12}},
    "a key that opens nothing": {"key": "inbox", "sort_key": "date", "public_key": "abc"},
    "a page": {"page_token": "abc"},
    "a kind": {"token_type": "bearer", "auth": {"type": "oauth2", "scopes": ["mail.read"]}},
    "facts about one": {
        "token": {"type": "bearer", "expires_at": "2027-01-01", "header": "X-Crm"},
        "password": {"max_age": 7776000, "user": "ada", "value": "CRM_PASSWORD"},
        "secrets": {"provider": "vault", "path": "kv/crm"},
    },
    "whose it is": {"credentials": {"username": "ada", "password": "CRM_PASSWORD"}},
    "a list of names": {"tokens": [{"name": "crm", "value": "CRM_TOKEN"}, "MAIL_TOKEN"]},
    "an address": {"token_url": "https://crm.example/token", "webhook_url": "https://crm.example"},
    "what stands for one": {
        "password": {"secret": "SMTP_PASSWORD"},
        "passwords": {"admin": "{{ inputs.password }}", "ada": "env:ADA", "bob": "${BOB}"},
        "token": "secret:crm-token",
        "secret": "",
    },
    "a switch": {"password": {"required": True}, "secret": None},
    "words that have one inside": {"passenger": "Ada", "secretary": "Bob", "compass": "north"},
}


@pytest.mark.parametrize("settings", FINE.values(), ids=FINE.keys())
def test_what_is_none_is_taken_and_shown_as_it_is(settings):
    content = {"type": "crm", "settings": settings}
    refuse_secrets(content, mask=mask_secrets)
    assert without_secrets(content, mask=mask_secrets) == content
