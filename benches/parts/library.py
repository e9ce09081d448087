"""A hit in memory: daypass, and on request Go's x/oauth2 and azure_identity."""

import json
import os
import re
import subprocess
from pathlib import Path

from . import table
from .process import Failed
from .world import PEERS, ROOT, need

BAR_NS = 60
FLAT = 1.25


def library(world, quick, go, azure):
    """Returns whether a hit takes at most 60 ns and no longer on two threads."""
    options = ["--warm-up-time", "0.1", "--measurement-time", "0.2", "--sample-size", "10"] if quick else []
    command = ["cargo", "bench", "--locked", "-p", "daypass", "--bench", "hit", "--", *options]
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    results = [
        ("daypass, cached() and header", criterion("cached and header")),
        ("a clock read alone", criterion("a clock read alone")),
    ]
    if go:
        results += go_oauth2(world)
    if azure:
        results += told(["cargo", "run", "--release", "--quiet", "--locked"], PEERS / "azure", {})
    rows = [[name, f"{one:.1f} ns", f"{two:.1f} ns", f"{two / one:.2f}"] for name, (one, two) in results]
    table.show("Hit in memory", ["one call", "1 thread", "2 threads", "2 / 1"], rows)
    one, two = results[0][1]
    bars = [
        table.verdict("a hit through Arc<dyn TokenSource>", max(one, two), BAR_NS, " ns"),
        table.verdict("two threads / one thread", two / one, FLAT),
    ]
    return all(bars)


def criterion(name):
    """Reads criterion's medians, for one thread and for two."""
    metadata = ["cargo", "metadata", "--no-deps", "--format-version", "1", "--locked"]
    target = json.loads(subprocess.check_output(metadata, cwd=ROOT))["target_directory"]
    folder = Path(target) / "criterion" / "hit" / name

    def median(threads):
        return json.loads((folder / threads / "new/estimates.json").read_text())["median"]["point_estimate"]

    return median("1"), median("2")


def told(command, folder, env):
    """Runs a peer that prints `name: X ns, Y ns` for one thread and for two."""
    output = subprocess.run(command, cwd=folder, env={**os.environ, **env}, check=True, text=True, stdout=subprocess.PIPE)
    lines = re.findall(r"^(.+): ([\d.]+) ns, ([\d.]+) ns$", output.stdout, re.MULTILINE)
    if not lines:
        raise Failed(f"{command}: {output.stdout}")
    return [(name, (float(one), float(two))) for name, one, two in lines]


def go_oauth2(world):
    need("go", "golang-go golang-golang-x-oauth2-dev")
    packages = "/usr/share/gocode"
    if not Path(packages, "src/golang.org/x/oauth2").is_dir():
        raise Failed("x/oauth2 is missing: apt-get install golang-golang-x-oauth2-dev")
    env = {"GO111MODULE": "off", "GOPATH": packages, "GOCACHE": str(world.folder / "go-cache"), "GOFLAGS": ""}
    program = str(world.folder / "go-oauth2")
    build = ["go", "build", "-o", program, "main.go"]
    subprocess.run(build, cwd=PEERS / "go", env={**os.environ, **env}, check=True)
    return told([program], PEERS / "go", {})
