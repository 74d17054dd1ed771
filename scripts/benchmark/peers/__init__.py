"""The contenders, one module each, in the order of the tables."""

from scripts.benchmark.contenders import Contender
from scripts.benchmark.peers.caddy import CADDY
from scripts.benchmark.peers.cluster_lb import CLUSTER_LB
from scripts.benchmark.peers.envoy import ENVOY
from scripts.benchmark.peers.haproxy import HAPROXY
from scripts.benchmark.peers.nginx import NGINX
from scripts.benchmark.peers.plain_aiohttp import PLAIN_AIOHTTP
from scripts.benchmark.peers.traefik import TRAEFIK

CONTENDERS: tuple[Contender, ...] = (
    HAPROXY,
    NGINX,
    ENVOY,
    TRAEFIK,
    CADDY,
    PLAIN_AIOHTTP,
    CLUSTER_LB,
)
BASELINE = HAPROXY.name
OURS = CLUSTER_LB.name
