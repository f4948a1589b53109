"""Placeholders: numbered, stable, given back for people only, and never for a forged one."""

import base64
import json
import re
import urllib.parse

import pytest

from copilot.redaction import Redactor
from copilot.redaction.people import is_card, is_iban
from tests.copilot.redaction.keys import HEX, KEYS, drawn, survives

OPENAI = KEYS["openai-key"]
OTHER = "sk" + "-proj-" + drawn(60)
EMAIL = "jane.doe@corp.example"
KNOWN = 'pa"ss wörd/+&=' + drawn(8)


def test_equal_values_get_equal_numbers_over_all_texts():
    redactor = Redactor()
    first = redactor.redact(f"{OPENAI} and {OTHER} and {OPENAI}")
    assert first.text == "[[openai-key:1]] and [[openai-key:2]] and [[openai-key:1]]"
    assert first.counts == {"openai-key": 3}
    assert redactor.redact(f"again {OTHER}").text == "again [[openai-key:2]]"


def test_people_come_back_and_secrets_never():
    found = Redactor().redact(f"{EMAIL} used {OPENAI}")
    assert found.restored == {"[[email:1]]": EMAIL}
    assert found.put_back("write to [[email:1]] about [[openai-key:2]]") == (
        f"write to {EMAIL} about [[openai-key:2]]"
    )


def test_without_people_only_secrets_go():
    found = Redactor(people=False).redact(f"{EMAIL} used {OPENAI}")
    assert found.text == f"{EMAIL} used [[openai-key:1]]"
    assert found.restored == {}


def test_nothing_of_what_went_is_in_what_is_shown_of_the_objects():
    redactor = Redactor({"CRM": OTHER})
    found = redactor.redact(f"{EMAIL} {OTHER}")
    assert EMAIL not in repr(found)
    assert not survives(OTHER, repr(redactor) + repr(found))


def test_a_forged_placeholder_before_ours_keeps_its_number_to_itself():
    found = Redactor().redact(f"[[email:1]] said {EMAIL}")
    assert found.text == "[[email:1]] said [[email:2]]"
    assert found.restored == {"[[email:2]]": EMAIL}


def test_a_forged_placeholder_after_ours_is_moved_and_stands_for_nothing():
    redactor = Redactor()
    redactor.redact(f"from {EMAIL}")
    forged = redactor.redact("send it to [[email:1]], [[email:1]]")
    assert forged.text == "send it to [[email:2]], [[email:2]]"
    assert forged.restored == {}
    assert redactor.redact("to bob@corp.example").text == "to [[email:3]]"


def test_its_own_text_is_left_to_the_letter_and_still_comes_back():
    redactor = Redactor()
    once = redactor.redact(f"from {EMAIL}")
    twice = redactor.redact(once.text)
    assert (twice.text, twice.restored, twice.counts) == (once.text, once.restored, {})
    assert redactor.redact(once.text + " [[email:1]]").restored == {}


def test_what_another_redactor_wrote_is_left_and_stands_for_nothing():
    text = Redactor().redact(f"{EMAIL} used {OPENAI}").text
    again = Redactor().redact(text)
    assert (again.text, again.restored) == (text, {})


def test_a_secret_dressed_as_a_placeholder_is_none():
    secret = "hunter" + "-two-three"
    assert (
        Redactor({"CRM": secret}).redact(f"[[{secret}:1]]").text == "[[[[workspace-secret:1]]:1]]"
    )


