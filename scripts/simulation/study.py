"""What studies share: the options of a run, and many simulations at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field

from scripts.simulation.cluster import Job
from scripts.simulation.outcome import Figures
from scripts.simulation.scenario import Scenario
from scripts.simulation.section import Section


@dataclass
class Options:
    """`policies`: to be studied, by name. `requests`: about so many a simulation. `workers`: processes at
    once; 1: this one."""

    policies: Sequence[str]
    seed: int = 1
    requests: int = 40_000
    workers: int = 1
    _known: dict[Job, Figures] = field(default_factory=dict)

    def simulate(self, scenarios: Iterable[Scenario], policies: Iterable[str]) -> list[list[Figures]]:
        """For each scenario the figures of each policy; what was simulated before is not simulated again."""
        policies = list(policies)
        jobs = [
            [Job(scenario, policy, self.seed, self.requests) for policy in policies] for scenario in scenarios
        ]
        new = list(dict.fromkeys(job for row in jobs for job in row if job not in self._known))
        self._known.update(zip(new, self._run(new), strict=True))
        return [[self._known[job] for job in row] for row in jobs]

    def _run(self, jobs: Sequence[Job]) -> list[Figures]:
        if self.workers == 1 or len(jobs) < 2:
            return [job.run() for job in jobs]
        with ProcessPoolExecutor(self.workers) as pool:
            return list(pool.map(Job.run, jobs))


#: None: none of the policies are of the kind that it studies.
Study = Callable[[Options], Section | None]
