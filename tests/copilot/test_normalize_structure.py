"""Which error is found in what people and runners paste: traces, chains, logs, other scripts."""

import pytest

from benchmarks.grouping.messages import raised_messages
from benchmarks.grouping.stability import interpreters, trials
from copilot.pipeline.normalize import normalize
from copilot.types import Entity

MISSING = normalize("Template 'x' not found")

TRACES = {
    "go": (
        "panic: runtime error: index out of range [5] with length 3\n\n"
        "goroutine 34 [running]:\nmain.(*Lead).Send(0x0)\n\t/app/main.go:17 +0x21\n"
        "main.main()\n\t/app/main.go:9 +0x1d",
        "panic: runtime error: index out of range <*> with length <*>",
        {"crash_frame": "main:(*Lead).Send"},
    ),
    "dotnet": (
        "System.InvalidOperationException: Lead 17 is gone\n"
        "   at Acme.Mail.Send(Lead lead) in C:\\src\\Mail.cs:line 42\n   at Acme.Run.Go()",
        "lead <*> is gone",
        {"exception": "InvalidOperationException", "crash_frame": "Acme.Mail:Send"},
    ),
    "dotnet chain": (
        "System.AggregateException: One or more errors occurred. (No such host is known.)\n"
        " ---> System.Net.Sockets.SocketException (11001): No such host is known.\n"
        "   at System.Net.Dns.Get(String name)\n"
        "   --- End of inner exception stack trace ---",
        "no such host is known",
        {
            "exception": "SocketException",
            "crash_frame": "System.Net.Dns:Get",
            "outer": "AggregateException",
        },
    ),
    "node cause": (
        "StepError: step failed\n    at run (/app/a.js:1:2) {\n"
        "  [cause]: TypeError: fetch failed\n      at get (/app/b.js:1:2)\n}",
        "fetch failed",
        {"exception": "TypeError", "crash_frame": "b.js:get", "outer": "StepError"},
    ),
    "java": (
        'Exception in thread "main" java.lang.IllegalStateException: lead 17 has no owner\n'
        "\tat com.acme.Lead.owner(Lead.java:12)\n"
        "Caused by: java.io.IOException: stream 3 closed\n\tat com.acme.In.read(In.java:9)",
        "stream <*> closed",
        {
            "exception": "IOException",
            "crash_frame": "com.acme.In:read",
            "outer": "IllegalStateException",
        },
    ),
    "exception group": (
        "  + Exception Group Traceback (most recent call last):\n"
        '  |   File "a.py", line 1, in <module>\n'
        "  |     raise ExceptionGroup('x', found)\n"
        "  | ExceptionGroup: many failed (2 sub-exceptions)\n"
        "  +-+---------------- 1 ----------------\n"
        "    | Traceback (most recent call last):\n"
        '    |   File "b.py", line 2, in send\n'
        "    | ValueError: lead 17 is bad\n"
        "    +---------------- 2 ----------------\n"
        "    | Traceback (most recent call last):\n"
        '    |   File "c.py", line 2, in other\n'
        "    | KeyError: 'x'\n"
        "    +------------------------------------",
        "lead <*> is bad",
        {"exception": "ValueError", "crash_frame": "b:send"},
    ),
}


@pytest.mark.parametrize(("text", "key", "facets"), TRACES.values(), ids=TRACES)
def test_the_effective_error_of_a_trace(text: str, key: str, facets: dict[str, str]) -> None:
    found = normalize(text)
    assert (found.key, found.facets) == (key, facets)


WRAPPED = {
    "iso": "2026-01-02T03:04:05.678Z ERROR Template 'x' not found",
    "logger": "2026-01-02 03:04:05,678 - app.mail - ERROR - Template 'x' not found",
    "thread": "2026-01-02 03:04:05,678 [worker-3] ERROR app.mail - Template 'x' not found",
    "syslog": "Jan  2 03:04:05 host app[123]: Template 'x' not found",
    "workflow command": "##[error]Template 'x' not found",
    "stamped command": "2026-01-02T03:04:05.1234567Z ##[error]Template 'x' not found",
    "colours": "\x1b[1;31mError:\x1b[0m Template \x1b[33m'x'\x1b[39m not found",
    "link": "\x1b]8;;http://a.example\x07Template 'x' not found\x1b]8;;\x07",
    "byte order mark": "\ufeffTemplate 'x' not found",
    "UTF-16 read as Latin-1": "".join(f"{letter}\0" for letter in "Template 'x' not found"),
    "Windows quotes": "Template \u201ax\u2018 not found",
    "carriage returns": "Template 'x'\r\nnot found\r\n",
    "zero width": "Temp\u200blate 'x' not\u00a0found",
    "blanks": f"{' ' * 3000}Template 'x' not found{' ' * 3000}",
}


@pytest.mark.parametrize("text", WRAPPED.values(), ids=WRAPPED)
def test_what_stands_around_a_message_is_not_in_its_signature(text: str) -> None:
    assert normalize(text).signature == MISSING.signature


SCRIPTS = {
    "Chinese": ("找不到模板“外联”", "找不到模板“续约 v3”"),
    "Japanese": ("テンプレート「営業」が見つかりません", "テンプレート「更新」が見つかりません"),
    "German": ("Vorlage „Kunde“ nicht gefunden", "Vorlage „Gruß“ nicht gefunden"),
    "Russian": ("Шаблон «Привет» не найден", "Шаблон «Письмо 2» не найден"),
    "Arabic": ('لم يتم العثور على القالب "مرحبا"', 'لم يتم العثور على القالب "عرض"'),
    "French": ("Modèle « relance » introuvable", "Modèle « bienvenue » introuvable"),
}