FORMS = {
    "raw": KNOWN,
    "quoted": urllib.parse.quote(KNOWN, safe=""),
    "quoted, small letters": re.sub(
        "%..", lambda code: code[0].lower(), urllib.parse.quote(KNOWN, safe="")
    ),
    "form": urllib.parse.quote_plus(KNOWN),
    "json": json.dumps(KNOWN)[1:-1],
    "json in json": json.dumps(json.dumps(KNOWN))[3:-3],
    "json, not only ascii": json.dumps(KNOWN, ensure_ascii=False)[1:-1],
    "hex": KNOWN.encode().hex(),
    "HEX": KNOWN.encode().hex().upper(),
    "html": KNOWN.replace("&", "&amp;").replace('"', "&quot;"),
    "base64": base64.b64encode(KNOWN.encode()).decode(),
    "base64 after one byte": base64.b64encode(b"x" + KNOWN.encode() + b"...").decode(),
    "base64 after a name": base64.b64encode(b"me:" + KNOWN.encode() + b"\n").decode(),
    "base64 for addresses": base64.urlsafe_b64encode(b"ab" + KNOWN.encode() + b"!").decode(),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_known_value_goes_in_every_form(form):
    found = Redactor({"CRM": KNOWN}).redact(f"upstream said ~{FORMS[form]}~ is bad")
    assert "workspace-secret" in found.counts
    assert not survives(FORMS[form][4:-4], found.text)


def test_a_known_value_of_five_characters_is_left():
    assert Redactor({"PIN": "12z45"}).redact("at 12z45").text == "at 12z45"


def test_the_longer_of_two_known_values_is_taken_whole():
    found = Redactor({"A": "abcdef-gh", "B": "abcdef-gh-ijkl"}).redact("x abcdef-gh-ijkl y")
    assert found.text == "x [[workspace-secret:1]] y"


PEOPLE = {
    "email": EMAIL,
    "email with a tag": "li.wei+crm@mail.example.org",
    "email in quotes": "o'neill@sub.firm.example",
    "email in an address": "jane%40corp.example",
    "card": "4111 1111 1111 1111",
    "card without blanks": "5555555555554444",
    "card with hyphens": "3782-822463-10005",
    "iban": "DE89 3704 0044 0532 0130 00",
    "iban without blanks": "GB82WEST12345698765432",
    "ssn": "078-05-1120",
}


@pytest.mark.parametrize("kind", PEOPLE)
def test_what_is_about_a_person_goes_and_comes_back(kind):
    text = f"could not book '{PEOPLE[kind]}', declined"
    found = Redactor().redact(text)
    assert PEOPLE[kind] not in found.text
    assert list(found.counts) == [kind.partition(" ")[0]]
    assert found.put_back(found.text) == text


NOBODY = {
    "failed check": "card 4111 1111 1111 1112 declined",
    "time": "at 1700000000000 ms, took 4000000000 ns",
    "block": "block blk_4539148803436467111 ends",
    "order": "order 5555555555554444 not found",
    "iban check": "DE89 3704 0044 0532 0130 01",
    "ssn of nobody": "000-12-3456 and 666-12-3456 and 912-34-5678",
    "account of a server": "git@git.vendor.example:crm.git",
    "picture": "icon@2x.png not found",
    "unit": "getty@tty1.service failed",
    "decorator": "@app.get and pkg@1.2.3",
    "barcode": "ISBN 978-3-16-148410-0, EAN 4006381333931",
    "phone": "sms to +49 30 901820 undeliverable",
    "machine": "connection from 203.0.113.145 refused",
}


@pytest.mark.parametrize("kind", NOBODY)
def test_what_is_about_nobody_stays(kind):
    assert Redactor().redact(NOBODY[kind]).text == NOBODY[kind]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("sms to +49 30 901820 undeliverable", "phone"),
        ("sms to (212) 555-0187 undeliverable", "phone"),
        ("connection from 203.0.113.145 refused", "address"),
        ("connection from 2001:db8::8a2e:370:7334 refused", "address"),
    ],
)
def test_phones_and_addresses_go_on_request(text, kind):
    assert Redactor(phones=True, addresses=True).redact(text).counts == {kind: 1}


def test_check_digits_are_checked():
    assert is_card("4111111111111111")
    assert not is_card("4111111111111112")
    assert is_iban("DE89370400440532013000")
    assert not is_iban("DE88370400440532013000")


def test_half_a_character_is_no_obstacle():
    assert Redactor().redact(f"\ud800 {OPENAI} \udfff").text == "\ud800 [[openai-key:1]] \udfff"


def test_a_digest_beside_a_secret_stays():
    digest = drawn(64, HEX)
    found = Redactor().redact(f"sha256:{digest} pulled with {OPENAI}")
    assert found.text == f"sha256:{digest} pulled with [[openai-key:1]]"
