"""`ask-copilot resource`: what workflows name, stored and read from the command line."""

import json

import pytest

from copilot.bootstrap import open_app
from copilot.settings import load
from tests.surfaces.conftest import CommandLine
from tests.surfaces.twins import overheard_server

KEY = "sk-live-51HxYzAbCdEfGhIjKlMnOp"
KNOWN = "quiet-otter-42-harbour"
GMAIL = '{"type": "gmail", "connected": true}'


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    ask = CommandLine(tmp_path_factory.mktemp("resources"))
    assert ask("init").code == 0
    return ask


def error_of(answer):
    return answer.json["error"]["code"]


def test_an_account_is_stored_shown_listed_and_taken_away(ask):
    assert ask("init").code == 0
    assert "Nothing is stored." in ask("resource", "list").out
    stored = ask("resource", "set", "integration", "Gmail", "-", stdin=GMAIL)
    assert (stored.code, stored.out) == (0, "Stored: integration 'Gmail', version 1.\n")
    content = {"type": "gmail", "connected": True, "settings": {}}
    assert ask("resource", "show", "integration", "Gmail").json == content
    assert ask("resource", "show", "integration", "Gmail", "--json").json["version"] == 1
    assert "gmail, connected" in ask("resource", "list").out
    assert ask("resource", "list", "template", "--json").json == {"resources": []}
    gone = ask("resource", "delete", "integration", "Gmail")
    assert (gone.code, gone.out) == (0, "Deleted: integration 'Gmail'.\n")
    assert error_of(ask("resource", "show", "integration", "Gmail", "--json")) == "not_found"
    assert error_of(ask("resource", "delete", "integration", "Gmail", "--json")) == "not_found"


def test_what_is_shown_can_be_edited_and_set_again(place):
    place("resource", "set", "template", "Hi", "-", stdin='{"subject": "ä", "body": "{name}"}')
    shown = place("resource", "show", "template", "Hi")
    file = place.write("hi.json", shown.out.replace("ä", "Hello"))
    assert place("resource", "set", "template", "Hi", file, "--json").json["version"] == 2
    assert place("resource", "show", "template", "Hi").json["subject"] == "Hello"


def test_a_version_that_is_not_the_newest_changes_nothing(place):
    for _ in range(2):
        place("resource", "set", "document", "Rates", "-", stdin='{"path": "rates.pdf"}')
    late = ("document", "Rates", "-", "--version", "1", "--json")
    stale = place("resource", "set", *late, stdin='{"path": "other.pdf"}')
    assert (stale.code, error_of(stale)) == (5, "stale_version")
    gone = place("resource", "delete", "document", "Rates", "--version", "1", "--json")
    assert error_of(gone) == "stale_version"
    assert place("resource", "show", "document", "Rates").json == {"path": "rates.pdf"}


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        '"text"',
        '{"type": "gmail", "type": "mail"}',
        '{"type": NaN}',
        "[" * 100_000,
        b"\xff",
        b" " * 1_000_001,
    ],
    ids=["empty", "torn", "list", "text", "twice", "nan", "deep", "no-text", "large"],
)
def test_what_is_no_json_object_is_refused(place, content):
    answer = place("resource", "set", "integration", "Bad", "-", "--json", stdin=content)
    assert (answer.code, error_of(answer)) == (3, "invalid_input")


