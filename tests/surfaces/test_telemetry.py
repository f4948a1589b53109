"""Metrics, traces and logs of the service, over a real application and a real OTLP receiver."""

import io
import json
import logging
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from fastapi import FastAPI, Request
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from copilot.bootstrap import App, open_app
from copilot.errors import InvalidInput, NotFound
from copilot.settings import load
from copilot.surfaces.rest.telemetry import install, log_to_stderr
from copilot.surfaces.rest.telemetry.logs import JsonLines, TextLines, in_request
from engine.testing import tool, workflow
from tests.copilot.storage_builders import a_failure, a_finished_analysis

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
TRACEPARENT = f"00-{TRACE}-00f067aa0ba902b7-01"
ITEM = "/api/workspaces/{workspace_id}/items/{item_id}"


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    settings = load({}, data=tmp_path_factory.mktemp("data"))
    with open_app(settings, dispatch=False) as app:
        yield app


def client_of(app: App, **settings) -> TestClient:
    """A small application on the real use cases, watched."""
    rest = FastAPI()
    rest.state.app = app

    @rest.get(ITEM)
    def item(workspace_id: str, item_id: str, request: Request) -> dict[str, str]:
        request.state.request_id = "request-1"
        principal = request.state.principal = app.access.local_owner("default", "Ada")
        service = request.app.state.app.copilot.serve(principal)
        if item_id == "broken":
            raise RuntimeError("the words of an error")
        try:
            service.analyses.report(item_id)
        except NotFound:
            return {"items": str(len(service.engine.workflows.list()))}
        return {}

    install(rest, app, app.settings.model_copy(update=settings))
    return TestClient(rest, raise_server_exceptions=False)


def samples(client: TestClient) -> dict[str, float]:
    text = client.get("/metrics").text
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines}


# ---------------------------------------------------------------- metrics


def test_requests_are_counted_by_the_route_never_by_the_path(app: App) -> None:
    client = client_of(app)
    for path in ("items/1", "items/2", "items/broken", "no-such-thing"):
        client.get(f"/api/workspaces/acme-7/{path}")
    client.request("PROPFIND", "/api/workspaces/acme-7/items/1")
    found = samples(client)
    counted = {name: value for name, value in found.items() if "_requests_total" in name}
    assert counted == {
        f'ask_copilot_requests_total{{method="GET",route="{ITEM}",status="200"}}': 2,
        f'ask_copilot_requests_total{{method="GET",route="{ITEM}",status="500"}}': 1,
        'ask_copilot_requests_total{method="GET",route="none",status="404"}': 1,
        f'ask_copilot_requests_total{{method="OTHER",route="{ITEM}",status="405"}}': 1,
    }
    assert found[f'ask_copilot_request_seconds_count{{method="GET",route="{ITEM}"}}'] == 3
    assert found["ask_copilot_requests_under_way"] == 1  # the one that asks for the metrics
    assert not any("acme-7" in name or "broken" in name for name in found)


def test_analyses_and_their_credits_are_counted_once_each(app: App) -> None:
    client = client_of(app)
    for _ in range(2):
        app.store.analyses.answer(a_finished_analysis(a_failure()), price=1)
    found = samples(client)
    label = '{produced_by="offline",root_cause="missing_template",verdict="confirmed"}'
    assert found[f"ask_copilot_analyses_total{label}"] == 1
    assert found["ask_copilot_credits_total"] == 1


def test_each_calculation_of_progress_is_timed_and_named_in_one_debug_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with open_app(load({}, data=tmp_path), dispatch=False) as app:
        client = client_of(app)
        run = a_run(app)
        before = samples(client)["ask_copilot_progress_seconds_count"]
        with caplog.at_level(logging.DEBUG, logger="copilot.progress"):
            progress = app.owner().executions.progress(run.id)
        found = samples(client)
    assert (before, found["ask_copilot_progress_seconds_count"]) == (0, 1)
    assert 'ask_copilot_progress_seconds_bucket{le="0.1"}' in found
    (record,) = [one for one in caplog.records if one.name == "copilot.progress"]
    event = json.loads(JsonLines().format(record))
    assert (event["level"], event["event"]) == ("debug", "progress")
    took = event["calculation_time_ms"]
    assert took > 0
    assert found["ask_copilot_progress_seconds_sum"] == pytest.approx(took / 1000)
    expected = {
        "workflow_id": run.workflow_id,
        "progress_percentage": progress.progress_percentage,
        "agents_completed": 0,
        "agents_total": 1,
        "calculation_time_ms": took,
        "stale_data": False,
    }
    assert expected == {name: event[name] for name in expected}
    assert not any(run.workflow_id in name for name in found)


