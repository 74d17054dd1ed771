"""TLS towards clients and towards servers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, PositiveFloat, ValidationInfo

from cluster_lb.settings.base import Table


def _beside_settings(value: str, info: ValidationInfo) -> str:
    """A relative path is relative to the settings file, wherever the node is started from."""
    folder = (info.context or {}).get("folder")
    return str(Path(folder, value)) if folder and value else value


def _on_every_node(value: str) -> str:
    if value and not value.startswith("/"):
        raise ValueError(f"{value!r} must be an absolute path: each node reads its own file")
    return value


NodeFile = Annotated[str, AfterValidator(_beside_settings)]
ClusterFile = Annotated[str, AfterValidator(_on_every_node)]
ClientCertificates = Literal["off", "optional", "required"]


class CertificateSettings(Table):
    """A certificate with its chain, PEM. `key`: empty where it is in the same file, as in HAProxy's."""

    certificate: Annotated[NodeFile, Field(min_length=1)]
    key: NodeFile = ""


class ListenerTlsSettings(Table):
    """The part of a listener that is about TLS; without a certificate it speaks plain HTTP."""

    tls: tuple[CertificateSettings, ...] = ()  # the first is for clients that ask for none of the names
    tls_min_version: Literal["1.2", "1.3"] = "1.2"  # HAProxy and nginx: 1.2
    strict_sni: bool = False  # refuse a name that no certificate has (HAProxy strict-sni)
    tls_handshake_timeout_s: PositiveFloat = 10.0  # as for a request head
    client_certificates: ClientCertificates = "off"
    client_ca: NodeFile = ""  # PEM, who may sign the certificates of clients
    hsts_max_age_s: Annotated[int, Field(ge=0)] = 0  # Strict-Transport-Security; 0: not sent
    redirect_to_https: bool = False  # on a plain listener: 308, and nothing else
    https_port: Annotated[int, Field(ge=1, le=65535)] = 443  # where the redirect leads


class UpstreamTlsSettings(Table):
    """TLS to the servers of a pool; writing the table switches it on. Files are read on each node."""

    enabled: bool = True
    verify: bool = True  # the certificate's chain and its name
    ca: ClusterFile = ""  # PEM; empty: the system's
    server_name: str = ""  # for SNI and verification; empty: the server's own host
    certificate: ClusterFile = ""  # PEM, to show to servers that ask
    key: ClusterFile = ""  # empty where it is in the same file


def listener_contradictions(listener: ListenerTlsSettings) -> Iterator[tuple[str, str]]:
    """(key, text) of what cannot hold together in one listener."""
    if listener.tls:
        if listener.redirect_to_https:
            yield "redirect_to_https", "is for a plain listener: this one speaks TLS itself"
        if listener.client_certificates != "off" and not listener.client_ca:
            text = f"is required by client_certificates = {listener.client_certificates!r}: name a PEM file"
            yield "client_ca", text
    else:
        if listener.client_certificates != "off":
            yield "client_certificates", "needs tls: a plain listener sees no certificates"
        if listener.hsts_max_age_s:
            yield "hsts_max_age_s", "needs tls: browsers ignore it on plain HTTP (RFC 6797 section 8.1)"
