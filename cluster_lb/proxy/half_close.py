"""Ending one direction of a connection, as far as its transport can."""

from __future__ import annotations

import asyncio


def end_writing(transport: asyncio.Transport) -> None:
    """Tell the peer that nothing more will come; it may still send."""
    if not transport.can_write_eof() or transport.is_closing():
        return
    try:
        transport.write_eof()
    except OSError:  # asyncio: the peer is gone, and the transport has yet to hear of it
        transport.abort()
