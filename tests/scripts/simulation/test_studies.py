"""Studies that look at more than one run."""

from scripts.simulation.studies.bounded import FACTORS, NODES, bounded
from scripts.simulation.studies.herding import SLOTS, herding
from scripts.simulation.studies.slow_start import slow_start
from scripts.simulation.study import Options


def number(cell: str) -> float:
    return float(cell.split()[0].rstrip("%"))


def test_counting_what_others_have_in_full_makes_nodes_herd() -> None:
    section = herding(Options(("least_requests", "round_robin"), requests=1500))
    rows = {tuple(row[:2]): [number(cell) for cell in row[2:]] for row in section.table.rows}
    ours = rows["least_requests", "each other's loads"]
    naive = rows["least_requests", "them, and count them in full"]
    assert len(ours) == len(SLOTS)
    assert all(one < other for one, other in zip(ours, naive, strict=True))
    assert ours[-1] < 1.5  # of a perfect balancer's
    assert ("round_robin", "nothing") in rows


def test_bounded_loads_relieve_the_server_of_a_popular_key() -> None:
    section = bounded(Options(("consistent_hash", "round_robin"), requests=4000))
    assert section is not None
    rows = section.table.rows
    assert [row[1] for row in rows] == [str(nodes) for nodes in NODES for _ in FACTORS]
    without, *_, closest = (number(row[5]) for row in rows[: len(FACTORS)])
    assert closest < 1.6 < without
    assert number(rows[0][7]) == 0.0 < number(rows[1][7])


def test_nothing_is_bounded_without_a_policy_that_does_it() -> None:
    assert bounded(Options(("round_robin",))) is None


def test_slow_start_gives_a_new_server_little_at_first_and_spares_the_others() -> None:
    section = slow_start(Options(("weighted_round_robin",), requests=8000))
    assert section is not None
    off, *ramps = ([number(cell) for cell in row[1:]] for row in section.table.rows)
    assert off[0] > 0.7
    assert all(shares[0] < 0.3 and shares[3] > 0.6 for shares in ramps)
    assert all(shares[4] < 1.5 for shares in ramps)