@pytest.mark.parametrize(
    ("kind", "content", "said"),
    [
        ("integration", {"connected": True}, "/type: it is missing. Write for example {"),
        (
            "integration",
            {"type": "gmail", "password": "x"},
            "/password: it is not known here. What may be given is type, connected, settings.",
        ),
        ("integration", {"type": " "}, "/type: it is empty."),
        (
            "integration",
            {"type": "gmail", "connected": "yes"},
            "/connected: it is neither true nor false. Write true or false, without quotes.",
        ),
        ("integration", {"type": "gmail", "connected": 1}, "/connected: it is neither"),
        ("integration", {"type": "gmail", "settings": []}, "/settings: it is no object."),
        ("template", {"subject": "Hi"}, "/body: it is missing."),
        ("template", {"body": "Hi", "usage_count": "3"}, "/usage_count: it is no whole number."),
        ("template", {"body": "Hi", "subject": "x" * 1001}, "Write 1000 characters at most."),
        (
            "custom_field",
            {"label": "Shade", "type": "colour"},
            "/type: it is no type of a custom field. Write text, number or date.",
        ),
        ("document", {"path": 3}, "/path: it is no text. Write a text in quotes."),
        ("document", {"path": ""}, "/path: it is no path inside"),
        ("document", {"path": "../../etc/passwd"}, "/path: it is no path inside"),
        ("document", {"path": "/etc/passwd"}, "/path: it is no path inside"),
        ("document", {"path": "a\\..\\b"}, "/path: it is no path inside"),
    ],
    ids=[
        "no-type",
        "unknown-field",
        "blank-type",
        "yes",
        "one",
        "list-of-settings",
        "no-body",
        "count-in-quotes",
        "long-subject",
        "unknown-type",
        "path-no-text",
        "no-path",
        "path-climbs",
        "path-absolute",
        "path-of-windows",
    ],
)
def test_content_of_the_wrong_form_is_refused_with_its_place(place, kind, content, said):
    answer = place("resource", "set", kind, "Bad", "-", "--json", stdin=json.dumps(content))
    assert (answer.code, error_of(answer)) == (3, "invalid_input")
    told = answer.json["error"]["message"]
    assert said in told
    assert "Input should" not in told
    assert error_of(place("resource", "show", kind, "Bad", "--json")) == "not_found"


@pytest.mark.parametrize(
    "settings",
    [
        {"api_key": KEY},
        {"accounts": [{"login": {"password": "Sommer2024"}}]},
        {"headers": ["Authorization: Bearer " + KEY]},
        {KEY: "x"},
        {"note": KNOWN},
        {"secret": "abc"},
        {"accounts": [{"apiKey": "x y"}]},
        {"tokens": ["CRM_TOKEN", "abc"]},
    ],
    ids=[
        "by-its-name",
        "deep-inside",
        "in-a-header",
        "as-a-name",
        "known",
        "short",
        "of-words",
        "one-of-many",
    ],
)
def test_a_secret_among_the_settings_is_refused_and_not_repeated(place, settings):
    secrets = place.write("secrets.json", json.dumps({"default": {"CRM_TOKEN": KNOWN}}))
    content = json.dumps({"type": "crm", "settings": settings})
    env = {"ASK_COPILOT_SECRETS_FILE": secrets}
    answer = place("resource", "set", "integration", "Bad", "-", "--json", stdin=content, env=env)
    assert (answer.code, error_of(answer)) == (3, "invalid_input")
    told = answer.json["error"]["message"]
    assert told.startswith("/settings/")
    assert "ASK_COPILOT_SECRETS_FILE" in told
    assert not [one for one in (KEY, KNOWN, "Sommer2024") if one in answer.out + answer.err]
    assert error_of(place("resource", "show", "integration", "Bad", "--json")) == "not_found"


def test_the_name_of_a_secret_may_stand_among_the_settings(place):
    settings = {
        "token": "CRM_TOKEN",
        "password": {"secret": "SMTP_PASSWORD"},
        "tokens": ["env:CRM", "secret:crm", "{{ inputs.token }}", "secret:crm_token", ""],
        "token_url": "https://crm.example/token",
        "webhook_url": "https://crm.example/hook",
        "page_token": "abc",
        "password_policy": "strict",
        "auth": "oauth2",
        "region": "eu-west-1",
    }
    content = json.dumps({"type": "crm", "settings": settings})
    assert place("resource", "set", "integration", "Named", "-", stdin=content).code == 0
    assert place("resource", "show", "integration", "Named").json["settings"] == settings


@pytest.mark.parametrize("name", [KEY, f"Gmail {KNOWN}"], ids=["looks-like-one", "known"])
def test_a_secret_as_the_name_of_an_account_is_refused_and_not_repeated(place, name):
    secrets = place.write("secrets.json", json.dumps({"default": {"CRM_TOKEN": KNOWN}}))
    env = {"ASK_COPILOT_SECRETS_FILE": secrets}
    answer = place("resource", "set", "integration", name, "-", "--json", stdin=GMAIL, env=env)
    assert (answer.code, error_of(answer)) == (3, "invalid_input")
    assert answer.json["error"]["message"].startswith("name: this looks like a secret")
    assert name not in answer.out + answer.err
    assert name not in [
        one["name"] for one in place("resource", "list", "--json").json["resources"]
    ]


