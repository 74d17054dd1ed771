"""What a backend imports to register itself; see docs/registering.md.

`Registration` for asyncio, `ThreadedRegistration` for everything else; the integrations of aiohttp
(`cluster_lb.sdk.aiohttp_ctx`) and ASGI (`cluster_lb.sdk.asgi`) are imported by their own names.
"""

from cluster_lb.sdk.registration import Registration
from cluster_lb.sdk.threaded import ThreadedRegistration

__all__ = ["Registration", "ThreadedRegistration"]
