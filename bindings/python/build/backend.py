"""Builds the wheel with maturin: with the flags that a shared library needs, and the `daypass` command in it.

The source distribution is the part of the repository that both are built from, as it lies there.

    DAYPASS_BINARY          a `daypass` to put in, instead of a release build made now
    DAYPASS_PYTHON_PROFILE  the Cargo profile of the extension: release, or dev for tests
"""

import io
import os
import re
import shutil
import subprocess
import tarfile
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
    os.chdir(HERE)  # in a source distribution this begins at its top
    return maturin.build_wheel(folder, prepared(config_settings), metadata_directory)


def build_editable(folder, config_settings=None, metadata_directory=None):
    os.chdir(HERE)
    return maturin.build_editable(folder, prepared(config_settings), metadata_directory)


# What both are built from: all else in the repository is tests, documents and what runs them.
PARTS = ["Cargo.toml", "Cargo.lock", "LICENSE-APACHE", "LICENSE-MIT", ".cargo", "crates", "bindings/python"]
LEFT_OUT = {"target", "data", "dist", "__pycache__", "node_modules"}


def files():
    for part in PARTS:
        top = ROOT / part
        if top.is_file():
            yield top
        for folder, folders, names in os.walk(top):
            folders[:] = sorted(name for name in folders if name not in LEFT_OUT and not name.startswith("."))
            yield from (Path(folder) / name for name in sorted(names) if not name.endswith((".so", ".pyc")))


def nobody_s(entry):
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    return entry


def build_sdist(folder, config_settings=None):
    settings = (HERE / "pyproject.toml").read_text(encoding="utf-8")
    version = re.search(r'^version = "(.+)"', (HERE / "Cargo.toml").read_text(encoding="utf-8"), re.MULTILINE).group(1)
    name = f"daypass-{version}"
    # The same project, from one folder up.
    top = settings.replace('backend-path = ["build"]', 'backend-path = ["bindings/python/build"]')
    top = top.replace('readme = "README.md"', 'readme = "bindings/python/README.md"')
    about = f"Metadata-Version: 2.1\nName: daypass\nVersion: {version}\nRequires-Python: >=3.10\n"
    with tarfile.open(Path(folder) / f"{name}.tar.gz", "w:gz") as archive:
        for path in files():
            archive.add(path, f"{name}/{path.relative_to(ROOT)}", recursive=False, filter=nobody_s)
        for path, text in {"pyproject.toml": top, "PKG-INFO": about}.items():
            entry = tarfile.TarInfo(f"{name}/{path}")
            entry.size, entry.mode = len(text.encode()), 0o644
            archive.addfile(entry, io.BytesIO(text.encode()))
    return f"{name}.tar.gz"


def prepare_metadata_for_build_wheel(folder, config_settings=None):
    os.chdir(HERE)
    return maturin.prepare_metadata_for_build_wheel(folder, config_settings)
