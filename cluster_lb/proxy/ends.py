"""Ends of a connection that transports have no word for, or not the same."""

from __future__ import annotations

import asyncio
import socket
import struct

_AT_ONCE = struct.pack("ii", 1, 0)  # SO_LINGER: on, 0 s


def end_writing(transport: asyncio.Transport) -> None:
    """Tell the peer that nothing more will come; it may still send."""
    if not transport.can_write_eof() or transport.is_closing():
        return
    try:
        transport.write_eof()
    except OSError:  # asyncio: the peer is gone, and the transport has yet to hear of it
        transport.abort()


def reset(transport: asyncio.Transport) -> None:
    """Abort, and let the peer know: by itself an abort looks like any other end."""
    if not transport.is_closing():
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
        transport.abort()
