"""The rules have the last word where they are sure; a model has to quote what it says."""

import pytest

from copilot.pipeline.diagnose.evidence import verify
from copilot.pipeline.propose import judge, read
from copilot.types import Alternative, Diagnosis, Evidence, RootCause, RunRecord, Verdict
from copilot.types.prompt import Prompt
from copilot.types.proposal import Judged
from tests.copilot.propose.proposal_builders import (
    MESSAGE,
    a_diagnosis,
    a_failed_run,
    a_fix,
    a_prompt,
    a_text,
)

QUOTE = "Template 'Outbound v3' not found"
CONFIRMED, LIKELY, OPEN = Verdict.CONFIRMED, Verdict.LIKELY, Verdict.INCONCLUSIVE
TEMPLATE, FIELD, UNKNOWN = RootCause.MISSING_TEMPLATE, RootCause.MISSING_FIELD, RootCause.UNKNOWN


def judged(
    claimed: RootCause,
    diagnosis: Diagnosis,
    *,
    quotes: tuple[tuple[int, str], ...] = ((1, QUOTE),),
    run: RunRecord | None = None,
    prompt: Prompt | None = None,
    **more: object,
) -> Judged:
    prompt = prompt or a_prompt()
    evidence = [{"item": item, "quote": quote} for item, quote in quotes]
    proposal = read(a_text(root_cause=claimed, evidence=evidence, **more), prompt)
    return judge(proposal, diagnosis, run or a_failed_run(), prompt)


@pytest.mark.parametrize("own", [TEMPLATE, FIELD, UNKNOWN, RootCause.TIMEOUT])
@pytest.mark.parametrize("verdict", list(Verdict))
@pytest.mark.parametrize("claimed", [TEMPLATE, FIELD, UNKNOWN])
@pytest.mark.parametrize("quoted", [True, False])
def test_who_has_the_last_word(
    own: RootCause, verdict: Verdict, claimed: RootCause, quoted: bool
) -> None:
    found = judged(
        claimed, a_diagnosis(own, verdict), quotes=((1, QUOTE if quoted else "made up words"),)
    )
    taken = claimed not in (own, UNKNOWN) and verdict is not CONFIRMED and quoted
    raised = claimed is own is not UNKNOWN and verdict is OPEN and quoted
    assert found.root_cause is (claimed if taken else own)
    assert found.verdict is (LIKELY if taken or raised else verdict)
    assert (found.disagreement is not None) == (claimed is not own and not taken)
    assert found.explanation == (
        "The template does not exist." if taken or claimed is own else "What the rules say."
    )
    assert found.grounds.endswith(".") or found.grounds == ""
    assert found.dropped_quotes == (0 if quoted else 1)
    assert own is not found.root_cause or found.verdict is not CONFIRMED or verdict is CONFIRMED


def test_another_opinion_beside_rules_that_are_sure_is_an_alternative() -> None:
    rules = a_diagnosis(TEMPLATE, CONFIRMED, grounds="Two places in the error say the same.")
    found = judged(FIELD, rules)
    (other,) = found.alternatives
    assert (other.root_cause, other.evidence.text) == (FIELD, QUOTE)
    assert other.why_not == "only the model says so, and the error itself settles it"
    assert found.disagreement == "The model thinks it is missing field; the rules are sure."
    assert found.grounds == "Two places in the error say the same."
    assert found.evidence == rules.evidence
    assert judged(FIELD, rules, quotes=()).alternatives == ()


def test_the_class_of_rules_that_were_not_sure_becomes_an_alternative() -> None:
    rules = a_diagnosis(TEMPLATE, LIKELY, entry="shop_template")
    found = judged(FIELD, rules)
    assert found.alternatives == (
        Alternative(
            root_cause=TEMPLATE,
            entry="shop_template",
            evidence=rules.evidence[0],
            why_not="the rules are not sure of it, and the model found words that say something else",
        ),
    )
    assert [one.text for one in found.evidence] == [QUOTE]
    assert found.grounds == (
        "The model says so and quotes the run; the rules would say missing template and are not sure."
    )


def test_alternatives_of_the_rules_stay_but_for_the_answer_and_at_most_three() -> None:
    def other(root_cause: RootCause) -> Alternative:
        evidence = Evidence(source="message", text="x")
        return Alternative(root_cause=root_cause, entry="e", evidence=evidence, why_not="no")

    rules = a_diagnosis(
        alternatives=tuple(
            map(other, (FIELD, RootCause.TIMEOUT, RootCause.CONFLICT, RootCause.AUTH_ERROR))
        )
    )
    found = [one.root_cause for one in judged(FIELD, rules).alternatives]
    assert found == [TEMPLATE, RootCause.TIMEOUT, RootCause.CONFLICT]


def test_a_quote_of_the_runs_error_points_to_where_it_stands() -> None:
    run = a_failed_run(f"oh: {MESSAGE}", type="NotFound", code="404")
    found = judged(FIELD, a_diagnosis(), run=run)
    (quote,) = found.evidence
    assert (quote.source, quote.step, quote.field, quote.text) == (
        "message",
        "/fill",
        "message",
        QUOTE,
    )
    assert verify(quote, run)
    assert quote.start == 4


@pytest.mark.parametrize(
    ("item", "quote"),
    [
        (1, "not  found\n in the workspace"),
        (1, "workspace of [[email:1]]"),
        (2, "404"),
        (3, "Outbound v2 from api.acme.example"),
    ],
)
def test_what_stands_in_its_item_is_verified(item: int, quote: str) -> None:
    assert judged(FIELD, a_diagnosis(), quotes=((item, quote),)).dropped_quotes == 0


