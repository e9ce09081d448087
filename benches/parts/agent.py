"""An agent of daypass's own, for commands that have nothing but its address."""

import json
import os
import signal
import subprocess

from .process import Contestant, Failed


def start(world, token_url):
    """Starts an agent and returns `daypass token` as it asks it."""
    run = world.folder / "run"
    run.mkdir(mode=0o700)
    env = world.env(token_url, XDG_RUNTIME_DIR=str(run))
    command = [world.daypass, "agent", "--detach", "--json"]
    started = subprocess.run(command, env=env, capture_output=True, text=True, timeout=20)
    if started.returncode:
        raise Failed(f"daypass agent: {started.stderr}")
    ready = json.loads(started.stdout)
    world.closing.append(lambda: os.kill(ready["pid"], signal.SIGTERM))
    own = {name: env[name] for name in ["PATH", "HOME", "LANG"]}
    return Contestant("daypass token, agent", [world.daypass, "token"], {**own, "DAYPASS_AGENT": ready["address"]})
