"""An HTTPS receiver of webhooks on this machine, and a client that may reach it: for tests alone."""

import http.server
import ssl
import subprocess
import threading
from contextlib import contextmanager

from engine.network import OutboundPolicy, client

#: What the receiver is called: an address of this machine is refused as a setting.
HOST = "hooks.example.com"


class Receiver:
    """`answers`: the status of each request to come, then 204. `requests`: (headers, body)."""

    def __init__(self):
        self.requests = []
        self.answers = []
        self.headers = {}
        self.url = ""
        self.port = 0

    @property
    def bodies(self):
        return [body for _, body in self.requests]


@contextmanager
def receiving(folder):
    """A receiver, and what makes a client that trusts it and reaches nothing else but the public."""
    receiver = Receiver()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            receiver.requests.append((dict(self.headers), body))
            self.send_response(receiver.answers.pop(0) if receiver.answers else 204)
            for name, value in receiver.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format, *args):
            """Nothing on standard error."""

    certificate, key = _certificate(folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        inside = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        inside.load_cert_chain(certificate, key)
        server.socket = inside.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        receiver.port = server.server_port
        receiver.url = f"https://{HOST}/hook"
        try:
            yield receiver, reach(certificate, server.server_port)
        finally:
            server.shutdown()
            thread.join()


def reach(certificate, port):
    """Makes a client for a receiver on this machine."""
    policy = OutboundPolicy(extra=frozenset({(HOST, port)}))
    context = ssl.create_default_context(cafile=certificate)

    async def to_its_port(request):
        """The only port a webhook may have is not ours to listen on."""
        if request.url.host == HOST:
            request.url = request.url.copy_with(port=port)

    def made():
        one = client(policy, resolver=_this_machine, ssl_context=context)
        one.event_hooks = {"request": [to_its_port]}
        return one

    return made


async def _this_machine(_host, _port):
    return ["127.0.0.1"]


def _certificate(folder):
    certificate, key = folder / "cert.pem", folder / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={HOST}"]
    command += ["-addext", f"subjectAltName=DNS:{HOST}", "-days", "1"]
    command += ["-keyout", key, "-out", certificate]
    subprocess.run(command, check=True, capture_output=True)
    return certificate, key