def a_run(app: App):
    """One that nobody works on."""
    step = tool("a", "render_template", template="T")
    stored = app.engine.put_workflow("default", workflow(step, name="Counted"))
    return app.engine.submit("default", stored.workflow_id)


def test_two_applications_in_a_process_count_apart(app: App) -> None:
    one, other = client_of(app), client_of(app)
    one.get("/api/workspaces/acme/items/1")
    assert any(ITEM in name for name in samples(one))
    assert not any(ITEM in name for name in samples(other))


def test_metrics_name_the_release_and_the_process(app: App) -> None:
    answer = client_of(app).get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    assert "ask_copilot_build_info{version=" in answer.text
    assert "process_cpu_seconds_total" in answer.text


# ---------------------------------------------------------------- traces


@contextmanager
def receiver() -> Iterator[tuple[str, list]]:
    """An OTLP receiver on this machine: its address, and the spans it has got."""
    spans: list = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            sent = ExportTraceServiceRequest.FromString(body)
            for resource in sent.resource_spans:
                for scope in resource.scope_spans:
                    spans.extend(scope.spans)
            answer = ExportTraceServiceResponse().SerializeToString()
            self.send_response(200 if self.path == "/v1/traces" else 404)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Receiver) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", spans
        finally:
            server.shutdown()
            thread.join()


def facts_of(span) -> dict[str, object]:
    return {one.key: one.value.string_value or one.value.int_value or "" for one in span.attributes}


def test_a_request_and_its_use_cases_are_spans_of_the_clients_trace(app: App) -> None:
    with receiver() as (endpoint, spans):
        client = client_of(app, otlp_endpoint=endpoint)
        path = "/api/workspaces/default/items/secret-id?token=x"
        headers = {"traceparent": TRACEPARENT, "tracestate": "vendor=words"}
        assert client.get(path, headers=headers).json() == {"items": "0"}
        client.app.state.traces.close()
    by_name = {span.name: span for span in spans}
    assert set(by_name) == {f"GET {ITEM}", "analyses.report", "workflows.list"}
    server = by_name[f"GET {ITEM}"]
    assert {span.trace_id.hex() for span in spans} == {TRACE}
    assert server.parent_span_id.hex() == "00f067aa0ba902b7"
    assert by_name["workflows.list"].parent_span_id == server.span_id
    assert facts_of(server) == {
        "http.request.method": "GET",
        "http.route": ITEM,
        "http.response.status_code": 200,
        "ask_copilot.request_id": "request-1",
    }
    assert facts_of(by_name["analyses.report"]) == {"error.type": "not_found"}
    sent = str(spans)
    assert "secret-id" not in sent
    assert "words" not in sent


def test_a_request_that_breaks_ends_its_span_without_the_words_of_the_error(app: App) -> None:
    with receiver() as (endpoint, spans):
        client = client_of(app, otlp_endpoint=f"{endpoint}/v1/traces")
        headers = {"traceparent": "00-garbage"}
        answer = client.get("/api/workspaces/default/items/broken", headers=headers)
        assert answer.status_code == 500
        client.app.state.traces.close()
    (span,) = spans
    assert facts_of(span)["http.response.status_code"] == 500
    assert span.status.code == 2
    assert "words" not in str(span)


def test_a_receiver_that_is_not_there_costs_no_request(app: App) -> None:
    client = client_of(app, otlp_endpoint="http://127.0.0.1:9")
    assert client.get("/api/workspaces/default/items/1").status_code == 200
    client.app.state.traces.close()
    assert client.get("/api/workspaces/default/items/1").status_code == 200


