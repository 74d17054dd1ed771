"""The schedule of a pool: one period of a smooth order, in which every server has its exact share.

R. Tijdeman, "The chairman assignment problem", Discrete Mathematics 32 (1980): with n servers of shares
s[i], an order exists in which after every step t the turns of each server differ from t * s[i] by at most
1 - 1/(2n - 2), and a greedy rule finds it: of the servers that may have their next turn at t without running
ahead of that bound, take the one whose turn is due first. It is the best bound that any order can keep.

In turns counted from c = 0, with W the sum of the weights, w one of them and M = 2n - 2:

    turn c may come at the first step t (from 1) with  M * (w * t - c * W) >= W
    turn c is due in the order of                      (M * (c + 1) - 1) / w

Servers of one weight have their turns at the same steps, so the rule is applied to whole classes of them:
the work grows with the number of distinct weights (at most 256), not with the number of servers. A class has
one turn ready at most, for the next comes only after this one is due.

Any run of consecutive tickets is the difference of two such prefixes, so a server's turns in it differ from
its share by less than 2; that is what the bound of the cluster (less than 2 N for N nodes) rests on.
"""

from __future__ import annotations

import math
from bisect import insort
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from operator import length_hint


def build_schedule(weights: Sequence[int]) -> list[int]:
    """One period as indices into `weights` (each 0..256); a weight of 0 gets no turn.

    The length is the sum of the weights divided by their greatest common divisor. Equal weights give the
    plain order 0, 1, 2, ...
    """
    divisor = math.gcd(*weights)
    if divisor == 0:
        return []
    classes: dict[int, list[int]] = {}
    for index, weight in enumerate(weights):
        if weight:
            classes.setdefault(weight // divisor, []).append(index)
    active = sum(map(len, classes.values()))
    if active == 1:
        return classes[1]
    return _in_order_of_due_time(*_turns(classes, sum(weights) // divisor, 2 * active - 2))


def _turns(
    classes: Mapping[int, list[int]], period: int, slack: int
) -> tuple[list[list[int]], list[int], list[int]]:
    """All turns of all classes, by weight, the one that is due last first: who has it, and at which step it
    may come first. Then their numbers in the order of these steps."""
    members: list[list[int]] = []
    due: list[float] = []
    steps: list[int] = []
    for weight, servers in classes.items():
        pace = slack * weight
        first = period + pace - 1  # rounds up
        members += [servers] * weight
        due += [value / weight for value in range(slack - 1, slack - 1 + pace, slack)]
        steps += [value // pace for value in range(first, first + period * pace, period * slack)]
    order = sorted(range(len(due)), key=due.__getitem__)
    order.reverse()  # of turns due at once the class that was seen first comes first
    steps = [steps[number] for number in order]
    return [members[number] for number in order], steps, sorted(range(len(order)), key=steps.__getitem__)


def _in_order_of_due_time(
    turns: Sequence[Iterable[int]], steps: Sequence[int], coming: Iterable[int]
) -> list[int]:
    """One turn at a time is had by its servers, until one that is due sooner comes."""
    order: list[int] = []
    rest = list(turns)  # of each turn, who has not had it yet
    ready: list[int] = []  # turns that have come and wait, the one due next at the end
    coming = iter(coming)
    turn = next(coming)
    end = length_hint(rest[turn])  # the step that completes the turn
    for other in coming:
        step = steps[other]
        while end < step - 1:
            order += rest[turn]
            turn = ready.pop()
            end += length_hint(rest[turn])
        if other < turn or step > end:
            insort(ready, other)
        else:
            rest[turn] = interrupted = iter(rest[turn])
            order += islice(interrupted, step - 1 - len(order))
            ready.append(turn)
            turn, end = other, step - 1 + length_hint(rest[other])
    ready.append(turn)
    for last in reversed(ready):
        order += rest[last]
    return order
