"""Small workflows with every kind of step that asks no model, and a service that they call."""

import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

EVERY_KIND = """
name: Every kind
inputs:
  names: {default: [Anna, Ben, Cem]}
stages:
  - {name: Prepare, steps: [greet, pick]}
  - {name: Release, steps: [both, done]}
steps:
  - id: greet
    name: Write the greetings
    type: loop
    for_each: "{{ inputs.names }}"
    max_iterations: 50
    steps:
      - id: one
        name: Write one
        action: render_template
        with: {body: "Hello {name}", values: {name: "{{ loop.item }}"}}
  - id: pick
    name: Long or short
    type: branch
    default: few
    branches:
      - id: many
        when: length(greet) > 2
        steps: [{id: long, name: A long list, action: render_template, with: {body: Many}}]
      - id: few
        steps: [{id: short, name: A short list, action: render_template, with: {body: Few}}]
  - id: both
    name: Save and ask
    type: parallel
    branches:
      - id: save
        steps:
          - id: write
            name: Save the list
            action: write_file
            with: {path: names.json, content: "{{ greet }}"}
      - id: ask
        steps:
          - {id: yes, name: Release it, type: approval, message: Send these?, expires_after: 2d}
  - {id: done, name: Say so, action: render_template, with: {body: Done}}
"""

TWO_QUESTIONS = """
name: Two questions
steps:
  - id: both
    type: parallel
    branches:
      - id: left
        steps: [{id: money, name: The money, type: approval, message: Spend it?, role: approver}]
      - id: right
        steps: [{id: words, name: The words, type: approval, message: Say it?}]
"""

CALLS = """
name: Calls
steps:
  - id: post
    name: Send the order
    action: http_request
    with: {url: "URL/order", method: POST, json: {n: 1}}
  - {id: note, name: Keep a note, action: render_template, with: {body: Sent}}
  - {id: book, name: Book it, action: read_sheet, with: {file: books.xlsx, range: Open}}
"""

CALLS_IN_A_LOOP = """
name: Calls in a loop
steps:
  - id: orders
    type: loop
    for_each: [1]
    max_iterations: 5
    steps:
      - {id: post, action: http_request, with: {url: "URL/order", method: POST, json: {n: 1}}}
  - {id: book, action: read_sheet, with: {file: books.xlsx, range: Open}}
"""

METERED = """
name: Metered
steps:
  - {id: list, name: Write the list, action: render_template, with: {body: Anna}}
  - {id: first, name: First, action: http_request, with: {url: "URL/a", integration: Crm}}
  - {id: second, name: Second, action: http_request, with: {url: "URL/b", integration: Crm}}
"""


class Called:
    """A service on this machine: its address, and what it was asked."""

    def __init__(self, address):
        self.address = address
        self.url = f"http://{address}"
        self.requests = []


@contextmanager
def a_service():
    """It answers everything with an empty object."""

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self):
            called.requests.append(f"{self.command} {self.path}")
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(b"{}")

        do_POST = do_GET  # noqa: N815 - the library's name

        def log_message(self, format, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    called = Called(f"127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield called
    finally:
        server.shutdown()
        thread.join(10)
        server.server_close()