def test_an_address_without_the_extra_is_refused_at_the_start(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    monkeypatch.delitem(sys.modules, "copilot.surfaces.rest.telemetry.traces", raising=False)
    with pytest.raises(InvalidInput, match=r"ask-copilot\[telemetry\]"):
        client_of(app, otlp_endpoint="http://127.0.0.1:9")


def test_without_an_address_nothing_of_the_exporter_is_loaded() -> None:
    code = (
        "import sys, copilot.surfaces.rest.telemetry\n"
        "loaded = [name for name in sys.modules if name.startswith("
        "('opentelemetry.sdk', 'opentelemetry.exporter', 'opentelemetry.proto'))]\n"
        "print(loaded)"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("[]\n", "")


# ---------------------------------------------------------------- the log


@contextmanager
def logged(app: App, **settings) -> Iterator[list[str]]:
    """What the block logs, line by line."""
    stream = io.StringIO()
    lines: list[str] = []
    with log_to_stderr(app.settings.model_copy(update=settings), stream):
        yield lines
    lines.extend(stream.getvalue().splitlines())


def test_a_request_is_one_line_with_who_asked_and_how_it_ended(app: App) -> None:
    client = client_of(app)
    with logged(app) as lines:
        client.get("/api/workspaces/default/items/secret-id", headers={"traceparent": TRACEPARENT})
    (event,) = map(json.loads, lines)
    principal = app.access.local_owner("default", "Ada").id
    assert event.pop("ms") >= 0
    assert event.pop("time").endswith("+00:00")
    assert event == {
        "level": "info",
        "logger": "copilot.requests",
        "event": "request",
        "request_id": "request-1",
        "trace_id": TRACE,
        "method": "GET",
        "route": ITEM,
        "status": 200,
        "principal": principal,
    }


def test_an_exception_is_logged_with_its_class_and_place_and_not_its_words(app: App) -> None:
    with logged(app) as lines:
        try:
            raise ValueError("somebody's data")
        except ValueError:
            logging.getLogger("engine.run").exception("A job failed")
    (event,) = map(json.loads, lines)
    assert (event["event"], event["error"]) == ("A job failed", "ValueError")
    assert any("test_telemetry.py" in place for place in event["at"])
    assert "somebody" not in lines[0]


def test_no_secret_is_logged_however_it_got_there(app: App, tmp_path: Path) -> None:
    secrets = tmp_path / "secrets.json"
    secrets.write_text('{"acme": {"CRM_TOKEN": "s3cr3t-value"}}', encoding="utf-8")
    key = "ask_0123456789ab_" + "A" * 32 + "_abcdef"
    url = "postgresql+psycopg://ada:db-password@host/x"
    with logged(app, secrets_file=secrets, database_url=url) as lines:
        said = "s3cr3t-value, %s, Authorization: Bearer abc.def, db-password"
        logging.getLogger("copilot.anything").warning(said, key)
    (line,) = lines
    for secret in ("s3cr3t-value", key, "abc.def", "db-password"):
        assert secret not in line
    assert "[secret CRM_TOKEN]" in line


def test_as_text_an_event_is_one_line_too(app: App) -> None:
    with logged(app, log="text") as lines:
        logging.getLogger("copilot.x").info("two\nlines \x1b[31mred", extra={"facts": {"ms": 3}})
    (line,) = lines
    assert line.endswith(r"info copilot.x two\nlines \u001b[31mred ms=3")


def test_what_others_chat_about_is_left_out_and_the_old_log_is_put_back(app: App) -> None:
    before = (logging.getLogger().handlers[:], logging.getLogger().level)
    with logged(app) as lines:
        logging.getLogger("somebody.else").info("chat")
        logging.getLogger("somebody.else").warning("trouble")
    assert [json.loads(line)["event"] for line in lines] == ["trouble"]
    assert (logging.getLogger().handlers[:], logging.getLogger().level) == before


@given(words=st.text(), argument=st.text(), fact=st.text(), request_id=st.text())
def test_whatever_is_said_an_event_is_one_line_of_printable_ascii(
    words: str, argument: str, fact: str, request_id: str
) -> None:
    record = logging.LogRecord("x", logging.INFO, "f.py", 1, words + " %s", (argument,), None)
    record.facts = {"principal": fact}
    with in_request({"request_id": request_id}, None):
        as_json, as_text = JsonLines().format(record), TextLines().format(record)
    for line in (as_json, as_text):
        assert line.isascii()
        assert line.isprintable()
    assert set(json.loads(as_json)) >= {"time", "level", "logger", "event", "principal"}
