"""Studies that look at more than one run."""

from scripts.simulation.studies.bounded import CASES, bounded
from scripts.simulation.studies.herding import SCENARIOS, herding
from scripts.simulation.studies.slow_start import slow_start
from scripts.simulation.study import Options


def number(cell: str) -> float:
    return float(cell.split()[0].rstrip("%"))


def test_counting_what_others_have_in_full_makes_nodes_herd() -> None:
    section = herding(Options(("least_requests", "round_robin"), requests=1500))
    rows = {tuple(row[:2]): [number(cell) for cell in row[2:]] for row in section.table.rows}
    ours = rows["least_requests", "each other's loads"]
    naive = rows["least_requests", "them, and count them in full"]
    assert len(ours) == len(SCENARIOS)
    assert all(one < other for one, other in zip(ours, naive, strict=True))
    assert max(ours[3], ours[5]) < 1.5  # of what a balancer has that knows everything
    assert ("round_robin", "nothing") in rows


def test_bounded_loads_relieve_the_server_of_a_popular_key() -> None:
    section = bounded(Options(("consistent_hash", "round_robin"), requests=4000))
    assert section is not None
    rows = section.table.rows
    fullest = {case: number(row[6]) for case, row in zip(CASES, rows, strict=True)}
    away = {case: number(row[8]) for case, row in zip(CASES, rows, strict=True)}
    assert fullest[16, 1, 1.25] < 1.4 < fullest[16, 1, 2.0] < 2.1 < fullest[16, 1, 0.0]
    # several nodes keep close to it, and send no more away for it
    assert fullest[16, 4, 1.25] < 1.6
    assert fullest[16, 8, 1.25] < 1.58
    assert fullest[64, 8, 1.25] < 1.36
    assert away[16, 1, 0.0] == away[16, 4, 0.0] == 0.0
    assert 0.0 < away[16, 4, 1.25] < 1.25 * away[16, 1, 1.25]


def test_nothing_is_bounded_without_a_policy_that_does_it() -> None:
    assert bounded(Options(("round_robin",))) is None


def test_slow_start_gives_a_new_server_little_at_first_and_spares_the_others() -> None:
    section = slow_start(Options(("weighted_round_robin",), requests=8000))
    assert section is not None
    off, *ramps = ([number(cell) for cell in row[1:]] for row in section.table.rows)
    assert off[0] > 0.7
    assert all(shares[0] < 0.3 and shares[3] > 0.6 for shares in ramps)
    assert all(shares[4] < 1.5 for shares in ramps)
