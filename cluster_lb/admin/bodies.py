"""What clients send: read as JSON, checked field by field, refused with the name of the field."""

from __future__ import annotations

import json
from typing import Annotated, Any, TypeVar

from aiohttp import web
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictInt, ValidationError

from cluster_lb.errors import InvalidValueError
from cluster_lb.model.address import Address
from cluster_lb.model.availability import AdminState, ServerState
from cluster_lb.model.server import check_priority, check_reason, check_weight
from cluster_lb.settings.problems import one_line, problems_of

Weight = Annotated[StrictInt, AfterValidator(check_weight)]
Priority = Annotated[StrictInt, AfterValidator(check_priority)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Registration(_Body):
    """PUT: what a server says of itself. Repeated within `ttl_s` it is the heartbeat."""

    address: str
    weight: Weight = 1
    zone: Annotated[str, Field(max_length=128)] = ""
    priority: Priority = 0
    ttl_s: Annotated[float, Field(ge=1, le=3600)] = 6.0  # three heartbeats of 2 s, as the SDK
    report: dict[str, float] = {}
    instance: Annotated[str, Field(max_length=64)] = ""
    state: ServerState = ServerState.UP
    state_reason: Annotated[str, AfterValidator(check_reason)] = ""

    def parsed_address(self) -> Address:
        """Raises InvalidValueError."""
        return Address.parse(self.address)


class Change(_Body):
    """PATCH: what an operator changes; a field left out stays as it is."""

    admin_state: AdminState | None = None
    weight: Weight | None = None


_Model = TypeVar("_Model", bound=_Body)


async def read_body(request: web.Request, model: type[_Model]) -> _Model:
    """The body as `model`. Raises InvalidValueError that names the field; 413 for one that is too large."""
    data = _parsed(await request.read())
    try:
        return model.model_validate(data)
    except ValidationError as error:
        key, text = one_line(problems_of(error, model, data))
        raise InvalidValueError(f"{key}: {text}" if key else text) from None


def _parsed(body: bytes) -> dict[str, Any]:
    try:
        data = json.loads(body)
    except ValueError as error:  # not UTF-8, or not JSON
        raise InvalidValueError(f"body is not JSON: {error}") from None
    if not isinstance(data, dict):
        raise InvalidValueError("body is not a JSON object")
    return data
