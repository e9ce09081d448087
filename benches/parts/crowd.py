"""The stampede: many processes at once, no token cached, an issuer that takes 150 ms."""

import statistics

from . import table
from .process import Failed, stampede
from .world import PEERS

DELAY_MS = 150
WALL_BAR = 1.3


def stampedes(world, count, rounds, python):
    """Returns whether daypass asks once and takes at most 1.3 x as long as a bare lock file."""
    sandbox = world.sandbox("--fault", f"delay_ms={DELAY_MS}")
    entries = [
        ("daypass token", [world.daypass, "token"], rounds),
        ("bare lock file", [world.prototype()], rounds),
        ("curl, no cache", [str(PEERS / "curl")], min(rounds, 3)),
        ("curl, home-made cache", [str(PEERS / "curl_cache")], min(rounds, 3)),
    ]
    if python:
        entries += [
            ("msal, persisted cache", [python, str(PEERS / "msal_cache.py")], 1),
            ("httpx-auth, JSON file", [python, str(PEERS / "httpx_auth_cache.py")], 1),
        ]
    asked = {name: [] for name, *_ in entries}
    done = {name: [] for name, *_ in entries}
    for turn in range(rounds):
        for name, argv, turns in entries:
            if turn >= turns:
                continue
            before = sandbox.requests()
            done[name].append(stampede(argv, world.env(sandbox.token_url), count, world.folder))
            asked[name].append(sandbox.requests() - before)
    for name in ["daypass token", "bare lock file"]:
        for crowd in done[name]:
            if crowd.failed or crowd.answers != 1:
                raise Failed(f"{name}: {crowd}")
    wall = {name: statistics.median(crowd.wall_ms for crowd in crowds) for name, crowds in done.items()}
    bare = done["bare lock file"]

    def span(numbers):
        return str(min(numbers)) if min(numbers) == max(numbers) else f"{min(numbers)} to {max(numbers)}"

    rows = [
        [name, span(asked[name]), span([crowd.answers for crowd in crowds]), sum(crowd.failed for crowd in crowds),
         f"{wall[name]:.0f} ms", f"{statistics.median(one.wall_ms / other.wall_ms for one, other in zip(crowds, bare)):.2f}"]
        for name, crowds in done.items()
    ]
    head = [f"{count} processes at once, cold", "requests", "different answers", "failed", "wall", "x lock file"]
    table.show(f"Stampede (the issuer takes {DELAY_MS} ms, {rounds} rounds, interleaved)", head, rows)
    once = table.verdict("requests of daypass", max(asked["daypass token"]), 1)
    over = statistics.median(one.wall_ms / other.wall_ms for one, other in zip(done["daypass token"], bare))
    return table.verdict("daypass / bare lock file", over, WALL_BAR) and once
