"""The gateway under load, beside a bare hyper proxy, nginx and haproxy, which put a fixed token on.

Load and upstream have one core, the proxy has the other. All proxies run at once and are loaded in turn; a ratio is the
median of the ratios of neighbours.
"""

import os
import re
import signal
import statistics
import subprocess
import time
import urllib.error
import urllib.request

from . import table
from .process import Failed
from .world import ROOT, need

CONNECTIONS = [1, 32, 256]
TOKEN = "Bearer " + "t" * 1100
# Of the bare proxy's rate, with small bodies; of nginx's, with bodies of a mebibyte.
BARE_BAR, BLOB_BAR = 0.95, 1.4
IDLE_BAR_MIB, LOADED_BAR_MIB = 8, 30

NGINX = """
worker_processes 1; daemon off; pid {folder}/nginx.pid; error_log {folder}/nginx.log;
events {{ worker_connections 4096; }}
http {{
  access_log off; keepalive_requests 1000000000; client_body_temp_path {folder}/n1; proxy_temp_path {folder}/n2;
  fastcgi_temp_path {folder}/n3; uwsgi_temp_path {folder}/n4; scgi_temp_path {folder}/n5;
  upstream api {{ server 127.0.0.1:{upstream}; keepalive 512; keepalive_requests 1000000000; }}
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location / {{
      proxy_pass http://api; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_set_header Authorization "{token}"; proxy_max_temp_file_size 0;
    }}
  }}
}}
"""
HAPROXY = """
global
  nbthread 1
  maxconn 4096
  tune.bufsize 32768
defaults
  mode http
  timeout connect 5s
  timeout client 300s
  timeout server 300s
  http-reuse always
frontend front
  bind 127.0.0.1:{port}
  http-request set-header Authorization "{token}"
  default_backend api
backend api
  server one 127.0.0.1:{upstream} pool-max-conn 512
"""
PROFILE = """
[profile.bench]
token_url = "{token_url}"
client_id = {{ env = "OAUTH2_CLIENT_ID" }}
client_secret = {{ env = "OAUTH2_CLIENT_SECRET" }}
api_url = "http://127.0.0.1:{upstream}"
"""


def example(name):
    """Builds one of the server's examples, with daypass's flags; returns its path."""
    command = ["cargo", "build", "--release", "--locked", "-p", "daypass-server", "--example", name, "--message-format",
               "json"]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    found = re.findall(r'"executable":"([^"]+)"', done.stdout)
    if not found:
        raise Failed(f"cargo built no {name}")
    return found[-1]


