"""What everything takes place in: a temporary folder, the programs, the sandbox."""

import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import urllib.request
from pathlib import Path

from .process import Failed

BENCHES = Path(__file__).resolve().parent.parent
ROOT = BENCHES.parent
PEERS = BENCHES / "peers"
# As .cargo/config.toml has it for daypass.
STATIC = ["-Ctarget-feature=+crt-static", "-Crelocation-model=static"]


def need(program, package):
    """Fails with the line that installs a program, unless it is there."""
    if not shutil.which(program):
        raise Failed(f"{program} is missing: apt-get install {package}")


def built(binary=None):
    """Returns the `daypass` to measure: the one that is named, else the release build of now."""
    if binary:
        return str(Path(binary).resolve())
    command = ["cargo", "build", "--release", "--locked", "-p", "daypass-cli", "--message-format", "json"]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    for line in done.stdout.splitlines():
        artifact = json.loads(line)
        if artifact.get("executable") and artifact["target"]["name"] == "daypass":
            return artifact["executable"]
    raise Failed("cargo built no daypass")


class World:
    """A folder for one run, and where things are in it. Ends what was started in it."""

    def __init__(self, daypass):
        self.daypass = daypass
        self.folder = Path(tempfile.mkdtemp(prefix="daypass-bench-"))
        self.caches = 0
        self.closing = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for close in reversed(self.closing):
            close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def env(self, token_url, cache=None, **more):
        """What daypass and every peer find in their environment, and nothing else."""
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            # As on CI runners; a program that looks at its locale pays for that.
            "LANG": "C.UTF-8",
            "OAUTH2_TOKEN_URL": token_url,
            "OAUTH2_CLIENT_ID": "sandbox",
            "OAUTH2_CLIENT_SECRET": "sandbox-secret",
            "DAYPASS_CACHE_DIR": str(cache or self.cache()),
            **more,
        }

    def cache(self):
        """Makes a new, empty cache folder."""
        self.caches += 1
        path = self.folder / f"cache-{self.caches}"
        path.mkdir(mode=0o700)
        return path

    def sandbox(self, *args):
        return Sandbox(self, args)

    def prototype(self):
        """Compiles the bare lock file, with the flags of daypass."""
        source = ROOT / "crates/daypass-cli/examples/lockfile_prototype.rs"
        program = self.folder / "lockfile_prototype"
        command = ["rustc", "--edition=2024", "-O", "-Cpanic=abort", *STATIC, str(source), "-o", str(program)]
        subprocess.run(command, check=True, cwd=ROOT)
        return str(program)


class Sandbox:
    """A `daypass sandbox` in a process of its own."""

    def __init__(self, world, args):
        command = [world.daypass, "sandbox", *args]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=world.env("unused"))
        world.closing.append(self.close)
        told = re.search(r"http://\S+", self.process.stdout.readline())
        if not told:
            raise Failed("the sandbox does not start")
        self.url = told[0]
        self.token_url = f"{self.url}/oauth/token"

    def requests(self):
        """Returns how often a token was asked for."""
        with urllib.request.urlopen(f"{self.url}/_sandbox/state") as answer:
            return json.load(answer)["token_requests"]

    def close(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()
        self.process.stdout.close()
