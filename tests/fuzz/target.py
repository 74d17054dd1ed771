"""A coverage-guided fuzz target over the data path in memory.

    python -m tests.fuzz.target requests|responses NEW_FINDS tests/fuzz/corpus/requests [libFuzzer options]

An input is what a client, or a server, sends. Where it is cut follows from its own bytes, so a find repeats.
"""

from __future__ import annotations

import random
import sys
import zlib

import atheris
import structlog

with atheris.instrument_imports(include=["cluster_lb.wire", "cluster_lb.proxy"]):
    from tests.fuzz.one_input import KINDS


def main() -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    check = KINDS[sys.argv.pop(1)]
    atheris.Setup(sys.argv, lambda data: check(data, random.Random(zlib.crc32(data))))
    atheris.Fuzz()


if __name__ == "__main__":
    main()
