"""What a line of an agent means, in HAProxy's words (agent-check). Pure.

    line  = word *( separator word ) [ "#" description ]      up to the first CR or LF
    word  = [ "weight:" ] 1*DIGIT "%" | "weight:" 1*DIGIT | "maxconn:" 1*DIGIT
          | "ready" | "drain" | "maint" | "up" | "down" | "fail" | "stopped"

Separators are spaces, tabs and commas; letters may be of either case. Of several words about the same thing
the last holds, and what a line does not mention stays as it was.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from cluster_lb.errors import InvalidValueError
from cluster_lb.model.advice import NO_ADVICE, Advice
from cluster_lb.model.availability import Health, ServerState
from cluster_lb.model.server import MAX_REASON

_WORD = re.compile(
    r"(?:weight:)?(?P<percent>[0-9]{1,9})%|weight:(?P<weight>[0-9]{1,9})|maxconn:(?P<maxconn>[0-9]{1,9})"
    r"|(?P<state>ready|drain|maint)|(?P<health>up|down|fail|stopped)",
    re.ASCII | re.IGNORECASE,
)
_STATES = {"ready": ServerState.UP, "drain": ServerState.DRAIN, "maint": ServerState.DOWN}


@dataclass(frozen=True, slots=True)
class Words:
    """One line. `health`: up or down, with the description; None: it does not say."""

    advice: Advice = NO_ADVICE
    health: Health | None = None
    reason: str = ""


def read_line(line: str) -> Words:
    """What `line` means. InvalidValueError names what is no word of agents."""
    text, _, description = re.split(r"[\r\n]", line, maxsplit=1)[0].partition("#")
    advice, health = NO_ADVICE, None
    for word in re.split(r"[ \t,]+", text.strip(" \t,")):
        match = _WORD.fullmatch(word)
        if match is None:
            raise InvalidValueError(f"{word[:40]!r} is no word of agents")
        if match["health"]:
            health = Health.UP if word.lower() == "up" else Health.DOWN
        else:
            advice = _joined(advice, match)
    printable = "".join(letter if letter.isprintable() else " " for letter in description)
    return Words(advice, health, printable.strip()[:MAX_REASON])


def _joined(advice: Advice, match: re.Match[str]) -> Advice:
    if match["percent"]:
        return replace(advice, percent=int(match["percent"]), weight=None)
    if match["weight"]:
        return replace(advice, weight=int(match["weight"]), percent=None)
    if match["maxconn"]:
        return replace(advice, maxconn=int(match["maxconn"]))
    return replace(advice, state=_STATES[match["state"].lower()])
