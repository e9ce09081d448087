"""Whole processes: a hit and a cold miss of `daypass token`, beside what people use instead."""

import sys

from . import agent, oidc_agent, table
from .process import Contestant, Failed, found, interleaved, ratio, run
from .world import PEERS, need

sys.path.insert(0, str(PEERS))
from issuer import Issuer  # noqa: E402

# The peers that a hit may not be slower than.
BARS = ["cat", "oidc-token"]
MISS_BAR_MS = 10


def peers(world, issuer, daypass, python):
    """All that hand out a cached token of 1.1 kB, or a file with one."""
    file = world.folder / "token"
    file.write_bytes(run(daypass.argv, daypass.env).output)
    agent = oidc_agent.start(world, issuer)
    everyone = [
        Contestant("cat", ["cat", str(file)], daypass.env),
        Contestant("cat, without a locale", ["cat", str(file)], {"PATH": daypass.env["PATH"]}),
        Contestant("oidc-token", ["oidc-token", oidc_agent.ACCOUNT], agent),
        Contestant("curl, home-made cache", [str(PEERS / "curl_cache")], world.env(issuer.token_url)),
    ]
    if python:
        for name, peer in [("msal, persisted cache", "msal_cache.py"), ("httpx-auth, JSON file", "httpx_auth_cache.py")]:
            everyone.append(Contestant(name, [python, str(PEERS / peer)], world.env(issuer.token_url)))
    return everyone


def hit(world, count, python):
    """Returns whether a hit costs no more than `cat`, and less than a cached oidc-token."""
    issuer = Issuer()
    daypass = Contestant("daypass token", [found(world.daypass, {}), "token"], world.env(issuer.token_url))
    everyone = peers(world, issuer, daypass, python)
    rows, ratios, runs = [], {}, []
    for peer in everyone:
        daypass.runs = []
        # The Python peers take a hundred times as long.
        interleaved([daypass, peer], max(3, count // 20) if peer.argv[0] == python else count)
        ratios[peer.name] = ratio(daypass, peer)
        runs += daypass.runs
        rows.append([*row(peer), f"{ratios[peer.name]:.2f}", f"{ratio(daypass, peer, 'cpu_ms'):.2f}"])
    # What does not touch the cache: the agent has the token in memory, as oidc-agent has.
    through = agent.start(world, issuer.token_url)
    rivals = {peer.name: peer for peer in everyone if peer.name in BARS}
    for name, peer in rivals.items():
        through.runs, peer.runs = [], []
        interleaved([through, peer], count)
        ratios[f"{name}, agent"] = ratio(through, peer)
    by_cpu = ratio(through, rivals["oidc-token"], "cpu_ms")
    through_row = [*row(through), f"{ratios['oidc-token, agent']:.2f}", f"{by_cpu:.2f}"]
    # All but the two cats asked once, and the agent.
    if issuer.requests != len(everyone):
        raise Failed(f"{issuer.requests} requests: somebody did not hit")
    daypass.runs = runs
    head = ["a hit, whole process", "wall", "CPU", "page faults", "daypass / it", "by CPU"]
    size = len(runs[0].output)
    table.show(f"Hit ({size} bytes, {count} pairs with each peer)", head, [[*row(daypass), "", ""], *rows])
    head = ["a hit through an agent", "wall", "CPU", "page faults", "it / oidc-token", "by CPU"]
    table.show(f"Agent ({count} pairs with oidc-token)", head, [through_row])
    held = [table.verdict(f"daypass / {name}", ratios[name], 1) for name in BARS]
    return all([*held, table.verdict("daypass with its agent / oidc-token", ratios["oidc-token, agent"], 1)])


def row(one):
    return [one.name, f"{one.wall():.2f} ms", f"{one.cpu():.2f} ms", one.faults()]


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
