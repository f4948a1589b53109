"""`diagnose` and `normalize`: one line out for each line in, no folder touched."""

import json


def lines(*objects):
    return "".join(json.dumps(one) + "\n" for one in objects)


def test_diagnose_answers_each_line_in_order(ask):
    answer = ask(
        "diagnose",
        stdin=lines(
            {"id": 1, "message": "Email template 'Outbound v3' was not found"},
            {"id": "b", "message": "connect ECONNREFUSED 127.0.0.1:5432", "step_action": "http"},
        ),
    )
    assert answer.code == 0
    first, second = answer.lines
    assert (first["id"], first["root_cause"]) == (1, "missing_template")
    assert "Outbound v3" in first["suggested_fixes"][0]["description"]
    assert {"type", "description"} <= first["suggested_fixes"][0].keys()
    assert (second["id"], second["root_cause"]) == ("b", "network_error")
    assert first["evidence"]
    assert first["explanation"]
    assert first["verdict"] in {"confirmed", "likely"}


def test_what_the_evidence_does_not_tell_is_unknown_and_gets_no_invented_fix(ask):
    (only,) = ask("diagnose", stdin=lines({"id": 1, "message": "Something went wrong"})).lines
    assert only["root_cause"] == "unknown"
    assert only["verdict"] == "inconclusive"
    assert only["suggested_fixes"] == []


def test_normalize_gives_key_label_and_entities(ask):
    (only,) = ask("normalize", stdin=lines({"message": "Template 'Outbound v3' not found"})).lines
    assert only["key"] == "template <*> not found"
    assert only["label"] == "Template not found"
    assert {"kind": "name", "value": "Outbound v3"} in only["entities"]
    assert only["signature"].startswith("n1:")
    assert only.keys() == {"signature", "key", "label", "exemplar", "entities", "facets"}


def test_a_line_that_can_not_be_read_gets_its_error_in_its_place(ask):
    good = json.dumps({"id": 7, "message": "Token expired"})
    answer = ask("diagnose", stdin=f'{good}\nnot json\n{{"id": 9}}\n\n{good}\n')
    assert answer.code == 3
    one, two, three, four = answer.lines
    assert one == four
    assert two["error"]["code"] == "invalid_input"
    assert "line 2" in two["error"]["message"]
    assert three["id"] == 9
    assert "no 'message'" in three["error"]["message"]


def test_hostile_texts_are_answered(ask):
    hostile = ["", "'" * 5000, "\x00\x1b[31mred\x1b[0m", "\ud800", "{" * 9999, "é\u202egnp.exe"]
    hostile.append("x" * 5_000_000)
    stdin = lines(*({"id": number, "message": text} for number, text in enumerate(hostile)))
    for command in ("diagnose", "normalize"):
        answer = ask(command, stdin=stdin)
        assert answer.code == 0, answer.err
        assert len(answer.lines) == len(hostile)


def test_a_file_and_a_byte_order_mark_are_read_too(ask):
    ask.write("errors.jsonl", "\ufeff" + lines({"id": 1, "message": "Token expired"}))
    assert ask("diagnose", "errors.jsonl").lines[0]["root_cause"] == "auth_error"
    assert sorted(path.name for path in ask.folder.iterdir()) == ["errors.jsonl"]


def test_no_input_is_no_output(ask):
    assert ask("normalize", stdin="\n\n").out == ""


def test_an_unknown_command_names_the_likely_one(ask):
    answer = ask("diagnos")
    assert answer.code == 2
    assert "Did you mean diagnose?" in answer.err
