"""`kb`: what the rules know, looked at, tried out and extended from the command line."""

import json

import pytest
from click.testing import CliRunner

from copilot.surfaces.cli import cli
from copilot.surfaces.cli.knowledge import kb

GATE = """\
root_cause: upstream_error
retry_helps: true
patterns:
  - weight: 93
    has: [flux gate is closed]
    find: 'gate\\sis\\sclosed\\sin\\s<w:sector>'
captures: ['in\\s<w:sector>']
explanation: "The flux gate[ of {sector}|] was closed when your agent called it."
fixes:
  - {type: retry_policy, tier: quick, description: "Run again after 06:00 UTC, when it opens"}
references: ["https://gates.example.com/hours"]
examples:
  match: ["the flux gate is closed in sector7"]
  no_match: ["the gate answered late"]
"""


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "own"
    made.mkdir()
    (made / "flux_gate_closed.yaml").write_text(GATE)
    return made


def ask(*words, **options):
    return CliRunner().invoke(kb, [str(word) for word in words], **options)


def changed(folder, before, after):
    file = folder / "flux_gate_closed.yaml"
    assert before in GATE
    file.write_text(GATE.replace(before, after))
    return folder


def test_a_good_folder_has_no_findings(folder):
    answer = ask("lint", folder)
    assert (answer.exit_code, answer.output) == (0, "1 entry: 0 errors, 0 warnings.\n")
    answer = ask("test", folder)
    assert (answer.exit_code, answer.output) == (0, "2 of 2 examples hold, of 1 entry.\n")


def test_what_is_shipped_has_examples_that_hold():
    answer = ask("test", "--json")
    assert (answer.exit_code, json.loads(answer.output)["broken"]) == (0, [])


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("upstream_error", "bad_luck", "root_cause: 'bad_luck' is no root cause"),
        ("retry_policy", "pray", "fixes.0.type: 'pray' is no fix type"),
        ("gate\\sis", "(?:gate)+is", "patterns.0.find: '+' repeats without a bound"),
        ("examples:", "exmaples:", "examples: Field required"),
        ("[flux gate is closed]", "[flux gate is closed", "file: not YAML"),
    ],
    ids=["root cause", "fix type", "unbounded", "field", "yaml"],
)
def test_a_file_that_cannot_be_used_is_named_with_field_and_problem(folder, before, after, words):
    answer = ask("lint", changed(folder, before, after))
    assert answer.exit_code == 3
    assert f"flux_gate_closed.yaml: {words}" in answer.output
    refused = json.loads(ask("lint", folder, "--json").output)["error"]
    assert refused["code"] == "invalid_knowledge"


@pytest.mark.parametrize(
    ("before", "after", "words", "code"),
    [
        ("gate[ of {sector}|]", "gate[ of {level}|]", "nothing finds {level}", 3),
        ("gate[ of {sector}|]", "gate", "finds {sector}, which no text shows", 0),
        ("    find:", "    unless: [gate is closed]\n    find:", "`unless` forbids what `has`", 3),
        ("references:", "check: look\n#", "no document says so", 0),
        ("was closed when", "was closed " + "for long " * 60 + "when", "longer than 420", 0),
        ("the gate answered late", "the flux gate is closed in sector7", "to match and not to", 3),
        ("flux gate is closed]", "quota exceeded]", "", 0),
    ],
    ids=["unfilled", "unused", "unless", "references", "long", "same example", "other words"],
)
def test_what_loads_and_is_wrong_all_the_same_is_found(folder, before, after, words, code):
    answer = ask("lint", changed(folder, before, after))
    assert words in answer.output
    assert answer.exit_code == code, answer.output


