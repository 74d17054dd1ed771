"""The hash of keys is the published XXH3: nodes of different versions and machines must agree."""

from __future__ import annotations

from cluster_lb.picking.hashing import hash_of


def test_it_is_xxh3_with_64_bits():
    assert hash_of(b"") == 0x2D06800538D394C2  # XSUM_XXH3_testdata of the reference implementation
    assert 0 <= hash_of(b"192.0.2.1") < 2**64


def test_a_seed_gives_another_hash():
    assert hash_of(b"key", 1) != hash_of(b"key", 2)
