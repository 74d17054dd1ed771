"""What is asked of every contender."""

from scripts.benchmark import handshakes
from scripts.benchmark.modes import MODES, SMALL, named, with_extended


def test_the_browser_head_has_12_lines_and_about_650_bytes() -> None:
    browser = named("browser")
    lines = [f"GET {browser.path} HTTP/1.1", "Host: 127.0.0.1:8080"]
    lines += [f"{name}: {value}" for name, value in browser.headers.items()]
    assert len(lines) == 12
    assert 630 <= len("\r\n".join(lines)) + 4 <= 670


def test_names_are_told_apart() -> None:
    assert len({mode.name for mode in MODES}) == len(MODES)


def test_only_a_tls_setup_has_handshakes() -> None:
    assert {mode.name for mode in MODES if mode.setup.tls} == {"tls", "tls-full", "tls-resumed"}
    assert all(mode.setup.tls for mode in MODES if mode.handshake)


def test_a_mode_that_extends_another_asks_the_same_of_another_setup() -> None:
    extending = [mode for mode in MODES if mode.extends]
    assert [(mode.name, mode.extends) for mode in extending] == [("log", "small"), ("routes", "distinct")]
    for mode in extending:
        plain = named(mode.extends)
        assert (mode.path, mode.headers, mode.distinct) == (plain.path, plain.headers, plain.distinct)
        assert mode.setup != plain.setup
        assert MODES.index(mode) == MODES.index(plain) + 1


def test_a_selection_brings_what_it_extends() -> None:
    assert with_extended((named("log"), named("1m"))) == (SMALL, named("log"), named("1m"))


def test_a_handshake_asks_for_the_small_response_in_http_1_1() -> None:
    head, *lines = handshakes.REQUEST.decode().split("\r\n")
    assert head == f"GET {SMALL.path} HTTP/1.1"
    assert lines == ["Host: 127.0.0.1", "Connection: close", "X-Sent-As: HTTP/1.0", "", ""]
