"""What is found wrong with an answer before anything is measured."""

import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from scripts.benchmark import check, identity, processes
from scripts.benchmark.identity import Identity
from scripts.benchmark.modes import SMALL, SMALL_BODY, named

FULL, RESUMED = named("tls-full"), named("tls-resumed")


class Answer(BaseHTTPRequestHandler):
    """Answers as its server's `status` and `body` say."""

    server: "Server"
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(self.server.body)))
        self.end_headers()
        self.wfile.write(self.server.body)

    def log_message(self, format: str, *args: object) -> None:
        pass


class Server(HTTPServer):
    status = 200
    body = SMALL_BODY.encode()
    tls: ssl.SSLContext | None = None

    def get_request(self):  # as in the base class, which has no types for it
        connection, address = super().get_request()
        return (self.tls.wrap_socket(connection, server_side=True) if self.tls else connection), address


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(("127.0.0.1", 0), Answer) as serving:
        thread = threading.Thread(target=serving.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield serving
        serving.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Identity:
    openssl = processes.find_program("openssl")
    if openssl is None:
        pytest.skip("openssl is not installed")
    folder: Path = tmp_path_factory.mktemp("identity")
    return identity.make(openssl, folder)


@pytest.fixture
def tls(server: Server, certificate: Identity) -> ssl.SSLContext:
    """The server's side of TLS, with tickets; the server speaks TLS from now on."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.combined)
    server.tls = context
    return context


def test_a_right_answer_is_not_at_fault(server: Server) -> None:
    assert check.fault(server.server_port, SMALL) is None


def test_a_wrong_status_is(server: Server) -> None:
    server.status = 503
    assert check.fault(server.server_port, SMALL) == "GET /small: status 503"


def test_a_wrong_length_is(server: Server) -> None:
    server.body = b"x" * 5
    assert check.fault(server.server_port, SMALL) == "GET /small: 5 bytes instead of 3"


def test_nobody_there_is(server: Server) -> None:
    fault = check.fault(processes.free_port(), SMALL)
    assert fault is not None
    assert "ConnectionRefusedError" in fault


@pytest.mark.usefixtures("tls")
class TestTls:
    @pytest.mark.parametrize("mode", [named("tls"), FULL, RESUMED], ids=lambda mode: mode.name)
    def test_a_right_answer_over_tls(self, server: Server, certificate: Identity, mode) -> None:
        assert check.fault(server.server_port, mode, certificate.client_context()) is None

    @pytest.mark.parametrize("mode", [FULL, RESUMED], ids=lambda mode: mode.name)
    def test_a_refused_handshake_request(self, server: Server, certificate: Identity, mode) -> None:
        server.status = 426
        fault = check.fault(server.server_port, mode, certificate.client_context())
        assert fault is not None
        assert fault.startswith("the answer is b'HTTP/1.1 426")

    def test_sessions_that_cannot_be_resumed(
        self, server: Server, certificate: Identity, tls: ssl.SSLContext
    ) -> None:
        tls.num_tickets = 0
        client = certificate.client_context()
        assert check.fault(server.server_port, FULL, client) is None
        assert check.fault(server.server_port, RESUMED, client) == "it does not resume sessions"

    def test_another_certificate_than_the_runs_own(self, server: Server) -> None:
        fault = check.fault(server.server_port, named("tls"), ssl.create_default_context())
        assert fault is not None
        assert "certificate verify failed" in fault
