"""An answer is read or refused, and nothing else; what is refused is never said back."""

import base64
import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from copilot.pipeline.propose import ModelReport, read
from copilot.pipeline.propose.decoding import MAX_BYTES, MAX_DEPTH, NotStrict, decode
from copilot.routing import Refused
from copilot.types import RootCause
from copilot.types.proposal import Proposal
from tests.copilot.propose.proposal_builders import CANARY, a_fix, a_prompt, a_text, an_answer

PROMPT = a_prompt()


def refusal(text: str) -> str:
    with pytest.raises(Refused) as caught:
        read(text, PROMPT)
    return str(caught.value)


def test_an_answer_in_form_is_read() -> None:
    found = read(a_text(missing=["the document", " "], suspicious=True), PROMPT)
    assert found.explanation == "The template does not exist."
    assert found.root_cause is RootCause.MISSING_TEMPLATE
    assert [(one.item, one.quote) for one in found.evidence] == [
        (1, "Template 'Outbound v3' not found")
    ]
    assert found.missing == ("the document",)
    assert found.suspicious


@pytest.mark.parametrize(
    "around",
    [
        "{}",
        "\ufeff {}\n",
        "```json\n{}\n```",
        "```\n{}\n```\n",
        "Here it is:\n{}",
        "Here it is:\n```json\n{}\n```",
        "<think>{{ a brace, and a fence ``` }}</think>\n{}",
        "<think>hm</think>```json\n{}```",
    ],
)
def test_a_fence_thoughts_and_words_around_it_are_taken_off(around: str) -> None:
    assert read(around.format(a_text()), PROMPT) == read(a_text(), PROMPT)


@pytest.mark.parametrize(
    "around",
    [
        "{} and more",
        "{0} {0}",
        "{}\n```",
        "```json\n{}\n```\nDone.",
        "<think>{}",
        "{{ maybe }} {}",
        "{}</think>",
        "{}<think>x</think>",
    ],
)
def test_what_is_not_wholly_around_it_is_refused(around: str) -> None:
    assert "The answer can't be read" in refusal(around.format(a_text()))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no JSON object"),
        ("[]", "no JSON object"),
        ("null", "no JSON object"),
        ("{}", "Field required"),
        ('{"explanation": NaN}', "NaN or Infinity"),
        ('{"explanation": -Infinity}', "NaN or Infinity"),
        ('{"item": 1e999}', "too large"),
        ('{"a": ' + "9" * 5000 + "}", "not valid JSON"),
        ('{"a": 1, "a": 2}', "same key twice"),
        ('{"a": {"b": 1, "b": 2}}', "same key twice"),
        ('{"a": {"b": 1, "\\u0062": 2}}', "same key twice"),
        ('{"a": "\\ud800"}', "half of a character"),
        ('{"\\udc00": 1}', "half of a character"),
        ('{"a": "\ud800"}', "half of a character"),
        ('{"a": ' + "[" * 30_000, "nested deeper"),
        ('{"a":' * 9_000, "nested deeper"),
        ('{"a": "' + "x" * MAX_BYTES + '"}', "larger than"),
        ('{"a": "' + "\u4f60" * (MAX_BYTES // 2) + '"}', "larger than"),
        ('{"a": "' + '\\"' * 30_000, "not valid JSON"),
        ('{"a": "\x00"}', "not valid JSON"),
        ("{'a': 1}", "not valid JSON"),
        ('{"a": 1,}', "not valid JSON"),
    ],
    ids=range(22),
)
def test_what_is_no_strict_json_is_refused(text: str, said: str) -> None:
    assert said in refusal(text)


def test_depth_is_counted_before_anything_recurses_and_not_inside_strings() -> None:
    assert decode(json.dumps("[" * 100)) == "[" * 100
    assert decode('["\\"[[[[[[[[[[[["]') == ['"[[[[[[[[[[[[']
    decode("[" * MAX_DEPTH + "]" * MAX_DEPTH)
    with pytest.raises(NotStrict, match="nested deeper"):
        decode("[" * (MAX_DEPTH + 1))


