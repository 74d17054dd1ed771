"""Outlier detection over the cluster's sample: a node tells its own, the script decides."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from cluster_lb.model.sample import Run, Sample
from cluster_lb.settings.schema import PoolSettings
from cluster_lb.store.client import Store
from cluster_lb.store.scripts import load

_JUDGE = load("judge_outliers")
_OTHERWISE = {"enabled", "interval_s", "base_ejection_s", "max_ejection_s", "probes_end_it"}


@dataclass(frozen=True, slots=True)
class Judgement:
    """What one call decided. `ejected`: server id -> rule; `returned`: server id -> what ended its ejection;
    `spared`: servers that a rule spoke against and a bound kept in."""

    ejected: Mapping[str, str]
    returned: Mapping[str, str]
    spared: tuple[str, ...]


class Outliers:
    """Samples of this node. Calls raise StoreUnavailableError or StoreError."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def judge(
        self,
        node_id: str,
        pool: str,
        settings: PoolSettings,
        samples: Mapping[str, Sample],
        proven: Mapping[str, int] | None = None,
    ) -> Judgement:
        """Tell `samples`, by server id. `proven`: server id -> `at_ms` of an ejection that its probes speak
        against."""
        keys = self._store.keys.pool(pool)
        text = await self._store.run(
            _JUDGE,
            [
                keys.epoch,
                keys.servers,
                keys.server_prefix,
                keys.verdicts,
                keys.nodes,
                keys.outcomes,
                keys.ejections,
                keys.weights,
            ],
            [
                self._store.keys.events,
                pool,
                node_id,
                json.dumps(_rules(settings)),
                json.dumps({server_id: _told(sample) for server_id, sample in samples.items()}),
                json.dumps(dict(proven or {})),
            ],
        )
        found = json.loads(text)
        # Lua cannot tell an empty object from an empty list
        return Judgement(dict(found["ejected"]), dict(found["returned"]), tuple(found["spared"]))


def _rules(settings: PoolSettings) -> dict[str, float | bool]:
    outliers = settings.outliers
    return {
        **outliers.model_dump(exclude=_OTHERWISE),
        "interval_ms": round(outliers.interval_s * 1000),
        "base_ms": round(outliers.base_ejection_s * 1000),
        "max_ms": round(outliers.max_ejection_s * 1000),
        "panic_threshold": settings.panic_threshold,
        "probed": settings.health.judges,
        "has_agents": settings.health.agent.port != 0,
    }


def _told(sample: Sample) -> list[object]:
    told: list[object] = [sample.ok, sample.busy_ms]
    if sample.failed:
        runs = (sample.http_5xx, sample.gateway_failure, sample.local_origin_failure)
        told += [sample.failed, *(_pair(run) for run in runs)]
    return told


def _pair(run: Run) -> tuple[int, int]:
    return int(run.broken), run.length
