"""The data path. Reading order: listener, client, exchange, pool, server, upstream, tunnel, ledger, ticker.

The common path of a request is two callbacks: `ClientConnection.data_received` reads a head, picks a server
and writes to a kept connection; `UpstreamConnection.data_received` writes the answer back and settles. There
is no task, no await and no timer on it, and it never waits for Redis. Connecting is the one rare road that
is a coroutine.
"""