@pytest.mark.parametrize(("one", "other"), SCRIPTS.values(), ids=SCRIPTS)
def test_other_languages_have_their_quotes(one: str, other: str) -> None:
    found = normalize(one)
    assert found.signature == normalize(other).signature
    assert found.key.count("<*>") == 1
    assert len(found.key) > len("<*>")


HARD = {
    "nothing": "",
    "deep objects": '{"a":' * 1000 + "1" + "}" * 1000,
    "unclosed lists": "[" * 1000,
    "one letter": "a" * 5_000_000,
    "five megabytes": "Template not found. " * 250_000,
    "every byte": bytes(range(256)).decode("latin-1") * 50,
    "surrogates": "\ud800\udfff" * 500,
    "our own marks": "\ue000\ue01b\ue00b \U000f0000 \U000f4000 \U000f8000",
    "lone group": "Exception Group Traceback (most recent call last):\n  | ",
}


@pytest.mark.parametrize("text", HARD.values(), ids=HARD)
def test_hard_text_gives_a_whole_answer_that_is_bounded(text: str) -> None:
    found = normalize(text)
    assert found.label
    assert len(found.key) <= 2000
    assert len(found.entities) <= 2000


SAME = {
    "type instead": ("must be a Lead, got str instead", "must be a Lead, got LeadScore instead"),
    "of type": ("cannot infer it for type int here", "cannot infer it for type Timestamp here"),
    "not a": ("name must be a str, not a int", "name must be a str, not a NoneType"),
    "brackets": ("column [email] is not in the sheet", "column [score] is not in the sheet"),
    "choices": ("kind must be one of line, bar", "kind must be one of area. "),
    "described": ("Unsupported frequency: weekly", "Unsupported frequency: monthly"),
    "assigned": ("need m < n, m = alpha, n = 3", "need m < n, m = beta, n = 4"),
    "data": ("cannot read {'a': 5} as a date", "cannot read {'b': 7} as a date"),
    "masked key": ("Incorrect key: sk-ab*****yz. Look", "Incorrect key: 77. Look"),
    "channel": ("cannot post in #general now", "cannot post in #sales-eu now"),
    "size": ("unable to allocate 512. MiB here", "unable to allocate 1.5 GiB here"),
    "stray quote": ("Got '['a']' for the name", "Got '[\"b\"]' for the name"),
}


@pytest.mark.parametrize(("one", "other"), SAME.values(), ids=SAME)
def test_places_that_hold_values(one: str, other: str) -> None:
    assert normalize(one).key == normalize(other).key


DIFFERENT = {
    "periods": ("used up 'Reads per minute'", "used up 'Reads per day'"),
    "periods in ids": ("limit 'ReadsPerMinutePerUser' hit", "limit 'ReadsPerDayPerUser' hit"),
    "replies": ("{'a@b.io': (550, b'Gone')}", "{'a@b.io': (452, b'Full')}"),
    "reprs": (
        "<HttpError 403 when requesting https://a.io returned 'You may not'>",
        "<HttpError 404 when requesting https://a.io returned 'You may not'>",
    ),
    "levels": ("nginx: [emerg] bind failed", "nginx: [warn] bind failed"),
    "codes": ("call failed with code = expired, sorry", "call failed with code = denied, sorry"),
    "told": ("Unknown error: connection reset", "Unknown error: invalid payload"),
    "bodies": ('{"user": "a"}', '{"lead": "a"}'),
    "messages": ('Rejected: {"detail": "Not found"}', 'Rejected: {"title": "Not found"}'),
}


@pytest.mark.parametrize(("one", "other"), DIFFERENT.values(), ids=DIFFERENT)
def test_places_that_tell_failures_apart(one: str, other: str) -> None:
    assert normalize(one).key != normalize(other).key


def test_messages_of_one_shape_keep_their_own_values() -> None:
    shape = "lead {} of '{}' gave up after {} s with limit={} in /srv/{}.csv"
    for values in (
        ("1", "a", "2", "3", "x"),
        ("77", "b c", "9", "4", "y"),
        ("1", "a", "2", "3", "x"),
    ):
        found = normalize(shape.format(*values))
        lead, name, seconds, limit, path = values
        assert sorted(entity.value for entity in found.entities) == sorted(
            [lead, name, f"{seconds} s", limit, f"/srv/{path}.csv"]
        )
    kept = normalize(shape.format("1", "a", "2", "3", "x"), keep=["lead 1"])
    assert kept.key.startswith("lead 1 of <*>")
    assert normalize(shape.format("1", "a", "2", "3", "x")).key.startswith("lead <*> of <*>")


def test_a_status_is_kept_and_the_count_beside_it_is_not() -> None:
    one, other = (
        normalize(f"HTTP 429 for https://a.example/{n} after {n} attempts") for n in (3, 500)
    )
    assert one.signature == other.signature
    assert Entity("number", "500") in other.entities
    assert normalize("HTTP 500 for https://a.example/3 after 3 attempts").key != one.key


def test_signatures_are_the_same_on_every_python_there_is() -> None:
    assert dict(interpreters())
    for trial in trials([message for _, message in raised_messages(each=1)]):
        assert trial.same == 1, trial