class Proxy:
    """A running proxy."""

    def __init__(self, world, name, argv, port, env=None):
        self.name, self.port, self.headers, self.prefix = name, port, [], ""
        self.process = subprocess.Popen(
            ["taskset", "-c", "1", *argv], env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        world.closing.append(self.close)
        self.rates = {}

    def close(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()

    def memory(self, what):
        """Returns MiB of resident memory, workers included."""
        pids = [self.process.pid, *children(self.process.pid)]
        return sum(int(re.search(rf"{what}:\s+(\d+)", read(f"/proc/{pid}/status"))[1]) for pid in pids) / 1024

    def load(self, connections, path, seconds):
        """Loads it; returns requests a second, and the median and the 99th percentile of latency in microseconds."""
        url = f"http://127.0.0.1:{self.port}{self.prefix}{path}"
        command = ["taskset", "-c", "0", "wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency"]
        for header in self.headers:
            command += ["-H", header]
        out = subprocess.run([*command, url], stdout=subprocess.PIPE, text=True, check=True).stdout
        if "Non-2xx" in out or "Socket errors" in out:
            raise Failed(f"{self.name} with {connections} connections: {out}")
        rate = float(re.search(r"Requests/sec:\s+([\d.]+)", out)[1])
        return rate, micros(out, "50%"), micros(out, "99%")


def micros(out, line):
    number, unit = re.search(rf"{line}\s+([\d.]+)(us|ms|s)", out).groups()
    return float(number) * {"us": 1, "ms": 1e3, "s": 1e6}[unit]


def read(path):
    with open(path) as file:
        return file.read()


def children(pid):
    return [int(child) for child in read(f"/proc/{pid}/task/{pid}/children").split()]


def free_port():
    import socket
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def gateway(world, upstream):
    """Starts daypass as a gateway, with a token of the sandbox."""
    config = world.folder / "gateway.toml"
    token_url = world.sandbox("--token-length", "1100").token_url
    config.write_text(PROFILE.format(token_url=token_url, upstream=upstream))
    config.chmod(0o600)
    port = free_port()
    argv = [world.daypass, "gateway", "bench", "--config", str(config), "--port", str(port)]
    one = Proxy(world, "daypass gateway", argv, port, world.env(token_url))
    told = one.process.stdout.readline()
    one.headers = re.findall(r"header (Authorization: \S+ \S+)", told)
    return one


def peers(world, upstream):
    """Starts all proxies."""
    both = []
    for name, text, argv in [("nginx", NGINX, ["nginx", "-c"]), ("haproxy", HAPROXY, ["haproxy", "-f"])]:
        port, file = free_port(), world.folder / f"{name}.conf"
        file.write_text(text.format(folder=world.folder, upstream=upstream, port=port, token=TOKEN))
        both.append(Proxy(world, name, [*argv, str(file)], port))
    port = free_port()
    bare = Proxy(world, "bare hyper proxy", [example("bare_proxy"), str(port), str(upstream)], port)
    return [gateway(world, upstream), bare, *both]


def ready(one):
    url = f"http://127.0.0.1:{one.port}{one.prefix}/ok"
    headers = dict(header.split(": ", 1) for header in one.headers)
    for _ in range(100):
        try:
            return urllib.request.urlopen(urllib.request.Request(url, headers=headers)).read()
        except urllib.error.HTTPError as error:
            raise Failed(f"{one.name} answers {error.code}: {error.read()[:300]}") from error
        except OSError:
            time.sleep(0.05)
    raise Failed(f"{one.name} does not answer")


def proxy(world, rounds, seconds):
    """Returns whether the gateway keeps up."""
    if os.cpu_count() < 2:
        raise Failed("load and proxy need a core each")
    for program, package in [("wrk", "wrk"), ("nginx", "nginx-light"), ("haproxy", "haproxy"), ("taskset", "util-linux")]:
        need(program, package)
    upstream = free_port()
    server = subprocess.Popen(["taskset", "-c", "0", example("upstream"), str(upstream)])
    world.closing.append(server.kill)
    everyone = peers(world, upstream)
    for one in everyone:
        ready(one)
    ours, bare, nginx, _ = everyone
    idle = ours.memory("VmRSS")
    kinds = [(count, "/ok") for count in CONNECTIONS] + [(32, "/blob")]
    results = {(one.name, kind): [] for one in everyone for kind in kinds}
    for turn in range(-1, rounds):
        for kind in kinds:
            for one in everyone:
                measured = one.load(*kind, 1 if turn < 0 else seconds)
                if turn >= 0:
                    results[one.name, kind].append(measured)
    loaded = ours.memory("VmHWM")
    holds = []
    for count, path in kinds:
        rows = []
        for one in everyone:
            runs = results[one.name, (count, path)]
            median = [statistics.median(column) for column in zip(*runs)]
            rows.append([one.name, f"{median[0]:.0f}", f"{median[1]:.0f} us", f"{median[2]:.0f} us",
                         f"{rated(results, one, bare, (count, path)):.2f}", f"{rated(results, one, nginx, (count, path)):.2f}"])
        what = "1 MiB bodies" if path == "/blob" else "small bodies"
        table.show(f"Gateway: {what}, {count} connections", ["proxy", "requests/s", "p50", "p99", "/ bare", "/ nginx"], rows)
    for count in CONNECTIONS:
        ratio = rated(results, bare, ours, (count, "/ok"))
        holds.append(table.verdict(f"bare proxy / gateway, {count} connections", ratio, 1 / BARE_BAR))
    ratio = rated(results, nginx, ours, (32, "/blob"))
    holds.append(table.verdict("nginx / gateway, 1 MiB bodies", ratio, 1 / BLOB_BAR))
    holds.append(table.verdict("resident memory, idle", idle, IDLE_BAR_MIB, " MiB"))
    holds.append(table.verdict("resident memory, most", loaded, LOADED_BAR_MIB, " MiB"))
    return all(holds)


def rated(results, one, other, kind):
    pairs = zip(results[one.name, kind], results[other.name, kind])
    return statistics.median(a[0] / b[0] for a, b in pairs)
