"""The shipped processors, validators and plugins, one by one."""

import asyncio
import json
import threading
import time
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise

import pytest
from pydantic import ValidationError

from engine import plugins, processors, validators
from engine.errors import StepError
from engine.network import OutboundPolicy
from engine.plugins import PluginContext
from engine.testing import KnownSecrets


def processed(name, output, **parameters):
    processor = processors.catalog()[name]
    return processor.process(output, processor.Parameters.model_validate(parameters))


def problem(name, output, **parameters):
    validator = validators.catalog()[name]
    return validator.problem(output, validator.Parameters.model_validate(parameters))


@pytest.mark.parametrize("package", [processors, validators, plugins])
def test_every_part_forbids_unknown_parameters_and_says_what_it_is(package):
    catalog = package.catalog()
    assert catalog
    for part in catalog.values():
        assert part.Parameters.model_config["extra"] == "forbid"
        assert part.__doc__


# ---------------------------------------------------------------- processors


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("```json\n{}\n```", "{}"),
        ("  ~~~\na\nb\n~~~\n", "a\nb"),
        ("````md\n```\ncode\n```\n````", "```\ncode\n```"),
        ("Here:\n```\nx\n```", "Here:\n```\nx\n```"),
        ("```\n```", ""),
        ("```\na\n```\nor\n```\nb\n```", "```\na\n```\nor\n```\nb\n```"),
        ("plain", "plain"),
        (7, 7),
    ],
)
def test_fences_are_stripped_from_a_text_that_is_one_block(given, expected):
    assert processed("strip_fences", given) == expected


def test_stripping_fences_takes_no_time_for_hostile_text():
    started = time.perf_counter()
    processed("strip_fences", "```\n" + "`` \n" * 200_000 + "```")
    processed("strip_fences", "`" * 200_000 + "```")
    assert time.perf_counter() - started < 2


@pytest.mark.parametrize("given", ["[1", "{'a': 1}", "NaN", "", "[" * 100_000])
def test_what_is_not_json_is_invalid_data(given):
    with pytest.raises(StepError) as caught:
        processed("parse_json", given)
    assert caught.value.code == "invalid_data"
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    ("given", "expected"), [('{"a": [1.5]}', {"a": [1.5]}), ({"a": 1}, {"a": 1})]
)
def test_json_is_parsed_and_values_stay(given, expected):
    assert processed("parse_json", given) == expected


@pytest.mark.parametrize(
    ("path", "expected"), [("items[0].name", "Ada"), ("[1]", "x"), ('["odd key"]', 3), ("n", 0)]
)
def test_one_part_is_taken(path, expected):
    output = {"items": [{"name": "Ada"}], "odd key": 3, "n": 0}
    assert processed("take", [0, "x"] if path == "[1]" else output, path=path) == expected


def test_a_part_that_is_not_there_is_named():
    with pytest.raises(StepError, match=r"The output has no items\[0\].nam.") as caught:
        processed("take", {"items": [{"name": "Ada"}]}, path="items[0].nam")
    assert caught.value.details["available"] == ["name"]
    with pytest.raises(ValidationError, match="is no path such as"):
        processed("take", {}, path="a b")


# ---------------------------------------------------------------- validators


@pytest.mark.parametrize("empty", [None, "", " \n", [], {}, ()])
def test_what_is_empty(empty):
    assert problem("not_empty", empty) == "it is empty"


@pytest.mark.parametrize("full", [0, False, "x", [None], {"a": 1}])
def test_what_is_not_empty(full):
    assert problem("not_empty", full) is None


@pytest.mark.parametrize(
    ("output", "pattern", "expected"),
    [
        ("abc", "b", None),
        ("abc", "^b", "it does not match '^b'"),
        (12, r"^\d+$", None),
        (["a"], "a", "text was expected, not list"),
        (None, "a", "text was expected, not NoneType"),
    ],
)
def test_patterns(output, pattern, expected):
    assert problem("matches", output, pattern=pattern) == expected


def test_no_pattern_takes_for_ever():
    started = time.perf_counter()
    assert problem("matches", "a" * 100_000 + "!", pattern="^(a+)+$")
    evil = {"schema": {"type": "string", "pattern": "^(a|aa)+$"}}
    assert problem("json_schema", "a" * 100_000 + "!", **evil)
    assert time.perf_counter() - started < 5


@pytest.mark.parametrize("pattern", ["(", "(?=a)", r"(a)\1", "a" * 1001])
def test_a_pattern_that_can_not_be_used_is_refused_when_it_is_written(pattern):
    with pytest.raises(ValidationError):
        problem("matches", "", pattern=pattern)
    if len(pattern) < 100:
        with pytest.raises(ValidationError, match=r"can't be used|is not a 'regex'"):
            problem("json_schema", "", schema={"properties": {"a": {"pattern": pattern}}})


@pytest.mark.parametrize(
    ("output", "bounds", "expected"),
    [
        (5, {"min": 5, "max": 5}, None),
        (4.5, {"min": 5}, "4.5 is less than 5"),
        (Decimal("0.3"), {"max": "0.1"}, "0.3 is more than 0.1"),
        ([1], {"min": 2}, "1 item is less than 2"),
        ({"a": 1, "b": 2}, {"max": 1}, "2 items is more than 1"),
        (True, {"min": 0}, "a number or a list was expected, not bool"),
        (float("nan"), {"min": 0}, "a number or a list was expected, not float"),
        (float("inf"), {"max": 9}, "Infinity is more than 9"),
        ("7", {"min": 0}, "a number or a list was expected, not str"),
    ],
)
def test_ranges(output, bounds, expected):
    assert problem("range", output, **bounds) == expected


