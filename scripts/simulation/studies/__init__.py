"""The studies, by name: the scenarios one by one, and what asks for more than one run."""

from scripts.simulation.scenario import SCENARIOS
from scripts.simulation.studies.adaptive import adaptive
from scripts.simulation.studies.balancers import balancers
from scripts.simulation.studies.bounded import bounded
from scripts.simulation.studies.comparison import comparison
from scripts.simulation.studies.herding import herding
from scripts.simulation.studies.movement import movement
from scripts.simulation.studies.overview import overview
from scripts.simulation.studies.rebalance import rebalance
from scripts.simulation.studies.slow_start import slow_start
from scripts.simulation.studies.zones import zones
from scripts.simulation.study import Study

STUDIES: dict[str, Study] = {
    "overview": overview,
    **{name: comparison(scenario) for name, scenario in SCENARIOS.items()},
    "balancers": balancers,
    "herding": herding,
    "rebalance": rebalance,
    "slow-start": slow_start,
    "adaptive": adaptive,
    "movement": movement,
    "bounded": bounded,
    "zones": zones,
}
