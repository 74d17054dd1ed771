"""Routes that answer by themselves: redirects and fixed responses."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from cluster_lb.proxy.responses import own_response
from cluster_lb.proxy.routed_exchange import RoutedExchange
from cluster_lb.routing.location import Location
from cluster_lb.settings.routes import RouteSettings

if TYPE_CHECKING:
    from cluster_lb.routing.edits import FieldEdits

_BODYLESS = (204, 304)  # RFC 9110 sections 15.3.5 and 15.4.5: no body, so nothing that describes one


class Answer:
    """`status`, `body`: what is said to every client. `location`: of a redirect."""

    __slots__ = ("_block", "_line", "body", "location", "status")

    def __init__(self, settings: RouteSettings) -> None:
        redirect, respond = settings.redirect, settings.respond
        content_type = "text/plain"
        self.location = None
        if redirect is not None:
            self.status: int = redirect.status
            self.location = Location(redirect.location)
            self.body = f"{redirect.status} {_phrase(redirect.status)}\n".encode("ascii")
        else:
            assert respond is not None
            self.status, self.body = respond.status, respond.body.encode()
            content_type = respond.content_type
        self._line = f"HTTP/1.1 {self.status} {_phrase(self.status)}\r\n".encode("ascii")
        block = "Server: cluster-lb\r\n"
        if self.status not in _BODYLESS:
            block += f"Content-Type: {content_type}\r\nContent-Length: {len(self.body)}\r\n"
        self._block = block.encode("ascii")

    def head(self, location: bytes, edits: FieldEdits | None, values: dict[str, bytes]) -> bytes:
        """The head of a response without the empty line; `location` is empty where there is none."""
        block = self._block
        if location:
            block += b"Location: " + location + b"\r\n"
        if edits is not None:
            block = edits.apply(block, values)
        return self._line + block


class AnsweredExchange(RoutedExchange):
    """One that no server sees. It ends as it begins; what the client still sends of its request is not
    waited for, but read and dropped while the connection is closed."""

    def start(self, head: bytes) -> None:
        answer = self.route.answer
        assert answer is not None
        self.keep = self._stays_open()
        if answer.location is not None and answer.location.needs_host and not self.host:
            self.status, response = 400, self._hostless()
        else:
            self.status, response = answer.status, self._response(answer)
        self.client.transport.write(response)
        self._settle()

    def _response(self, answer: Answer) -> bytes:
        location = b""
        if answer.location is not None:
            location = answer.location.of(self.host, self.request_line.split(b" ")[1])
        values = self.route.variables(self.client.peer, self.host, self.request_id)
        body = b"" if self.method == b"HEAD" else answer.body
        self.response_bytes = len(body)
        lines = self.response_lines + self.client.listener.response_lines
        lines += b"" if self.keep else b"Connection: close\r\n"
        return answer.head(location, self.route.response_edits, values) + lines + b"\r\n" + body

    def _hostless(self) -> bytes:
        """For a client (of HTTP/1.0) that named no host, where the location is made of it."""
        return own_response(
            400,
            "the redirect needs Host",
            head_only=self.method == b"HEAD",
            close=not self.keep,
            lines=self.client.listener.response_lines,
        )

    def _settle(self) -> None:
        self.route.counts.statuses[self.status // 100] += 1
        self.client.ledger.settle_answered(self)
        self.client.on_exchange_end(self)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:  # a number that the registry does not have
        return ""
