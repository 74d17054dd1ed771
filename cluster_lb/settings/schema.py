"""Every setting, its unit in its name, its default and its precedent beside it."""

from __future__ import annotations

import socket
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, PositiveFloat, PositiveInt

from cluster_lb.model.address import Address
from cluster_lb.model.names import check_id
from cluster_lb.settings.base import Table, matching
from cluster_lb.settings.hash_key import BalanceFactor, HashKey
from cluster_lb.settings.health import HealthSettings
from cluster_lb.settings.limits import LimitSettings
from cluster_lb.settings.logging import STANDARD_OUTPUT, AccessLogForm, HeaderName, Sample, TracingSettings
from cluster_lb.settings.names import PoolName
from cluster_lb.settings.outliers import OutlierSettings
from cluster_lb.settings.policies import PolicyName
from cluster_lb.settings.retries import RetrySettings
from cluster_lb.settings.routes import RouteSettings
from cluster_lb.settings.slow_start import SlowStartSettings
from cluster_lb.settings.sticky import StickySettings
from cluster_lb.settings.tls import ListenerTlsSettings, UpstreamTlsSettings
from cluster_lb.settings.zones import ZoneSettings


def _address(value: Any) -> Address:
    return value if isinstance(value, Address) else Address.parse(str(value), allow_any_port=True)


def _network(value: Any) -> IPv4Network | IPv6Network:
    return ip_network(value)


Network = Annotated[IPv4Network | IPv6Network, BeforeValidator(_network)]
BindAddress = Annotated[Address, BeforeValidator(_address)]
Share = Annotated[float, Field(ge=0, le=1)]


class SendProxy(StrEnum):
    OFF = "off"
    V1 = "v1"
    V2 = "v2"


class NodeSettings(Table):
    """The node's own part: never shared."""

    id: Annotated[str, AfterValidator(lambda v: check_id(v, "node"))] = Field(
        default_factory=socket.gethostname
    )
    zone: str = ""
    workers: PositiveInt | Literal["auto"] = 1
    admin: BindAddress = Address("127.0.0.1", 9900)
    admin_token: str = ""  # required where `admin` is other than loopback
    lease_s: Annotated[float, Field(ge=2)] = 5.0  # renewed each second; others notice a death within this
    grace_s: PositiveFloat = 30.0  # SIGTERM: what runs may finish for so long (uvicorn, Kubernetes: 30 s)
    max_connections: PositiveInt = 20_000  # client connections at once; further ones get 503
    log_format: Literal["text", "json"] = "text"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    access_log: AccessLogForm = AccessLogForm.TEXT
    access_log_path: Annotated[str, Field(min_length=1)] = STANDARD_OUTPUT
    access_log_sample: Sample = 1.0  # of what neither failed nor was slow
    slow_request_ms: PositiveInt = 500
    tracing: TracingSettings = TracingSettings()


class RedisSettings(Table):
    url: str = "embedded"
    namespace: Annotated[
        str, matching(r"[A-Za-z0-9._-]{1,32}", "use 1 to 32 letters, digits, '.', '_' or '-'")
    ] = "lb"
    command_timeout_s: PositiveFloat = 0.5


class ListenerSettings(ListenerTlsSettings):
    """A bound address and its client side limits."""

    bind: BindAddress
    protocol: Literal["http"] = "http"
    pool: PoolName = "web"  # where no route matches
    trusted_proxies: tuple[Network, ...] = ()  # whose X-Forwarded-* are believed
    accept_proxy: bool = False  # each connection begins with a PROXY header, v1 or v2
    proxy_protocol_from: tuple[
        Network, ...
    ] = ()  # who may connect then; empty: anyone (HAProxy accept-proxy)
    proxy_header_timeout_s: PositiveFloat = 3.0  # its specification: at least 3 s, for one lost segment
    debug_headers: bool = False  # adds X-Served-By to responses
    allow_trace: bool = False  # pass TRACE on, which shows fields that this hop adds (Apache TraceEnable)
    request_id: bool = False  # each request gets one (HAProxy and nginx: off; Envoy: on)
    request_id_header: HeaderName = "X-Request-Id"
    head_timeout_s: PositiveFloat = 10.0  # a whole request head must be there (HAProxy timeout http-request)
    idle_timeout_s: PositiveFloat = 75.0  # between requests, or no byte of a body (nginx keepalive_timeout)
    max_head_bytes: Annotated[int, Field(ge=1024, le=1 << 20)] = 32 * 1024  # nginx: 4 buffers of 8 KiB
    max_body_bytes: Annotated[int, Field(ge=0)] = 0  # 0: any size (HAProxy; nginx has 1 MiB)
    max_header_lines: PositiveInt = 100  # Apache LimitRequestFields, HAProxy tune.http.maxhdr: 100, 101


class PoolTimeouts(Table):
    """Server side timeouts of a pool."""

    connect_s: PositiveFloat = 2.0  # one attempt to connect (Envoy: 5 s; HAProxy's examples: 5 s)
    response_s: PositiveFloat = 60.0  # no byte from the server (nginx proxy_read_timeout)
    tunnel_idle_s: PositiveFloat = 3600.0  # no byte either way after an upgrade (HAProxy's examples: 1 h)
    upstream_idle_s: PositiveFloat = 60.0  # an unused upstream connection (nginx upstream keepalive_timeout)


class PoolSettings(Table):
    """A pool as the cluster shares it, in `lb:{pool}:config`."""

    policy: PolicyName = "weighted_round_robin"
    hash_key: HashKey = "client_ip"  # of the hash policies (HAProxy `balance source`)
    balance_factor: BalanceFactor = 0.0  # consistent_hash: bound on a server's load; 0: none (HAProxy, Envoy)
    panic_threshold: Share = 0.5  # Envoy's; 0 disables
    backup_below: Share = 0.0  # of the primaries; then backups join (HAProxy: when none is left; Envoy: 0.71)
    zone_aware: ZoneSettings = ZoneSettings()
    weights: Literal["static", "adaptive"] = "static"  # adaptive: relieve servers hotter than the others
    attempts: Annotated[int, Field(ge=1, le=10)] = 3  # servers tried for one exchange (HAProxy retries 3)
    max_idle_connections: PositiveInt = 256  # kept ready, per server and node
    allow: tuple[Network, ...] = ()  # networks that servers may register from; empty: any
    health: HealthSettings = HealthSettings()
    timeouts: PoolTimeouts = PoolTimeouts()
    retries: RetrySettings = RetrySettings()
    limits: LimitSettings = LimitSettings()
    slow_start: SlowStartSettings = SlowStartSettings()
    tls: UpstreamTlsSettings = UpstreamTlsSettings(enabled=False)
    sticky: StickySettings = StickySettings(enabled=False)
    outliers: OutlierSettings = OutlierSettings(enabled=False)
    send_proxy: SendProxy = SendProxy.OFF  # a PROXY header at the start of each connection to a server


class Settings(Table):
    """A whole settings file."""

    node: NodeSettings = Field(default_factory=NodeSettings)
    redis: RedisSettings = RedisSettings()
    listeners: tuple[ListenerSettings, ...] = ()
    pools: dict[PoolName, PoolSettings] = Field(default_factory=dict)
    routes: tuple[RouteSettings, ...] = ()
