"""TLS towards clients, as the wire shows it."""

from __future__ import annotations

import asyncio
import hashlib
import socket
import ssl
from base64 import b64encode

import pytest

from tests.doubles.certificates import Authority
from tests.doubles.http_servers import OK, Close, Message, Peer, answering
from tests.doubles.waiting import eventually

GET = b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n"


@pytest.fixture
def authority(tmp_path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
async def dial():
    """`await dial(balancer, context, name)`: a client that has shaken hands."""
    peers = []

    async def dial(balancer, context: ssl.SSLContext, name: str = "a.example", first: bytes = b"") -> Peer:
        sock = socket.create_connection(("127.0.0.1", balancer.listener.address.port))
        sock.setblocking(False)
        if first:
            await asyncio.get_running_loop().sock_sendall(sock, first)
        try:
            streams = await asyncio.open_connection(sock=sock, ssl=context, server_hostname=name)
        except BaseException:
            sock.close()
            raise
        peers.append(Peer(*streams))
        return peers[-1]

    yield dial
    for peer in peers:
        await peer.drop()


def shown_to(peer: Peer) -> dict:
    return peer.writer.get_extra_info("peercert")


def names(peer: Peer) -> set[str]:
    return {name for _, name in shown_to(peer)["subjectAltName"]}


def session_of(peer: Peer) -> ssl.SSLObject:
    return peer.writer.get_extra_info("ssl_object")


async def test_requests_are_served_and_servers_hear_that_it_was_https(start, authority, dial):
    seen: list[Message] = []
    balancer = await start(tls=[authority.issue("a.example")])
    await balancer.answering(OK, seen=seen)
    client = await dial(balancer, authority.client_context())
    assert (await client.ask(GET)).body == b"ok"
    assert (await client.ask(GET)).body == b"ok"
    assert seen[1]["x-forwarded-proto"] == "https"
    assert seen[1]["forwarded"] == "for=127.0.0.1;host=a.example;proto=https"
    assert balancer.listener.acceptor.handshakes == 1


async def test_bodies_of_any_size_go_both_ways(start, authority, dial):
    body = bytes(range(256)) * 8192  # 2 MiB
    balancer = await start(tls=[authority.issue("a.example")])
    await balancer.answering(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    client = await dial(balancer, authority.client_context())
    response = await client.ask(
        b"POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    )
    assert response.body == body


@pytest.mark.parametrize(
    ("asked", "answered"),
    [
        ("a.example", "a.example"),
        ("A.Example", "a.example"),
        ("x.wild.example", "*.wild.example"),
        ("exact.wild.example", "exact.wild.example"),
        ("unknown.example", "a.example"),
        ("x.y.wild.example", "a.example"),
        (None, "a.example"),
    ],
)
async def test_the_name_picks_the_certificate(start, authority, dial, asked, answered):
    files = {"a.example": "one", "*.wild.example": "two", "exact.wild.example": "three"}
    balancer = await start(tls=[authority.issue(name, file=file) for name, file in files.items()])
    await balancer.answering(OK)
    context = authority.client_context()
    context.check_hostname = False
    client = await dial(balancer, context, asked or "")
    assert names(client) == {answered}


@pytest.mark.parametrize(
    ("ciphers", "shown"),
    [("ECDHE+aRSA", "rsa"), ("ECDHE+aECDSA", "ecdsa"), ("ECDHE+aRSA:ECDHE+aECDSA", "ecdsa")],
)
@pytest.mark.parametrize("asked", ["default.example", "a.example"])
async def test_of_two_kinds_of_keys_a_client_gets_the_one_it_can_use(
    start, authority, dial, ciphers, shown, asked
):
    files = [
        authority.issue(name, file=f"{name}.{kind}", subject=kind, with_rsa=kind == "rsa")
        for name in ("default.example", "a.example")
        for kind in ("rsa", "ecdsa")
    ]
    balancer = await start(tls=files)
    context = authority.client_context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2  # its ciphers name the kind of key
    context.set_ciphers(ciphers)
    client = await dial(balancer, context, asked)
    assert names(client) == {asked}
    assert shown_to(client)["subject"] == ((("commonName", shown),),)


async def test_of_two_that_differ_in_nothing_the_first_is_shown(start, authority, dial):
    names_of = {"first": ("a.example", "b.example"), "second": ("b.example", "a.example")}
    balancer = await start(
        tls=[authority.issue(*names, file=file, subject=file) for file, names in names_of.items()]
    )
    client = await dial(balancer, authority.client_context(), "b.example")
    assert shown_to(client)["subject"] == ((("commonName", "first"),),)


@pytest.mark.parametrize("asked", ["unknown.example", ""])
async def test_a_name_that_no_certificate_has_is_refused_where_that_is_wanted(
    start, authority, dial, events, asked
):
    balancer = await start(tls=[authority.issue("a.example")], strict_sni=True)
    context = authority.client_context()
    context.check_hostname = False
    with pytest.raises(ssl.SSLError, match="UNRECOGNIZED_NAME"):
        await dial(balancer, context, asked)
    await eventually(lambda: balancer.listener.acceptor.failed_handshakes == 1)
    assert names(await dial(balancer, context, "a.example")) == {"a.example"}


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("lowest", ["1.2", "1.3"])
async def test_versions(start, authority, dial, version, lowest, events):
    balancer = await start(tls=[authority.issue("a.example")], tls_min_version=lowest)
    context = authority.client_context()
    context.minimum_version = context.maximum_version = version
    if version is ssl.TLSVersion.TLSv1_2 and lowest == "1.3":
        with pytest.raises(ssl.SSLError, match="PROTOCOL_VERSION"):
            await dial(balancer, context)
    else:
        client = await dial(balancer, context)
        assert session_of(client).version() == version.name.replace("_", ".")


@pytest.mark.parametrize(
    ("offered", "agreed"),
    [(["h2", "http/1.1"], "http/1.1"), (["h2"], None), ([], None)],
)
async def test_what_is_spoken_is_agreed_upon(start, authority, dial, offered, agreed):
    balancer = await start(tls=[authority.issue("a.example")])
    context = authority.client_context()
    if offered:
        context.set_alpn_protocols(offered)
    assert session_of(await dial(balancer, context)).selected_alpn_protocol() == agreed


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_a_client_that_comes_again_resumes_its_session(start, authority, version):
    balancer = await start(tls=[authority.issue("a.example"), authority.issue("b.example", file="b")])
    await balancer.answering(OK)
    context = authority.client_context()
    context.minimum_version = context.maximum_version = version
    port = balancer.listener.address.port

    def ask(session: ssl.SSLSession | None) -> tuple[bool, ssl.SSLSession]:
        with (
            socket.create_connection(("127.0.0.1", port), timeout=10) as sock,
            context.wrap_socket(sock, server_hostname="b.example", session=session) as client,
        ):
            client.sendall(GET)
            assert client.recv(65536).startswith(b"HTTP/1.1 200")
            return client.session_reused, client.session

    reused, session = await asyncio.to_thread(ask, None)
    assert not reused
    assert (await asyncio.to_thread(ask, session))[0]


async def test_what_is_no_tls_is_counted_and_told(start, authority, balancer, events):
    balancer = await start(tls=[authority.issue("a.example")])
    for _ in range(3):
        client = await balancer.client()
        await client.send(GET)
        await client.rest()
    await eventually(lambda: balancer.listener.acceptor.failed_handshakes == 3)
    told = [event for event in events if event["event"] == "TLS handshake failed"]
    assert [(event["client"], event["reason"]) for event in told] == [("127.0.0.1", "http request")] * 3
    assert balancer.ledger.connections == 0


async def test_a_client_that_does_not_shake_hands_is_closed(start, authority, events):
    balancer = await start(tls=[authority.issue("a.example")], tls_handshake_timeout_s=0.05)
    client = await balancer.client()
    assert await client.rest() == b""
    await eventually(lambda: balancer.listener.acceptor.failed_handshakes == 1)


async def test_handshakes_under_way_count_towards_the_limit(start, authority, dial):
    balancer = await start(tls=[authority.issue("a.example")], max_connections=2)
    for _ in range(2):
        await balancer.client()
    await eventually(lambda: balancer.listener.acceptor.waiting == 2)
    third = await balancer.client()
    assert await third.rest() == b""
    assert balancer.ledger.rejected == 1


async def test_a_drain_waits_for_handshakes_and_ends_what_they_become(start, authority, dial):
    balancer = await start(tls=[authority.issue("a.example")])
    await balancer.answering(OK)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = authority.client_context().wrap_bio(incoming, outgoing, server_hostname="a.example")
    with pytest.raises(ssl.SSLWantReadError):
        tls.do_handshake()
    raw = await balancer.client()
    await eventually(lambda: balancer.listener.acceptor.waiting == 1)
    balancer.listener.drain()
    assert not balancer.listener.empty.is_set()
    await raw.send(outgoing.read())
    while outgoing.pending == 0:
        incoming.write(await raw.reader.read(65536))
        try:
            tls.do_handshake()
        except ssl.SSLWantReadError:
            continue
    tls.write(GET)
    await raw.send(outgoing.read())
    answer = b""
    while b"ok" not in answer:
        incoming.write(await raw.reader.read(65536))
        try:
            answer += tls.read(65536)
        except ssl.SSLWantReadError:
            continue
    assert b"Connection: close" in answer
    await raw.drop()
    await balancer.listener.empty.wait()


async def test_a_closed_connection_ends_in_the_orderly_way(start, authority, dial):
    balancer = await start(tls=[authority.issue("a.example")])
    await balancer.answering(OK)
    client = await dial(balancer, authority.client_context())
    response = await client.ask(GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
    assert (response.body, response["connection"]) == (b"ok", "close")
    assert await client.rest() == b""


async def test_a_client_that_goes_away_is_a_499(start, authority, dial, events):
    balancer = await start(tls=[authority.issue("a.example")])
    server = await balancer.server()
    client = await dial(balancer, authority.client_context())
    await client.send(GET)
    peer = await server.accepted()
    await peer.request()
    await client.close()
    assert (await balancer.line()).startswith('"GET /" 499')


async def test_a_tunnel_over_tls_ends_at_both_sides_with_either(start, authority, dial, events):
    balancer = await start(tls=[authority.issue("a.example")])
    server = await balancer.server()
    client = await dial(balancer, authority.client_context())
    await client.send(GET.replace(b"\r\n\r\n", b"\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"))
    peer = await server.accepted()
    await peer.request()
    await peer.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\nhello")
    assert (await client.head()).status == 101
    assert await client.read(5) == b"hello"
    await client.send(b"world")
    assert await peer.read(5) == b"world"
    await peer.close()
    assert await client.rest() == b""


# --- certificates of clients


@pytest.mark.parametrize("wanted", ["optional", "required"])
async def test_servers_are_told_of_a_clients_certificate(start, authority, dial, wanted):
    seen: list[Message] = []
    balancer = await start(
        tls=[authority.issue("a.example")], client_certificates=wanted, client_ca=str(authority.path)
    )
    await balancer.answering(OK, seen=seen)
    own = authority.issue(file="client", subject="Jo,hn\r\nX-Evil: 1")
    der = ssl.PEM_cert_to_DER_cert((authority.folder / "client.pem").read_text())
    client = await dial(balancer, authority.client_context(own))
    forged = b"\r\nX-Client-Cert-Subject: CN=root\r\nclient-cert: :AAAA:\r\nClient-Cert-Chain: :AA==:\r\n\r\n"
    for request in (GET, GET.replace(b"\r\n\r\n", forged)):
        await client.ask(request)
    for request in seen:
        assert request["x-client-cert-verified"] == "SUCCESS"
        assert request["x-client-cert-subject"] == r"CN=Jo\,hn??X-Evil: 1"
        assert request["x-client-cert-fingerprint"] == hashlib.sha256(der).hexdigest()
        assert request["client-cert"] == f":{b64encode(der).decode()}:"
        assert request["client-cert-chain"] is None
        assert request["x-evil"] is None


async def test_servers_are_told_of_it_on_a_resumed_session_too(start, authority):
    seen: list[Message] = []
    balancer = await start(
        tls=[authority.issue("a.example")], client_certificates="required", client_ca=str(authority.path)
    )
    await balancer.answering(OK, seen=seen)
    context = authority.client_context(authority.issue(file="client", subject="John"))
    port = balancer.listener.address.port

    def ask(session: ssl.SSLSession | None) -> tuple[bool, ssl.SSLSession]:
        with (
            socket.create_connection(("127.0.0.1", port), timeout=10) as sock,
            context.wrap_socket(sock, server_hostname="a.example", session=session) as client,
        ):
            client.sendall(GET)
            client.recv(65536)
            return client.session_reused, client.session

    _, session = await asyncio.to_thread(ask, None)
    assert (await asyncio.to_thread(ask, session))[0]
    assert [request["x-client-cert-subject"] for request in seen] == ["CN=John", "CN=John"]


async def test_without_a_certificate_servers_are_told_so_where_it_is_optional(start, authority, dial):
    seen: list[Message] = []
    balancer = await start(
        tls=[authority.issue("a.example")], client_certificates="optional", client_ca=str(authority.path)
    )
    await balancer.answering(OK, seen=seen)
    await (await dial(balancer, authority.client_context())).ask(GET)
    assert (seen[0]["x-client-cert-verified"], seen[0]["client-cert"]) == ("NONE", None)


async def test_without_a_certificate_nothing_is_served_where_it_is_required(start, authority, dial, events):
    balancer = await start(
        tls=[authority.issue("a.example")], client_certificates="required", client_ca=str(authority.path)
    )
    server = await balancer.answering(OK)
    client = await dial(balancer, authority.client_context())  # in TLS 1.3 it hears of it afterwards
    await client.send(GET)
    with pytest.raises(ssl.SSLError, match="CERTIFICATE_REQUIRED"):
        await client.rest()
    await eventually(lambda: balancer.listener.acceptor.failed_handshakes == 1)
    assert server.peers == []


async def test_a_certificate_of_another_authority_is_refused_even_where_none_is_needed(
    start, authority, dial, tmp_path, events
):
    balancer = await start(
        tls=[authority.issue("a.example")], client_certificates="optional", client_ca=str(authority.path)
    )
    stranger = Authority(tmp_path, "stranger").issue(file="foreign", subject="x")
    context = authority.client_context(stranger)
    client = await dial(balancer, context)
    await client.send(GET)
    with pytest.raises(ssl.SSLError, match="UNKNOWN_CA"):
        await client.rest()
    await eventually(lambda: any("certificate verify failed" in str(event) for event in events))


async def test_what_a_plain_client_says_of_its_certificate_is_removed(balancer):
    seen: list[Message] = []
    await balancer.answering(OK, seen=seen)
    client = await balancer.client()
    await client.ask(
        GET.replace(b"\r\n\r\n", b"\r\nX-Client-Cert-Verified: SUCCESS\r\nClient-Cert: :AAAA:\r\n\r\n")
    )
    assert [name for name, _ in seen[0].headers if "client-cert" in name] == []


# --- HSTS, redirect


async def test_every_response_says_that_https_is_to_be_used(start, authority, dial):
    balancer = await start(tls=[authority.issue("a.example")], hsts_max_age_s=31536000)
    await balancer.answering(OK)
    client = await dial(balancer, authority.client_context())
    for _ in range(2):
        response = await client.ask(GET)
        assert response["strict-transport-security"] == "max-age=31536000"


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET /nobody HTTP/1.1\r\nHost: a.example\r\n\r\n", 503),
        (b"GET /fixed HTTP/1.1\r\nHost: a.example\r\n\r\n", 404),
        (b"GET /moved HTTP/1.0\r\n\r\n", 400),
    ],
)
async def test_so_do_our_own_answers(start, authority, dial, request_, status):
    balancer = await start(tls=[authority.issue("a.example")], hsts_max_age_s=31536000)
    balancer.route(
        {"path_prefix": "/nobody", "pool": "empty"},
        {"path_prefix": "/fixed", "respond": {"status": 404}},
        {"path_prefix": "/moved", "redirect": {"location": "https://{host}/"}},
    )
    client = await dial(balancer, authority.client_context())
    response = await client.ask(request_)
    assert (response.status, response["strict-transport-security"]) == (status, "max-age=31536000")
    assert response["server"] == "cluster-lb"


async def test_so_does_the_answer_to_one_client_too_many(start, authority, dial):
    balancer = await start(tls=[authority.issue("a.example")], hsts_max_age_s=31536000, max_connections=1)
    context = authority.client_context()
    balancer.listener.acceptor._has_room = lambda: True  # there was some when the handshake began
    await dial(balancer, context)
    response = await (await dial(balancer, context)).response()
    assert (response.status, response["strict-transport-security"]) == (503, "max-age=31536000")


@pytest.mark.parametrize(
    ("target", "host", "port", "location"),
    [
        ("/x?y=1", "a.example", 443, "https://a.example/x?y=1"),
        ("/", "a.example:8080", 443, "https://a.example/"),
        ("/", "a.example:8080", 8443, "https://a.example:8443/"),
        ("/", "[::1]:80", 8443, "https://[::1]:8443/"),
        ("//evil.example/", "a.example", 443, "https://a.example//evil.example/"),
    ],
)
async def test_a_redirect_leads_to_the_same_host_and_path(start, target, host, port, location):
    balancer = await start(redirect_to_https=True, https_port=port)
    client = await balancer.client()
    request = f"GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()
    for _ in range(2):
        response = await client.ask(request)
        assert (response.status, response["location"]) == (308, location)
    assert balancer.ledger.redirected == 2


async def test_who_comes_again_with_the_same_request_is_redirected_again(start):
    balancer = await start(redirect_to_https=True)
    await balancer.answering(OK)
    for _ in range(2):
        client = await balancer.client()
        assert (await client.ask(GET)).status == 308
    assert balancer.live().attempts == 0


async def test_a_redirected_body_is_not_waited_for(start):
    balancer = await start(redirect_to_https=True)
    client = await balancer.client()
    response = await client.ask(b"POST /x HTTP/1.1\r\nHost: a.example\r\nContent-Length: 99\r\n\r\n")
    assert (response.status, response["connection"]) == (308, "close")


async def test_a_redirect_needs_a_host(start, events):
    balancer = await start(redirect_to_https=True)
    client = await balancer.client()
    assert (await client.ask(b"GET / HTTP/1.0\r\n\r\n")).status == 400


# --- new certificates


async def test_a_new_certificate_is_shown_without_a_restart(start, authority, dial, events):
    balancer = await start(tls=[authority.issue("a.example")])
    await balancer.answering(OK)
    old = await dial(balancer, authority.client_context())
    authority.issue("a.example", "new.example")
    await balancer.tls.check()
    assert names(await dial(balancer, authority.client_context())) == {"a.example", "new.example"}
    assert (await old.ask(GET)).status == 200
    assert [event["event"] for event in events] == ["TLS files read"]


async def test_a_broken_new_certificate_leaves_the_old_one_and_is_told_once(start, authority, dial, events):
    balancer = await start(tls=[authority.issue("a.example")])
    (authority.folder / "site.pem").write_text("nothing")
    await balancer.tls.check()
    await balancer.tls.check()
    assert names(await dial(balancer, authority.client_context())) == {"a.example"}
    [event] = events
    assert (event["log_level"], event["problem"]) == (
        "error",
        f"certificate {authority.folder}/site.pem: holds no certificate in PEM form",
    )
    assert balancer.tls.failures == 1
    authority.issue("a.example", "new.example")
    await balancer.tls.check()
    assert "new.example" in names(await dial(balancer, authority.client_context()))


async def test_a_cut_off_response_is_cut_off_over_tls_too(start, authority, dial, events):
    balancer = await start(tls=[authority.issue("a.example")])
    await balancer.server(answering((b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", Close())))
    client = await dial(balancer, authority.client_context())
    await client.send(GET)
    await client.head()
    try:
        assert await client.rest() == b"half"
    except ConnectionError:
        return  # what was in flight is lost with the connection
