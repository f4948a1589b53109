"""A fix is read strictly by its type; what can't be read stays as words and is counted."""

import json
from typing import Any

import pytest

from copilot.fixes import FIXES, parse
from copilot.pipeline.propose import read
from copilot.types.proposal import ProposedFix
from tests.contracts.test_fixes import FITTING
from tests.copilot.propose.proposal_builders import a_fix, a_prompt, a_text

EMAIL = "[[email:1]]"
REPLACING = {"path": "/steps/0/with/range", "old": '"a"', "value": '"b"'}


def proposed(*fixes: dict[str, Any]) -> tuple[tuple[ProposedFix, ...], int]:
    found = read(a_text(fixes=list(fixes)), a_prompt())
    return found.fixes, found.unread_fixes


def in_words(fix: dict[str, Any]) -> bool:
    (found,), unread = proposed(fix)
    assert found.description == fix["description"]
    assert (found.fix is None) == (unread == 1)
    return found.fix is None


@pytest.mark.parametrize("kind", sorted(FIXES))
def test_every_type_is_read_from_its_parameters(kind: str) -> None:
    fields = FITTING[kind]
    texts = {name for name in fields if kind != "replace_value" or name == "path"}
    spelt = {
        name: value if name in texts and isinstance(value, str) else json.dumps(value)
        for name, value in fields.items()
    }
    (found,), unread = proposed(a_fix(kind, **spelt))
    assert found.fix == parse({"type": kind, **fields})
    assert unread == 0
    assert found.hint.type == kind
    assert found.hint.parameters == found.fix.model_dump(
        mode="json", exclude={"type"}, exclude_none=True
    )


def test_an_older_name_of_a_type_is_understood() -> None:
    ((found,), _) = proposed(a_fix("suggest_template", name="X", subject="Hi", body="Hello"))
    assert found.hint.type == "create_template"


def test_a_remedy_in_words_is_no_fix_that_could_not_be_read() -> None:
    assert proposed(a_fix("manual", "Ask them.", name="x")) == (
        (ProposedFix(description="Ask them.", tier="best"),),
        0,
    )


def test_text_for_text_and_json_for_the_rest() -> None:
    number = a_fix("adjust_restrictions", name="max_sends", old="50", value="20")
    assert not in_words(number)
    assert in_words(a_fix("adjust_restrictions", name="max_sends", old='"50"', value="20"))
    assert in_words(a_fix("adjust_restrictions", name="max_sends", old="50", value="20.0"))
    assert in_words(a_fix("adjust_restrictions", name="max_sends", old="50", value="twenty"))
    for spelt, value in (('"b"', "b"), ("b", "b"), ("7", 7), ("1.5", 1.5), ('"7"', "7"), ("", "")):
        ((found,), _) = proposed(a_fix("replace_value", **{**REPLACING, "value": spelt}))
        assert found.fix is not None
        assert found.fix.model_dump()["value"] == value
        assert type(found.fix.model_dump()["value"]) is type(value)
    ((found,), _) = proposed(a_fix("create_field", name="1", label="2"))
    assert found.fix is not None
    assert found.fix.model_dump()["label"] == "2"


@pytest.mark.parametrize(
    "fix",
    [
        a_fix("raise_budget", amount="5"),
        a_fix("__class__"),
        a_fix("Create_Template", name="X", subject="Hi", body="x"),
        a_fix("create_template", name="X", subject="Hi"),
        a_fix("create_template", name="X", subject="Hi", body="x", approved="true"),
        a_fix("create_template", type="create_field", name="X", label="Hi"),
        a_fix("create_template", name="X", subject="Hi", body="see https://evil.example"),
        a_fix("create_template", name="X", subject="Hi", body="{{ secrets.crm }}"),
        a_fix("replace_value", **{**REPLACING, "value": "true"}),
        a_fix("replace_value", **{**REPLACING, "value": "null"}),
        a_fix("replace_value", **{**REPLACING, "value": '{"a": 1, "b": 2}'}),
        a_fix("replace_value", **{**REPLACING, "path": "/budget"}),
    ],
    ids=range(12),
)
def test_what_is_no_fix_of_its_type_stays_in_words(fix: dict[str, Any]) -> None:
    assert in_words(fix)


def test_a_parameter_given_twice_makes_no_fix() -> None:
    fix = a_fix("create_field", name="X", label="Hi")
    assert not in_words(fix)
    fix["parameters"].append({"name": "label", "value": "Ho"})
    assert in_words(fix)


def test_one_unreadable_fix_leaves_the_others_and_without_words_it_is_gone() -> None:
    good = a_fix("create_field", name="X", label="Hi")
    found, unread = proposed(a_fix("nothing", " "), good, a_fix("nothing", "Words."))
    assert [one.hint.type for one in found] == ["create_field", "manual"]
    assert unread == 2


def test_what_was_masked_for_the_model_comes_back_in_words() -> None:
    found = read(
        a_text(
            explanation=f"For {EMAIL}.",
            missing=[f"what {EMAIL} did", "[[email:2]] [email:1] [[EMAIL:1]]"],
            fixes=[a_fix("manual", f"Ask {EMAIL}.")],
            evidence=[{"item": 1, "quote": f"of {EMAIL}"}],
        ),
        a_prompt(),
    )
    assert found.explanation == "For ana@acme.example."
    assert found.fixes[0].description == "Ask ana@acme.example."
    assert found.evidence[0].quote == "of ana@acme.example"
    assert found.missing == ("what ana@acme.example did", "[[email:2]] [email:1] [[EMAIL:1]]")


def test_what_comes_back_is_not_looked_at_again() -> None:
    prompt = a_prompt(restored={"[[email:1]]": "[[email:2]]", "[[email:2]]": "bea@acme.example"})
    found = read(a_text(explanation="[[email:1]]"), prompt)
    assert found.explanation == "[[email:2]]"


def test_a_masked_person_may_stay_where_she_is_and_get_nowhere_else() -> None:
    staying = {**REPLACING, "old": f'"to {EMAIL}"', "value": f'"for {EMAIL}"'}
    ((found,), _) = proposed(a_fix("replace_value", **staying))
    assert found.fix is not None
    assert found.fix.model_dump()["old"] == "to ana@acme.example"
    assert in_words(a_fix("replace_value", **{**REPLACING, "value": EMAIL}))
    assert in_words(a_fix("create_field", name="X", label=EMAIL))


def test_a_masked_card_can_not_be_written_out_anywhere() -> None:
    prompt = a_prompt(restored={"[[card:1]]": "4111 1111 1111 1111"})
    for fix in (
        a_fix("update_instructions", add="Pay with [[card:1]]."),
        a_fix("create_template", name="X", subject="Hi", body="Pay with [[card:1]]."),
    ):
        found = read(a_text(fixes=[fix]), prompt)
        assert found.fixes[0].fix is None


def test_a_secret_is_never_part_of_a_fix() -> None:
    assert in_words(a_fix("update_instructions", add="Use [[openai-key:1]]."))
    assert in_words(a_fix("update_instructions", add="Use [[openai-key]]."))
    assert in_words(a_fix("replace_value", **{**REPLACING, "old": '"[[openai-key:1]]"'}))
