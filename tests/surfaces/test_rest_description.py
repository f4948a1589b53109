"""What the service says of itself: routes, bodies, and every code an error can have."""

import inspect
import re
from pathlib import Path

import pytest
from fastapi.routing import iter_route_contexts

from copilot.errors import CopilotError
from copilot.surfaces._errors import ADVICE, EXIT_CODES, HTTP_STATUSES, NOT_OVER_HTTP
from copilot.surfaces.rest.app import create_app
from copilot.surfaces.rest.gate import PUBLIC
from copilot.surfaces.rest.permissions import SCOPES
from engine.errors import EngineError, StepError
from tests.surfaces.test_api_permissions import Unopened

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def rest():
    return create_app(Unopened())


@pytest.fixture(scope="module")
def schema(rest):
    return rest.openapi()


def test_what_takes_time_is_kept_off_the_event_loop(rest):
    quick = PUBLIC | {"/openapi.json", "/api/me", "/metrics"}
    waiting = ("/analyze", "/analyses")  # in threads of their own
    for route in iter_route_contexts(rest.routes):
        if route.path not in quick and not route.path.endswith(waiting):
            assert not inspect.iscoroutinefunction(route.endpoint), route.path


def test_the_description_says_of_every_route_what_a_client_must_know(schema):
    operations = [
        (path, method, operation)
        for path, methods in schema["paths"].items()
        for method, operation in methods.items()
    ]
    ids = [operation["operationId"] for _, _, operation in operations]
    assert len(set(ids)) == len(ids)
    for path, method, operation in operations:
        assert operation["summary"], path
        assert (operation.get("security") == []) is (path in PUBLIC)
        names = [parameter["name"] for parameter in operation.get("parameters", ())]
        assert ("Idempotency-Key" in names) is (method in {"post", "patch"})
        problems = {status: one for status, one in operation["responses"].items() if status >= "4"}
        assert {"500", "503"} <= set(problems)
        for answer in problems.values():
            assert list(answer["content"]) == ["application/problem+json"]
    assert schema["components"]["securitySchemes"]["key"]["scheme"] == "bearer"


def operations(schema):
    return {
        operation["operationId"]: operation
        for methods in schema["paths"].values()
        for operation in methods.values()
    }


def test_every_route_in_a_workspace_says_who_may(schema):
    found = operations(schema)
    for name in SCOPES:
        assert "Takes the role " in found[name]["description"], name
    assert found["approve_fix"]["description"].endswith(
        "Takes the role approver or above, as a person."
    )
    assert "Takes the role owner." in found["list_audit"]["description"]


def test_storing_a_workflow_is_said_to_be_no_fix(schema):
    for name in ("create_workflow", "replace_workflow"):
        assert "it is not a fix" in operations(schema)[name]["description"]


def test_an_answer_that_may_be_given_again_says_so_and_that_of_a_new_key_does_not(schema):
    found = operations(schema)
    assert "the secret given before stops working" in found["create_key"]["description"]
    replayed = {
        name
        for name, operation in found.items()
        if any(
            "Idempotent-Replayed" in one.get("headers", {})
            for one in operation["responses"].values()
        )
    }
    keyed = {
        name
        for name, operation in found.items()
        if any(one["name"] == "Idempotency-Key" for one in operation.get("parameters", ()))
    }
    assert replayed == keyed - {"create_key"}


def test_every_body_is_described_with_an_example(schema):
    found = 0
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            for form in operation.get("requestBody", {}).get("content", {}).values():
                body = form["schema"]
                named = [one for one in body.get("anyOf", [body]) if "$ref" in one] or [body]
                name = named[0].get("$ref", "").rpartition("/")[2]
                described = schema["components"]["schemas"].get(name, body)
                assert described.get("examples"), (method, path)
                found += 1
    assert found >= 10


def test_every_deliberate_error_has_a_status_an_exit_code_and_is_in_the_readme():
    step_errors = {StepError, *_below(StepError)}
    raised = {
        kind.code
        for base in (CopilotError, EngineError)
        for kind in _below(base)
        if kind not in step_errors
    }
    assert raised - EXIT_CODES.keys() == set()
    assert raised - HTTP_STATUSES.keys() == NOT_OVER_HTTP & raised
    assert EXIT_CODES.keys() - HTTP_STATUSES.keys() == NOT_OVER_HTTP
    assert ADVICE.keys() <= HTTP_STATUSES.keys()
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`([a-z_]+)`", readme))
    assert HTTP_STATUSES.keys() - named == set()


def _below(kind):
    return {one for child in kind.__subclasses__() for one in (child, *_below(child))}
