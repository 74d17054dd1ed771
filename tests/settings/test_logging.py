"""What is refused of the settings for logs, ids and traces."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from cluster_lb.settings.logging import TracingSettings
from cluster_lb.settings.schema import ListenerSettings, NodeSettings


@pytest.mark.parametrize("endpoint", ["", "http://127.0.0.1:4318", "https://otel.example.com/in/"])
def test_a_collector_is_a_url(endpoint):
    assert TracingSettings(endpoint=endpoint).endpoint == endpoint.rstrip("/")


@pytest.mark.parametrize("endpoint", ["127.0.0.1:4318", "grpc://a:4317", "http://", "http://a/?b"])
def test_what_is_no_collector_is_refused(endpoint):
    with pytest.raises(ValidationError, match="is not the URL of a collector"):
        TracingSettings(endpoint=endpoint)


@pytest.mark.parametrize("name", ["", "X Request", "X-Id:", "X-Id\r\nA", "x" * 65])
def test_what_is_no_field_name_is_refused(name):
    with pytest.raises(ValidationError):
        ListenerSettings.model_validate({"bind": "127.0.0.1:1", "request_id_header": name})


@pytest.mark.parametrize("share", [-0.1, 1.1])
def test_a_share_is_between_none_and_all(share):
    with pytest.raises(ValidationError):
        NodeSettings(access_log_sample=share)
