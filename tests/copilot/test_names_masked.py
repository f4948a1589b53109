"""Names of runs of other systems: a key in one is masked, also cut in two or with something unseen in it."""

import json

import pytest

from copilot.errors import InvalidInput
from copilot.pipeline.words import Words
from copilot.redaction import Redactor
from copilot.rehearsal import rehearse
from copilot.sources.jsonl import parse_run
from knowledge_base import load

KEY = "ghp" + "_" + "A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q7r8"
SPLIT = KEY[:4] + "\u200b" + KEY[4:]


def a_run(**fields):
    step = {"id": "s1", "status": "failed", "error": "boom"} | fields
    run = {"id": "x", "agent": "a", "status": "failed", "error": "boom", "steps": [step]}
    return parse_run(run, where="run", workspace_id="acme")


@pytest.mark.parametrize("field", ["name", "action", "type"])
@pytest.mark.parametrize(
    "value",
    [KEY, SPLIT, "x" * 170 + " " + KEY, f"say {SPLIT} twice"],
    ids=["whole", "split", "cut", "inside"],
)
def test_a_key_in_a_name_goes_nowhere(field, value):
    run = a_run(**{field: value})
    told = rehearse(run, load(), Words()).user
    for shown in (run.model_dump_json(), told):
        assert KEY[4:24] not in shown
        assert KEY[4:24] not in json.loads(json.dumps(shown)).replace("\ufffd", "")


def test_a_key_with_marks_in_it_is_found_by_the_prompt():
    redactor = Redactor()
    run = a_run().model_copy(update={"execution_id": KEY[:4] + "\ufffd" + KEY[4:]})
    assert KEY[4:24] not in rehearse(run, load(), Words()).user
    assert redactor.redact(KEY).counts


def test_a_text_that_no_text_can_hold_is_refused_in_words():
    with pytest.raises(InvalidInput, match="can't be used"):
        parse_run(
            {"id": "d\ud800", "agent": "a", "status": "failed", "error": "boom"},
            where="line 2",
            workspace_id="acme",
        )
