"""The context for connections to the servers of a pool."""

from __future__ import annotations

import ssl
from collections.abc import Sequence

from cluster_lb.settings.tls import UpstreamTlsSettings
from cluster_lb.tls.context import Context
from cluster_lb.tls.front import ALPN, load_authorities, load_chain


def files_of(settings: UpstreamTlsSettings) -> tuple[str, ...]:
    """The files that `load_back` reads."""
    return tuple(path for path in (settings.ca, settings.certificate, settings.key) if path)


def load_back(settings: UpstreamTlsSettings, now: float, protocols: Sequence[str] = ALPN) -> ssl.SSLContext:
    """Read all files at `now`, seconds since 1970. Raises SettingsError that names the bad one. `protocols`:
    what is offered to speak inside, by their ALPN names."""
    context = Context(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(list(protocols))
    if not settings.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif settings.ca:
        load_authorities(context, settings.ca, "ca")
    else:
        context.load_default_certs()
    if settings.certificate:
        from cluster_lb.tls.certificate import read_certificate  # here: see front.load_front

        load_chain(context, read_certificate(settings.certificate, settings.key, now))
    return context
