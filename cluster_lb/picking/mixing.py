"""Numbers out of a number: as good as random, the same for the same one."""

from __future__ import annotations

#: 2^64 over the golden ratio: multiples of it are spread evenly over 64 bits (Knuth's multiplicative hashing)
GOLDEN = 0x9E3779B97F4A7C15
_ALL = (1 << 64) - 1


def mixed(number: int) -> int:
    """64 bits, of which each depends on all of the 64 of `number`, one to one (Steele, Lea and Flood, "Fast
    splittable pseudorandom number generators", 2014: SplitMix64, as in Java's SplittableRandom)."""
    number = (number + GOLDEN) & _ALL
    number = (number ^ (number >> 30)) * 0xBF58476D1CE4E5B9 & _ALL
    number = (number ^ (number >> 27)) * 0x94D049BB133111EB & _ALL
    return number ^ (number >> 31)
