"""oidc-agent (Debian's oidc-agent-cli) with one account, set up without a person or a browser."""

import os
import re
import signal
import subprocess

from .process import Failed
from .world import need

ACCOUNT = "bench"


def start(world, issuer):
    """Starts an agent of its own and returns the environment in which `oidc-token bench` hits."""
    need("oidc-token", "oidc-agent-cli")
    env = world.env(issuer.token_url, OIDC_CONFIG_DIR=str(world.folder / "oidc"), TMPDIR=str(world.folder))
    os.mkdir(env["OIDC_CONFIG_DIR"], 0o700)
    told = subprocess.run(["oidc-agent"], env=env, capture_output=True, text=True, timeout=20, check=True).stdout
    env.update(re.findall(r"^(\w+)=([^;]+);", told, re.MULTILINE))
    world.closing.append(lambda: os.kill(int(env["OIDCD_PID"]), signal.SIGTERM))
    generate = [
        "oidc-gen", ACCOUNT, "--manual", "--flow=refresh", "--rt=a-refresh-token", f"--issuer={issuer.url}/",
        f"--client-id={env['OAUTH2_CLIENT_ID']}", f"--client-secret={env['OAUTH2_CLIENT_SECRET']}",
        "--scope=openid offline_access", "--redirect-uri=http://localhost:8080", "--pw-cmd=echo password",
        "--no-url-call", "--confirm-default",
    ]
    made = subprocess.run(generate, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30)
    if made.returncode:
        raise Failed(f"oidc-gen: {made.stdout} {made.stderr}")
    return env
