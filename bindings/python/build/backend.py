"""Builds the wheel with maturin: with the flags that a shared library needs, and the `daypass` command in it.

    DAYPASS_BINARY          a `daypass` to put in, instead of a release build made now
    DAYPASS_PYTHON_PROFILE  the Cargo profile of the extension: release, or dev for tests
"""

import os
import shutil
import subprocess
from pathlib import Path

import maturin
from maturin import get_requires_for_build_editable, get_requires_for_build_sdist, get_requires_for_build_wheel  # noqa: F401

HERE = Path(__file__).resolve().parent.parent
ROOT = HERE.parent.parent
SCRIPTS = HERE / "data" / "scripts"
# Git keeps no empty folders, and maturin looks for it before anything is built.
SCRIPTS.mkdir(parents=True, exist_ok=True)


def host():
    """The compiler's own target: maturin does not know the name `host-tuple` of the repository's configuration."""
    told = subprocess.check_output(["rustc", "-vV"], text=True)
    return next(line.split()[1] for line in told.splitlines() if line.startswith("host:"))


def command():
    """Returns the `daypass` command, built with the flags of the repository."""
    if given := os.environ.get("DAYPASS_BINARY"):
        return Path(given)
    environment = {name: value for name, value in os.environ.items() if name not in ("RUSTFLAGS", "CARGO_TARGET_DIR")}
    subprocess.check_call(["cargo", "build", "--release", "--locked", "-p", "daypass-cli"], cwd=ROOT, env=environment)
    return ROOT / "target" / host() / "release" / "daypass"


def prepared(settings):
    shutil.copy2(command(), SCRIPTS / "daypass")
    # Replaces the flags for a static executable, which the configuration of the repository has.
    os.environ["RUSTFLAGS"] = "-Crelocation-model=pic"
    os.environ["CARGO_BUILD_TARGET"] = host()
    settings = dict(settings or {})
    profile = os.environ.get("DAYPASS_PYTHON_PROFILE", "release")
    settings.setdefault("build-args", f"--profile {profile} --locked --compatibility linux")
    return settings


def build_wheel(folder, config_settings=None, metadata_directory=None):
    return maturin.build_wheel(folder, prepared(config_settings), metadata_directory)


def build_editable(folder, config_settings=None, metadata_directory=None):
    return maturin.build_editable(folder, prepared(config_settings), metadata_directory)


def build_sdist(folder, config_settings=None):
    raise RuntimeError("there is no source distribution: install from a checkout, or take a wheel")


def prepare_metadata_for_build_wheel(folder, config_settings=None):
    return maturin.prepare_metadata_for_build_wheel(folder, config_settings)
