"""The contexts of a listener, the right one picked by the name that a client asks for."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cluster_lb.errors import SettingsError
from cluster_lb.settings.tls import ListenerTlsSettings
from cluster_lb.tls.context import Context, reason
from cluster_lb.tls.names import ByName
from cluster_lb.tls.watch import Watch
from cluster_lb.tls.watched import Watched

if TYPE_CHECKING:
    from cluster_lb.tls.certificate import Certificate

#: What we speak after the handshake, most wanted first.
ALPN = ("http/1.1",)

_VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
_VERIFY = {"off": ssl.CERT_NONE, "optional": ssl.CERT_OPTIONAL, "required": ssl.CERT_REQUIRED}


@dataclass(frozen=True, slots=True)
class Front:
    """`context`: where handshakes begin. `certificates`: all of them, the default first."""

    context: ssl.SSLContext
    certificates: tuple[Certificate, ...]


def files_of(settings: ListenerTlsSettings) -> tuple[str, ...]:
    """The files that `load_front` reads."""
    paths = [path for one in settings.tls for path in (one.certificate, one.key)]
    return tuple(path for path in (*paths, settings.client_ca) if path)


def load_front(settings: ListenerTlsSettings, now: float) -> Front:
    """Read all files at `now`, seconds since 1970. Raises SettingsError that names the bad one."""
    from cluster_lb.tls.certificate import read_certificate  # here: without TLS nothing loads cryptography

    certificates = tuple(read_certificate(one.certificate, one.key, now) for one in settings.tls)
    contexts = [(names, _context(settings, kinds)) for names, kinds in _by_names(certificates).items()]
    default = contexts[0][1]
    if len(contexts) > 1 or settings.strict_sni:
        _pick_by_name(default, ByName(contexts), strict=settings.strict_sni)
    return Front(default, certificates)


def watched_front(
    settings: ListenerTlsSettings, watch: Watch, wall: Callable[[], float]
) -> Watched[Front] | None:
    """What `load_front` gives, for as long as `watch` runs; None without TLS. Raises SettingsError."""
    if not settings.tls:
        return None
    front = Watched("listener", files_of(settings), lambda: load_front(settings, wall()))
    watch.add(front)
    watch.warn_of(lambda: front.value.certificates)
    return front


def check_listeners(listeners: Iterable[ListenerTlsSettings], now: float) -> None:
    """Read the files of all of them, for nothing but the SettingsError, which names the listener too."""
    for index, listener in enumerate(listeners):
        if listener.tls:
            try:
                load_front(listener, now)
            except SettingsError as error:
                raise SettingsError(f"listeners.{index}: {error.path}", error.problem) from None


def _by_names(certificates: Iterable[Certificate]) -> dict[frozenset[str], list[Certificate]]:
    """Names -> the first certificate for each kind of key: OpenSSL shows each client one that it can use
    (nginx' `ssl_certificate`, given twice)."""
    found: dict[frozenset[str], dict[type, Certificate]] = {}
    for certificate in certificates:
        found.setdefault(frozenset(certificate.names), {}).setdefault(certificate.key_kind, certificate)
    return {names: list(kinds.values()) for names, kinds in found.items()}


def _context(settings: ListenerTlsSettings, certificates: Iterable[Certificate]) -> Context:
    context = Context(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = _VERSIONS[settings.tls_min_version]
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_IGNORE_UNEXPECTED_EOF
    context.set_alpn_protocols(list(ALPN))
    for certificate in certificates:
        load_chain(context, certificate)
    context.verify_mode = _VERIFY[settings.client_certificates]
    if settings.client_certificates != "off":
        load_authorities(context, settings.client_ca, "client_ca")
    return context


def load_chain(context: ssl.SSLContext, certificate: Certificate) -> None:
    """Have `context` show this certificate. Raises SettingsError."""
    try:
        context.load_cert_chain(certificate.path, certificate.key_path)
    except OSError as error:
        whose = f"certificate {certificate.path} with key {certificate.key_path}"
        raise SettingsError(whose, f"cannot be used: {reason(error)}") from None


def load_authorities(context: ssl.SSLContext, path: str, what: str) -> None:
    """Have `context` trust the certificates in `path`. Raises SettingsError."""
    from cluster_lb.tls.certificate import read_file

    data = read_file(path, f"{what} {path}")
    try:
        context.load_verify_locations(cadata=data.decode("ascii", "replace"))
    except (OSError, ValueError):
        raise SettingsError(f"{what} {path}", "holds no certificates in PEM form") from None


def _pick_by_name(default: ssl.SSLContext, contexts: ByName[Context], *, strict: bool) -> None:
    def pick(connection: ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> int | None:
        found = contexts.find(name) if name else None
        if found is not None:
            connection.context = found
        elif strict:
            return ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
        return None

    default.sni_callback = pick
