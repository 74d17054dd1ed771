"""What a contender has used so far, and the sample that two readings around a measurement make."""

from dataclasses import dataclass

from scripts.benchmark.contenders import RedisCommands
from scripts.benchmark.cpu import CpuSeconds
from scripts.benchmark.modes import Mode
from scripts.benchmark.results import LoadResult, Sample

MICROSECONDS = 1_000_000


@dataclass(frozen=True)
class Meters:
    """`redis_commands` is None where there is no Redis."""

    cpu: CpuSeconds
    redis_commands: RedisCommands | None = None


def make_sample(
    contender: str, mode: Mode, number: int, result: LoadResult, before: Meters, after: Meters
) -> Sample:
    """The figures of one measurement in round `number`, from what was counted and the meters around it."""
    sent = executed = None
    if before.redis_commands is not None and after.redis_commands is not None:
        sent = (after.redis_commands.sent - before.redis_commands.sent) * 1000 / result.requests
        executed = (after.redis_commands.executed - before.redis_commands.executed) * 1000 / result.requests
    return Sample(
        contender,
        mode.name,
        number,
        user_us=(after.cpu.user - before.cpu.user) * MICROSECONDS / result.requests,
        system_us=(after.cpu.system - before.cpu.system) * MICROSECONDS / result.requests,
        requests_per_s=result.requests_per_s,
        p99_ms=result.p99_ms,
        errors=result.errors,
        redis_per_1000=sent,
        redis_executed_per_1000=executed,
    )
