"""A report as a document, from the command line."""

import json

import pytest

RUN = {
    "source": "airflow",
    "execution_id": "load-1",
    "workflow_id": "load",
    "workflow_name": "Load",
    "status": "failed",
    "error": {"message": "401 Unauthorized: token expired"},
}


def test_an_analysis_and_its_report_give_the_same_document(example):
    run = example("run", "urgent-mail-digest", "--json").json["execution"]["id"]
    first = example("analyze", run, "--markdown")
    assert first.code == 0, first.err
    assert first.out.startswith("# Why `urgent-mail-digest` failed\n")
    assert "- Root cause: `missing_resource`, confirmed" in first.out
    analysis = example("analyze", run, "--json").json["analysis_id"]
    again = example("report", analysis, "--markdown")
    assert again.out == first.out


def test_each_run_of_a_file_has_a_document(example):
    lines = [json.dumps(RUN | {"execution_id": f"load-{number}"}) for number in (1, 2)]
    file = example.write("runs.jsonl", "\n".join(lines))
    answer = example("analyze", "--file", file, "--markdown")
    assert answer.code == 0, answer.err
    assert answer.out.count("# Why `load` failed") == 2


@pytest.mark.parametrize("command", ["analyze", "report"])
def test_two_forms_at_once_are_refused(example, command):
    answer = example(command, "x", "--markdown", "--json")
    assert answer.code == 2
    assert "Choose --json or --markdown, not both." in answer.err
