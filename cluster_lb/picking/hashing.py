"""The hash of keys: 64 bits of XXH3, which is the same on every machine and in every version since 0.8.0.

It is quick and well spread, and no secret: who may choose a key may choose its server.
"""

from __future__ import annotations

from collections.abc import Callable

from xxhash import xxh3_64_intdigest

BITS = 64


#: (key, seed = 0) -> 0 .. 2**64 - 1
hash_of: Callable[..., int] = xxh3_64_intdigest