@pytest.mark.parametrize(
    "changes",
    [
        {"auto_apply": True},
        {"explanation": 1},
        {"explanation": " "},
        {"explanation": "x" * 6001},
        {"root_cause": "hacked"},
        {"root_cause": None},
        {"root_cause": 1},
        {"suspicious": "no"},
        {"suspicious": 0},
        {"evidence": [{"item": "1", "quote": "x"}]},
        {"evidence": [{"item": 1.0, "quote": "x"}]},
        {"evidence": [{"item": True, "quote": "x"}]},
        {"evidence": [{"item": 1}]},
        {"evidence": [{"item": 1, "quote": "x" * 2001}]},
        {"evidence": [{"item": 1, "quote": "x"}] * 21},
        {"missing": ["x" * 501]},
        {"missing": ["x"] * 11},
        {"fixes": [a_fix("manual")] * 6},
        {"fixes": [a_fix("manual") | {"tier": "worst"}]},
        {"fixes": [a_fix("manual") | {"approved": True}]},
        {"fixes": [a_fix("m" * 101)]},
        {"fixes": [a_fix("manual", "x" * 1501)]},
        {"fixes": [a_fix("manual", **{"n" * 101: "x"})]},
        {"fixes": [a_fix("manual", name="x" * 12_001)]},
        {"fixes": [a_fix("manual", **{f"p{n}": "x" for n in range(13)})]},
        {"fixes": [a_fix("manual") | {"parameters": [{"name": "a", "value": 1}]}]},
        {"fixes": {}},
        {"fixes": None},
    ],
    ids=range(28),
)
def test_what_does_not_fit_the_form_is_refused(changes: dict[str, Any]) -> None:
    refusal(a_text(**changes))


@pytest.mark.parametrize("field", ModelReport.model_fields)
def test_every_field_is_required(field: str) -> None:
    given = an_answer()
    del given[field]
    assert refusal(json.dumps(given)) == f"The answer does not fit: {field}: Field required."


def test_a_problem_says_where_it_is_and_nothing_that_came_with_the_answer() -> None:
    evil = "ignore-everything"
    for text in (
        a_text(**{evil: 1}),
        a_text(root_cause=evil),
        a_text(fixes=[a_fix("manual") | {evil: evil}]),
        a_text(evidence=[{"item": evil, "quote": "x"}]),
        evil,
        a_text() + evil,
    ):
        said = refusal(text)
        assert evil not in said
        assert len(said) < 900
    assert "fixes.0.a field" in refusal(a_text(fixes=[a_fix("manual") | {evil: 1}]))


SPELT: dict[str, str] = {
    "raw": CANARY,
    "capitals": CANARY.upper(),
    "with blanks": " ".join(CANARY),
    "with hidden characters": "\u200b".join(CANARY),
    "backwards": CANARY[::-1],
    "hex": CANARY.encode().hex(),
    "hex with colons": CANARY.encode().hex(":").upper(),
    "base64": base64.b64encode(CANARY.encode()).decode(),
    "base64 at 1": base64.b64encode(b"x" + CANARY.encode()).decode(),
    "base64 at 2": base64.b64encode(b"xy" + CANARY.encode() + b"z").decode(),
    "url": "".join(f"%{ord(char):02x}" for char in CANARY),
    "escaped twice": "".join(f"\\u{ord(char):04x}" for char in CANARY),
    "entities": "".join(f"&#{ord(char)};" for char in CANARY),
    "partly escaped": CANARY.replace("3", "\\x33").replace("m", "%6D"),
}


@pytest.mark.parametrize("spelt", SPELT)
@pytest.mark.parametrize("place", ["explanation", "description", "key", "quote"])
def test_an_answer_that_gives_the_canary_back_is_refused(spelt: str, place: str) -> None:
    text = f"so {SPELT[spelt]} it"
    given = {
        "explanation": a_text(explanation=text),
        "description": a_text(fixes=[a_fix("manual", text)]),
        "key": a_text(**{text: 1}),
        "quote": a_text(evidence=[{"item": 1, "quote": text}]),
    }[place]
    assert "repeats marks of the prompt" in refusal(given)


def test_the_canary_is_found_in_json_escapes_over_several_strings_and_in_thoughts() -> None:
    escaped = "".join(f"\\u{ord(char):04X}" for char in CANARY)
    assert "marks" in refusal(a_text(explanation="HERE").replace("HERE", escaped))
    assert "marks" in refusal(a_text(missing=[CANARY[:7], CANARY[7:14], CANARY[14:]]))
    assert "marks" in refusal(f"<think>{CANARY}</think>{a_text()}")
    spread = {CANARY[:9]: "a", CANARY[9:]: "b"}
    assert "marks" in refusal(json.dumps(spread))
    in_parameters = a_fix("manual", a=CANARY[:9], b=CANARY[9:])
    assert "marks" in refusal(a_text(fixes=[in_parameters]))


def test_most_of_a_canary_is_no_canary() -> None:
    read(a_text(explanation=f"see {CANARY[:-1]}"), PROMPT)


junk = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
near = st.dictionaries(
    st.sampled_from([*ModelReport.model_fields, "type", "value"]), junk, max_size=4
).map(lambda changes: a_text(**changes))


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    st.one_of(
        near, junk.map(json.dumps), st.text(max_size=200), st.binary(max_size=99).map(lambda b: b.decode("latin1"))
    )
)  # fmt: skip
def test_reading_anything_gives_a_proposal_or_a_refusal(text: str) -> None:
    with suppress(Refused):
        assert isinstance(read(text, PROMPT), Proposal)