@pytest.mark.parametrize(
    ("item", "quote"),
    [
        (0, QUOTE),
        (-1, QUOTE),
        (9, QUOTE),
        (2, QUOTE),
        (1, "Template 'Outbound v2' not found"),
        (1, "template 'outbound v3' not found"),
        (1, "e"),
        (1, "found i"),
        (1, ""),
        (1, " \u200b"),
        (3, "v2"),
    ],
    ids=range(11),
)
def test_what_does_not_stand_there_or_says_nothing_is_dropped_and_counted(
    item: int, quote: str
) -> None:
    found = judged(FIELD, a_diagnosis(), quotes=((item, quote),))
    assert found.dropped_quotes == 1
    assert found.root_cause is TEMPLATE


def test_a_masked_person_in_a_quote_is_found_in_the_run() -> None:
    found = judged(TEMPLATE, a_diagnosis(), quotes=((1, "the workspace of [[email:1]]"),))
    quote = found.evidence[-1]
    assert quote.text == "the workspace of ana@acme.example"
    assert verify(quote, a_failed_run())


def test_other_blanks_than_the_runs_are_pointed_to_as_the_run_has_them() -> None:
    run = a_failed_run("Template\t'Outbound v3' not  found here")
    prompt = a_prompt([("error.message", "Template 'Outbound v3' not found here")])
    found = judged(TEMPLATE, a_diagnosis(evidence=()), run=run, prompt=prompt)
    (quote,) = found.evidence
    assert (quote.text, quote.field) == (QUOTE, None)
    some = judged(
        TEMPLATE,
        a_diagnosis(evidence=()),
        run=run,
        prompt=prompt,
        quotes=((1, "'Outbound v3' not"),),
    )
    assert verify(some.evidence[0], run)


def test_words_of_the_workspace_have_no_pointer_even_where_the_run_has_them_too() -> None:
    prompt = a_prompt([("error.message", "x"), ("template", QUOTE)])
    found = judged(FIELD, a_diagnosis(), prompt=prompt, quotes=((2, QUOTE),))
    (quote,) = found.evidence
    assert (quote.source, quote.text, quote.field, quote.start) == ("workspace", QUOTE, None, None)


def test_the_field_and_the_step_that_the_item_names_are_looked_at_first() -> None:
    trace = f"line\n{QUOTE}"
    run = a_failed_run(traceback=trace, type="Nothing", details={"a": {"b": ["x", QUOTE]}})
    for source, field in (
        ("error.message", "message"),
        ("error.traceback", "traceback"),
        ("error.details", "details.a.b.1"),
        ("step_error.traceback", "traceback"),
    ):
        found = judged(FIELD, a_diagnosis(), run=run, prompt=a_prompt([(source, trace)]))
        assert found.evidence[0].field == field
        assert found.evidence[0].source == field.partition(".")[0]
        assert verify(found.evidence[0], run)


def test_a_long_quote_is_pointed_to_by_its_beginning() -> None:
    message = "word " * 200
    run = a_failed_run(message)
    prompt = a_prompt([("error.message", message)])
    found = judged(FIELD, a_diagnosis(), run=run, prompt=prompt, quotes=((1, message),))
    assert 100 < len(found.evidence[0].text) <= 160
    assert verify(found.evidence[0], run)


def test_words_that_can_not_be_shown_as_they_stand_have_no_pointer() -> None:
    run = a_failed_run("Template\u202e 'Outbound v3' not found")
    prompt = a_prompt([("error.message", QUOTE)])
    found = judged(FIELD, a_diagnosis(), run=run, prompt=prompt)
    (quote,) = found.evidence
    assert (quote.text, quote.field) == (QUOTE, None)


def test_every_text_is_fit_to_be_shown_and_names_of_the_prompt_stay() -> None:
    found = judged(
        TEMPLATE,
        a_diagnosis(),
        explanation="Log in at evil.com, not at api.acme.example <b>now</b>.",
        missing=["what [x](https://evil.com)\nsays"],
        fixes=[a_fix("manual", "Open https://evil.com."), a_fix("create_field", " ", name="a", label="b")],
    )  # fmt: skip
    assert found.explanation == (
        "Log in at evil[.]com, not at api.acme.example \u2039b\u203anow\u2039/b\u203a."
    )
    assert found.collect == ("what [x] (https: / /evil[.]com) says",)
    assert [one.description for one in found.fixes] == [
        "Open https: / /evil[.]com.",
        "Create Field",
    ]


def test_what_would_tell_more_is_asked_only_where_it_is_not_sure() -> None:
    rules = a_diagnosis(collect=("the log",))
    assert judged(TEMPLATE, rules, missing=["the log", "a", "b", "c", "d", "e"]).collect == (
        "the log",
        "a",
        "b",
        "c",
        "d",
    )
    assert judged(TEMPLATE, a_diagnosis(verdict=CONFIRMED), missing=["a"]).collect == ()


def test_an_explanation_of_nothing_leaves_the_rules_own() -> None:
    assert judged(TEMPLATE, a_diagnosis(), explanation="\u200b.\u200b").explanation == "."
    assert judged(TEMPLATE, a_diagnosis(), explanation="\u200b").explanation == (
        "What the rules say."
    )


def test_counts_and_suspicion_are_handed_on() -> None:
    found = judged(TEMPLATE, a_diagnosis(), suspicious=True, fixes=[a_fix("nothing")])
    assert (found.suspicious, found.unread_fixes) == (True, 1)
    assert found.fixes[0].hint.type == "manual"