@pytest.mark.parametrize(
    ("kind", "example"),
    [
        ("template", {"subject": "Welcome", "body": "Hello {name}"}),
        ("custom_field", {"label": "Lead score", "type": "number"}),
        ("integration", {"type": "gmail", "connected": True}),
        ("document", {"path": "prices/2026.pdf"}),
    ],
    ids=["template", "custom-field", "integration", "document"],
)
@pytest.mark.parametrize("content", ["Hello {name}", '["Hello"]'], ids=["text", "list"])
def test_for_plain_text_it_says_what_would_be_right_and_that_is(place, kind, example, content):
    answer = place("resource", "set", kind, "Plain", "-", "--json", stdin=content)
    told = answer.json["error"]["message"]
    assert told.endswith(f"Write for example {json.dumps(example)}.")
    assert place("resource", "set", kind, "Right", "-", stdin=json.dumps(example)).code == 0


@pytest.mark.parametrize(
    "name",
    [
        *("../x", "a/../x", "./x", "/x", "x/", "..", "a\tb", "x" * 201),
        *("", " ", " x ", "x ", "\u00a0x", "\u200b"),
    ],
)
def test_a_name_that_can_not_be_one_is_refused(place, name):
    answer = place("resource", "set", "template", name, "-", "--json", stdin='{"body": "Hi"}')
    assert (answer.code, error_of(answer)) == (3, "invalid_input")
    assert answer.json["error"]["message"].startswith("name: ")
    names = [one["name"] for one in place("resource", "list", "--json").json["resources"]]
    assert name not in names


@pytest.mark.parametrize("name", ["Outbound v2", "Sales/Welcome", "..x", "v1.2", "日本", "a-b_c"])
def test_a_name_that_people_give_is_taken(place, name):
    assert place("resource", "set", "template", name, "-", stdin='{"body": "Hi"}').code == 0


def test_kinds_and_files_that_are_not_there_are_named(place):
    assert "integration" in place("resource", "set", "account", "Gmail", "-").err
    missing = place("resource", "set", "integration", "Gmail", "gone.json", "--json")
    assert error_of(missing) == "invalid_input"


def test_who_stored_and_took_away_is_in_the_audit_as_over_http(place):
    place("resource", "set", "integration", "Crm", "-", stdin=GMAIL)
    place("resource", "delete", "integration", "Crm")
    newest = place("audit", "--json").json["items"][:2]
    assert [(one["action"], one["subject"]) for one in newest] == [
        ("delete_resource", "integration/Crm"),
        ("put_resource", "integration/Crm"),
    ]


def test_names_are_shown_without_what_a_terminal_would_carry_out(place):
    with open_app(load({}, data=place.folder / ".ask-copilot"), dispatch=False) as app:
        app.owner().resources.put("template", "a/\u202eb [red]", {"body": "x"})
    told = place("resource", "list").out
    assert "\u202e" not in told
    assert "[red]" in told


def test_it_does_the_same_on_a_server(ask, tmp_path):
    with open_app(load({}, data=tmp_path / "server"), dispatch=False) as app:
        key = app.access.first_owner("default", "ada").secret
        with overheard_server(app) as (url, _):
            env = {"ASK_COPILOT_URL": url, "ASK_COPILOT_KEY": key}
            set_it = ("resource", "set", "integration", "My mail/ä", "-")
            assert ask(*set_it, stdin=GMAIL, env=env).code == 0
            (one,) = ask("resource", "list", "--json", env=env).json["resources"]
            assert (one["name"], one["version"]) == ("My mail/ä", 1)
            stale = ask(*set_it, "--version", "7", "--json", stdin=GMAIL, env=env)
            assert error_of(stale) == "stale_version"
            wrong = '{"type": "gmail", "connected": "yes"}'
            refused = ask(*set_it, "--json", stdin=wrong, env=env)
            assert refused.json["error"]["message"].startswith("/connected: it is neither")
            for name in (" ", " x ", KEY):
                refused = ask(*set_it[:3], name, "-", "--json", stdin=GMAIL, env=env)
                assert error_of(refused) == "invalid_input"
                assert refused.json["error"]["message"].startswith("name: ")
            assert ask("resource", "delete", "integration", "My mail/ä", env=env).code == 0
        assert app.owner().resources.list() == ()
