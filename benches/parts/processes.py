"""Whole processes: a hit and a cold miss of `daypass token`, beside what people use instead."""

import sys

from . import oidc_agent, table
from .process import Contestant, Failed, interleaved, ratio, run
from .world import PEERS, need

sys.path.insert(0, str(PEERS))
from issuer import Issuer  # noqa: E402

TOKEN_BARS = {"cat": 1.0, "oidc-token": 1.0}
MISS_BAR_MS = 10


def contestants(world, issuer, python):
    """All that hand out a cached token of 1.1 kB, each with its token cached."""
    daypass = Contestant("daypass token", [world.daypass, "token"], world.env(issuer.token_url))
    token = run(daypass.argv, daypass.env).output
    file = world.folder / "token"
    file.write_bytes(token)
    agent = oidc_agent.start(world, issuer)
    everyone = [
        daypass,
        Contestant("cat", ["cat", str(file)], daypass.env),
        Contestant("oidc-token", ["oidc-token", oidc_agent.ACCOUNT], agent),
        Contestant("curl, home-made cache", [str(PEERS / "curl_cache")], world.env(issuer.token_url)),
        Contestant("cat, without a locale", ["cat", str(file)], {"PATH": daypass.env["PATH"]}),
    ]
    if python:
        for name, peer in [("msal, persisted cache", "msal_cache.py"), ("httpx-auth, JSON file", "httpx_auth_cache.py")]:
            everyone.append(Contestant(name, [python, str(PEERS / peer)], world.env(issuer.token_url)))
    return everyone


def hit(world, count, python):
    """Returns whether a hit costs no more than `cat`, and less than a cached oidc-token."""
    issuer = Issuer()
    everyone = contestants(world, issuer, python)
    fast, slow = everyone[:5], everyone[5:]
    interleaved(fast, count)
    # Those take a hundred times as long; in turn with daypass again, so that ratios are of neighbours.
    again = [Contestant("daypass token", list(everyone[0].argv), everyone[0].env), *slow]
    if slow:
        interleaved(again, max(3, count // 20), warm_up=1)
    # All but the two cats asked once, before.
    if issuer.requests != len(everyone) - 2:
        raise Failed(f"{issuer.requests} requests: somebody did not hit")

    base = everyone[1]

    def row(one, daypass):
        over = ratio(one, daypass)
        cat = f"{ratio(one, base):.2f}" if one in fast else "-"
        return [one.name, f"{one.wall():.2f} ms", f"{one.cpu():.2f} ms", one.faults(), cat, f"{over:.2f}"]

    rows = [row(one, fast[0]) for one in fast] + [row(one, again[0]) for one in slow]
    size = len(base.runs[0].output)
    head = ["a hit, whole process", "wall", "CPU", "page faults", "x cat", "x daypass"]
    table.show(f"Hit ({size} bytes, {count} runs each, interleaved)", head, rows)
    bars = [
        table.verdict(f"daypass / {peer.name}", ratio(fast[0], peer), TOKEN_BARS[peer.name])
        for peer in fast[1:3]
    ]
    return all(bars)


def miss(world, count):
    """Returns whether a cold miss costs at most 10 ms of CPU."""
    need("curl", "curl")
    sandbox = world.sandbox()

    def empty(contestant):
        contestant.env["DAYPASS_CACHE_DIR"] = str(world.cache())

    daypass = Contestant("daypass token", [world.daypass, "token"], world.env(sandbox.token_url), empty)
    curl = Contestant("curl", [str(PEERS / "curl")], world.env(sandbox.token_url))
    warm_up, before = 2, sandbox.requests()
    interleaved([daypass, curl], count, warm_up)
    asked = sandbox.requests() - before
    if asked != 2 * (count + warm_up):
        raise Failed(f"{asked} requests: somebody hit")
    rows = [
        [one.name, f"{one.wall():.2f} ms", f"{one.cpu():.2f} ms", f"{ratio(one, curl):.2f}",
         f"{ratio(one, curl, 'cpu_ms'):.2f}", f"{one.cpu() - curl.cpu():+.2f} ms"]
        for one in [daypass, curl]
    ]
    head = ["a cold miss over http", "wall", "CPU", "x curl, wall", "x curl, CPU", "CPU over curl"]
    table.show(f"Miss ({count} runs each, interleaved)", head, rows)
    return table.verdict("CPU of a cold miss", daypass.cpu(), MISS_BAR_MS, " ms")
