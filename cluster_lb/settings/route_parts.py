"""The tables inside a route, and the forms that their values have."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from cluster_lb.errors import InvalidValueError
from cluster_lb.model.address import Address
from cluster_lb.routing import edits
from cluster_lb.routing.location import Location
from cluster_lb.routing.patterns import check_pattern
from cluster_lb.routing.template import Template
from cluster_lb.settings.base import Table, matching, read_by

MAX_RESPOND_BYTES = 16 * 1024  # the table is read whole by every node (Envoy: 4 KiB for a direct response)


def _host(value: str) -> str:
    """A name, `*.` and a name, or an IP address."""
    name = value.removeprefix("*.")
    try:
        Address.parse(f"{name.encode('idna').decode()}:80")
        if value != name and name.replace(".", "").isdigit():
            raise InvalidValueError("a wildcard above an address")
    except (UnicodeError, InvalidValueError):
        text = f"{value!r} is not a host; write a name or an IP address, without a port, or *. and a name"
        raise InvalidValueError(text) from None
    return value


def encoded_host(host: str) -> bytes:
    """`host` of a route as clients name it: lower case, in ASCII."""
    name = host.lower()
    wildcard = "*." if name.startswith("*.") else ""
    name = name.removeprefix("*.")
    return (wildcard.encode() + name.encode("ascii" if name.isascii() else "idna")).removesuffix(b".")


Host = Annotated[str, AfterValidator(_host)]
# Visible ASCII but `?` and `#`, which end a path.
Path = Annotated[str, matching(r'/[!"$->@-~]*', "begin with '/' and use visible ASCII without '?' and '#'")]
Method = Annotated[str, matching(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", "write a method, as GET")]
MediaType = Annotated[str, matching(r"[!-~][ -~]*", "write a media type, as text/plain")]
Pattern = Annotated[str, read_by(check_pattern)]
FieldName = Annotated[str, AfterValidator(edits.check_field_name)]
FieldValue = Annotated[str, read_by(lambda text: Template.parse(text, edits.VARIABLES))]
ResponseFieldValue = Annotated[str, read_by(lambda text: Template.parse(text, edits.RESPONSE_VARIABLES))]


class FieldMatch(Table):
    """A condition on a field other than its exact value: one of the two."""

    present: Literal[True] | None = None
    regex: Pattern = ""

    @model_validator(mode="after")
    def _one(self) -> FieldMatch:
        if bool(self.present) == bool(self.regex):
            raise InvalidValueError('takes one of present = true and regex = "..."')
        return self


class RedirectSettings(Table):
    """`location`: a template of {host} (without a port), {path}, {query}, {uri} (path and query)."""

    status: Literal[301, 302, 303, 307, 308] = 308  # 308 and 307 keep the method
    location: Annotated[str, read_by(Location)]


class RespondSettings(Table):
    """A response of the balancer's own."""

    status: Annotated[int, Field(ge=200, le=599)] = 200
    body: str = ""
    content_type: MediaType = "text/plain; charset=utf-8"

    @model_validator(mode="after")
    def _body_fits(self) -> RespondSettings:
        if self.body and self.status in (204, 205, 304):
            raise InvalidValueError(f"status {self.status} has no body; leave body out")
        if len(self.body.encode()) > MAX_RESPOND_BYTES:
            raise InvalidValueError(f"body is longer than {MAX_RESPOND_BYTES} bytes")
        return self


class FieldEditSettings(Table):
    """`remove` and what `set` replaces go first; then come the lines of `set` and `add`."""

    set: dict[FieldName, FieldValue] = Field(default_factory=dict)
    add: dict[FieldName, FieldValue] = Field(default_factory=dict)
    remove: tuple[FieldName, ...] = ()

    @model_validator(mode="after")
    def _no_name_twice(self) -> FieldEditSettings:
        if twice := _repeated([*self.set, *self.remove]):
            raise InvalidValueError(f"{twice} is named twice in set and remove; set replaces what was there")
        return self


class ResponseEditSettings(FieldEditSettings):
    """The same for responses, whose values may hold one variable more."""

    set: dict[FieldName, ResponseFieldValue] = Field(default_factory=dict)
    add: dict[FieldName, ResponseFieldValue] = Field(default_factory=dict)


class RouteTimeouts(Table):
    """0 each: no limit of the route's own."""

    response_s: Annotated[float, Field(ge=0)] = 0.0  # without a byte from the server, in place of the pool's
    request_s: Annotated[float, Field(ge=0)] = 0.0  # the whole exchange (Envoy: 15 s, which cuts streams)


def _repeated(names: Iterable[str]) -> str:
    seen: set[str] = set()
    for name in names:
        if name.lower() in seen:
            return name
        seen.add(name.lower())
    return ""