def test_a_pattern_that_never_decides_is_found(folder):
    narrow = "    has: [template out of memory yesterday]"
    changed(
        folder,
        "    has: [flux gate is closed]\n    find: 'gate\\sis\\sclosed\\sin\\s<w:sector>'",
        narrow,
    )
    text = (folder / "flux_gate_closed.yaml").read_text().replace("weight: 93", "weight: 40")
    (folder / "flux_gate_closed.yaml").write_text(text)
    wide = GATE.replace("upstream_error", "timeout").replace(
        "flux gate is closed", "memory yesterday"
    )
    wide = "\n".join(line for line in wide.splitlines() if "find:" not in line)
    (folder / "memory_of_yesterday.yaml").write_text(wide)
    answer = ask("lint", folder)
    assert "never decides: patterns.0 of memory_of_yesterday is heavier (93 to 40)" in answer.output


def test_an_example_that_does_not_hold_is_told(folder):
    answer = ask("test", changed(folder, "the gate answered late", "our flux gate is closed in x"))
    assert answer.exit_code == 3
    assert "examples.no_match.0: a pattern matches it" in answer.output
    assert "1 of 2 examples hold" in answer.output


def test_a_folder_of_a_process_counts_in_every_answer(folder):
    environment = {"ASK_COPILOT_KNOWLEDGE": str(folder)}
    text = "the flux gate is closed in sector7"
    answer = ask("explain", text, env=environment)
    assert "The flux gate of sector7 was closed" in answer.output
    assert "decided" in answer.output
    pasted = CliRunner().invoke(cli, ["diagnose", "--text"], input=text, env=environment)
    assert "your own entry flux_gate_closed" in pasted.output
    plain = json.loads(ask("explain", text, "--json").output)
    assert plain["diagnosis"]["entry"] != "flux_gate_closed"


def test_explain_says_what_lost_and_why():
    told = json.loads(ask("explain", "HTTP 429: insufficient_quota", "--json").output)
    assert told["diagnosis"]["root_cause"] == "quota_exhausted"
    (winner,) = [one for one in told["reasons"] if one["won"]]
    assert winner["why"] == "decided"
    lost = next(one for one in told["reasons"] if one["root_cause"] == "rate_limit")
    assert (
        lost["why"] == f"weighs {lost['weight']}, and {winner['entry']} weighs {winner['weight']}"
    )
    assert "No pattern of any entry" in ask("explain", "-", input="hullabaloo").output


def test_coverage_puts_the_worst_class_first(tmp_path):
    corpus = tmp_path / "cases.jsonl"
    lines = [
        {"message": "Template 'A' not found", "root_cause": "missing_template"},
        {"message": "hullabaloo", "root_cause": "timeout", "also_ok": ["unknown"]},
        {"message": "request timed out", "root_cause": "timeout"},
    ]
    corpus.write_text("\n".join(map(json.dumps, lines)))
    found = json.loads(ask("coverage", "--corpus", corpus, "--json").output)
    assert (found["cases"], found["strict"], found["lenient"]) == (3, 2 / 3, 1.0)
    first = found["classes"][0]
    assert (first["root_cause"], first["recall"], first["precision"]) == ("timeout", 0.5, 1.0)
    assert first["mistaken_for"] == {"unknown": 1}
    assert "disk_full" in found["never_matched"]
    shown = ask("coverage", "--corpus", corpus).output
    assert "3 failures: 67% right, 100% right or acceptable" in shown
    assert "never matched" in shown


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('{"message": "a"}', "'None' is no root cause"),
        ('{"message": "a", "root_cause": "time_out"}', "Did you mean timeout"),
        ('{"root_cause": "timeout"}', "no 'message'"),
        ("[]", "not an object"),
    ],
    ids=["no label", "misspelt", "no message", "no object"],
)
def test_a_line_that_is_not_labelled_is_named(tmp_path, line, words):
    corpus = tmp_path / "cases.jsonl"
    corpus.write_text(f"\n{line}\n")
    answer = ask("coverage", "--corpus", corpus)
    assert answer.exit_code == 3
    assert "cases.jsonl, line 2" in answer.output
    assert words in answer.output


def test_a_corpus_that_is_not_there_is_a_matter_of_usage(tmp_path):
    assert ask("coverage", "--corpus", tmp_path / "no.jsonl").exit_code == 2