@pytest.mark.parametrize("bounds", [{}, {"min": 2, "max": 1}])
def test_a_range_has_bounds_in_order(bounds):
    with pytest.raises(ValidationError):
        problem("range", 1, **bounds)


PERSON = {
    "type": "object",
    "required": ["name"],
    "properties": {"name": {"$ref": "#/$defs/text"}, "tags": {"type": "array", "maxItems": 2}},
    "additionalProperties": False,
    "$defs": {"text": {"type": "string", "minLength": 1}},
}


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ({"name": "Ada", "tags": ("a", "b")}, None),
        ({"name": 7}, "/name: 7 is not of type 'string'"),
        ({}, "'name' is a required property"),
        ({"name": "A", "x": 1}, "Additional properties are not allowed ('x' was unexpected)"),
        ({"name": object}, "/name: <class 'object'> is not of type 'string'"),
    ],
)
def test_schemas(output, expected):
    assert problem("json_schema", output, schema=PERSON) == expected


def test_only_the_first_places_are_named():
    found = problem("json_schema", list("abcdefgh"), schema={"items": {"type": "integer"}})
    assert found.count("is not of type") == 5
    assert found.endswith("; and more")


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"$ref": "https://attacker.test/x.json"}, "leads nowhere"),
        ({"$ref": "#/$defs/none"}, "leads nowhere"),
        ({"$ref": "#"}, "without end"),
    ],
)
def test_a_schema_fetches_nothing_and_ends(schema, words):
    assert words in problem("json_schema", {}, schema=schema)


def test_a_small_schema_that_doubles_at_each_step_ends():
    names = [f"d{n}" for n in range(40)]
    defs = {
        name: {"allOf": [{"$ref": f"#/$defs/{after}"}, {"$ref": f"#/$defs/{after}"}]}
        for name, after in pairwise(names)
    }
    schema = {"$ref": "#/$defs/d0", "$defs": {**defs, "d39": {}}}
    started = time.perf_counter()
    assert "without end" in problem("json_schema", 1, schema=schema)
    assert time.perf_counter() - started < 10


@pytest.mark.parametrize("schema", [{"type": "nonsense"}, {"patternProperties": {"a": {}}}])
def test_a_schema_that_can_not_be_used_is_refused_when_it_is_written(schema):
    with pytest.raises(ValidationError):
        problem("json_schema", {}, schema=schema)


# ---------------------------------------------------------------- plugins


@pytest.fixture
def checker():
    """A service that answers as it is told, and keeps what it was asked."""

    class Service(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            server.asked.append((json.loads(body), self.headers.get("Authorization")))
            status, answer = server.answer
            self.send_response(status)
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_):
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Service)
    server.asked = []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def checked(server, output, *, allowed=True, url=None, **parameters):
    port = server.server_address[1]
    extra = frozenset({("127.0.0.1", port)}) if allowed else frozenset()
    context = PluginContext(
        workspace_id="acme",
        execution_id="e",
        path="/a",
        effect_key="e:1:/a",
        secrets=KnownSecrets({"T": "token"}),
        network=OutboundPolicy(extra=extra),
    )
    plugin = plugins.catalog()["http_check"]
    given = {"url": url or f"http://127.0.0.1:{port}/check", **parameters}
    return asyncio.run(plugin.check(output, plugin.Parameters.model_validate(given), context))


@pytest.mark.parametrize(
    ("answer", "success", "feedback"),
    [
        ((200, b""), True, ""),
        ((204, b""), True, ""),
        ((200, b'{"success": true, "feedback": "fine"}'), True, "fine"),
        ((200, b'{"success": false, "feedback": "no such id"}'), False, "no such id"),
        ((200, b'{"success": false}'), False, "said no"),
        ((422, b'{"feedback": "too long"}'), False, "too long"),
        ((500, b"oops"), False, "answered with 500"),
        ((302, b""), False, "answered with 302"),
        ((200, b"[" * 50_000), True, ""),
    ],
)
def test_somebody_outside_is_asked(checker, answer, success, feedback):
    checker.answer = answer
    outcome = checked(checker, {"n": Decimal("1.5")}, secret="T")
    assert outcome.success is success
    assert outcome.feedback.endswith(feedback)
    assert checker.asked == [({"path": "/a", "output": {"n": "1.5"}}, "Bearer token")]


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"allowed": False}, "network_blocked"),
        ({"secret": "MISSING"}, "resource_not_found"),
        ({"secret": "T", "url": "http://example.test/"}, "permission_denied"),
        ({"output": float("nan")}, "invalid_data"),
    ],
)
def test_who_can_not_be_asked_is_an_error_that_says_why(checker, more, code):
    checker.answer = (200, b"")
    output = more.pop("output", 1)
    with pytest.raises(StepError) as caught:
        checked(checker, output, **more)
    assert caught.value.code == code
    assert checker.asked == []
