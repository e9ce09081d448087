"""Starting processes and measuring them: wall time, CPU time and page faults of each, by wait4."""

import gc
import os
import re
import statistics
import time
from dataclasses import dataclass, field

NULL = os.open(os.devnull, os.O_RDWR)


class Failed(Exception):
    """Something that is measured did not do what it is measured for."""


@dataclass
class Run:
    """One process, from its start to its end."""

    wall_ms: float
    cpu_ms: float
    faults: int
    output: bytes


@dataclass
class Contestant:
    """A command, what it is called, and what is done before each run of it."""

    name: str
    argv: list
    env: dict
    before: object = None
    runs: list = field(default_factory=list)

    def wall(self):
        return statistics.median(run.wall_ms for run in self.runs)

    def cpu(self):
        return statistics.median(run.cpu_ms for run in self.runs)

    def faults(self):
        return statistics.median_high(run.faults for run in self.runs)


def found(program, env):
    """Returns the whole path: looking it up is the shell's work, and none of the program's."""
    for folder in ["", *env.get("PATH", "").split(":")]:
        path = os.path.join(folder, program)
        if os.path.isfile(path) and os.access(path, os.X_OK):
            return os.path.abspath(path)
    raise Failed(f"{program} is not there")


def spawn(argv, env, stdout):
    actions = [(os.POSIX_SPAWN_DUP2, NULL, 0), (os.POSIX_SPAWN_DUP2, stdout, 1)]
    return os.posix_spawn(argv[0], argv, env, file_actions=actions)


def run(argv, env):
    """Runs a command with its output in a pipe, as `$(...)` has it; the output has to fit there."""
    reading, writing = os.pipe()
    try:
        began = time.perf_counter_ns()
        pid = spawn(argv, env, writing)
        _, status, usage = os.wait4(pid, 0)
        ended = time.perf_counter_ns()
        os.close(writing)
        output = os.read(reading, 65536)
    finally:
        os.close(reading)
    if status or not output:
        raise Failed(f"{' '.join(argv)}: exit status {os.waitstatus_to_exitcode(status)}, {output[:200]!r}")
    cpu = (usage.ru_utime + usage.ru_stime) * 1e3
    return Run((ended - began) / 1e6, cpu, usage.ru_minflt, output)


def interleaved(contestants, count, warm_up=3):
    """Runs all of them in turn (A B A B ...), `count` times.

    With two, each follows the other, so both find the processor's caches in the same state. Among many, one
    that shares code with another would have an advantage.
    """
    for contestant in contestants:
        contestant.argv[0] = found(contestant.argv[0], contestant.env)
    gc.disable()
    for turn in range(-warm_up, count):
        for contestant in contestants:
            if contestant.before:
                contestant.before(contestant)
            done = run(contestant.argv, contestant.env)
            if turn >= 0:
                contestant.runs.append(done)
    gc.enable()


def ratio(one, other, what="wall_ms"):
    """The median of the ratios of neighbours: what slows the machine down slows both."""
    return statistics.median(getattr(a, what) / getattr(b, what) for a, b in zip(one.runs, other.runs))


@dataclass
class Stampede:
    """Many processes that were started as fast as possible."""

    wall_ms: float
    answers: int
    failed: int


def stampede(argv, env, count, folder):
    """Starts `count` processes and waits for all; their outputs tell how many answers there were."""
    argv = [found(argv[0], env), *argv[1:]]
    path = os.path.join(folder, "answers")
    # Each process appends what it has to say whole.
    answers = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
    gc.disable()
    began = time.perf_counter_ns()
    pids = [spawn(argv, env, answers) for _ in range(count)]
    statuses = [os.wait4(pid, 0)[1] for pid in pids]
    ended = time.perf_counter_ns()
    gc.enable()
    os.close(answers)
    with open(path, "rb") as file:
        # Some print the issuer's JSON and no end of a line.
        told = re.findall(rb"\{[^}]*\}|[^\s{}]+", file.read())
    failed = sum(1 for status in statuses if status) + abs(count - len(told))
    return Stampede((ended - began) / 1e6, len(set(told)), failed)
