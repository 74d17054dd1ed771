"""The schedule of a pool: one period of a smooth order, in which every server has its exact share.

R. Tijdeman, "The chairman assignment problem", Discrete Mathematics 32 (1980): with n servers of shares
s[i], an order exists in which after every step t the turns of each server differ from t * s[i] by at most
1 - 1/(2n - 2), and a greedy rule finds it: of the servers that may have their next turn at t without running
ahead of that bound, take the one whose turn is due first. It is the best bound that any order can keep.

In turns counted from c = 0, with W the sum of the weights, w one of them and M = 2n - 2:

    turn c may come at the first step t (from 1) with  M * (w * t - c * W) >= W
    turn c is due in the order of                      (M * (c + 1) - 1) / w

Servers of one weight have their turns at the same steps, so the rule is applied to whole classes of them:
the work grows with the number of distinct weights (at most 256), not with the number of servers.

Any run of consecutive tickets is the difference of two such prefixes, so a server's turns in it differ from
its share by less than 2; that is what the bound of the cluster (less than 2 N for N nodes) rests on.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from heapq import heappop, heappush, heapreplace


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
    period = sum(weights) // divisor
    return _in_order_of_due_time(
        list(classes.values()), _turns(list(classes), period, 2 * active - 2), period
    )


def _turns(weights: Sequence[int], period: int, slack: int) -> list[tuple[int, float, int]]:
    """All turns of all classes as (first step, due, class), in the order of their first steps."""
    return sorted(
        (-(-period * (1 + slack * count) // (slack * weight)), (slack * (count + 1) - 1) / weight, number)
        for number, weight in enumerate(weights)
        for count in range(weight)
    )


def _in_order_of_due_time(
    classes: Sequence[Sequence[int]], turns: Sequence[tuple[int, float, int]], period: int
) -> list[int]:
    order: list[int] = []
    ready: list[tuple[float, int, int]] = []  # due, class, how many of the class have had this turn
    upcoming = 0
    while len(order) < period:
        step = len(order) + 1
        while upcoming < len(turns) and turns[upcoming][0] <= step:
            _, due, number = turns[upcoming]
            heappush(ready, (due, number, 0))
            upcoming += 1
        until = turns[upcoming][0] if upcoming < len(turns) else period + 1
        while step < until:
            due, number, done = ready[0]
            members = classes[number]
            had = members[done : done + until - step]
            order += had
            step += len(had)
            if done + len(had) == len(members):
                heappop(ready)
            else:
                heapreplace(ready, (due, number, done + len(had)))
    return order
