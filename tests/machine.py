#!/usr/bin/env python3
"""Set up this machine and run the tests on it, with nothing but Python to begin with.

Debian's packages are installed where that asks for no password. Where no Docker engine answers, root starts one for the
run. Tests whose marker asks for something that is still missing are left out, and the last lines say so.
"""

import argparse
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[1]
PATH = f"{os.environ['PATH']}:/usr/sbin:/sbin"
PYTHON_OF_IMAGES = (3, 11)

PROGRAMS = {
    "browser": {"chromium": "chromium", "chromedriver": "chromium-driver"},
    "docker": {
        "docker": "docker.io",
        "dockerd": "docker.io",
        "iptables": "iptables",
        "docker-compose": "docker-compose",
        "debootstrap": "debootstrap",
    },
    "postgresql": {"pg_lsclusters": "postgresql", "rclone": "rclone"},
    "registry": {"docker-registry": "docker-registry"},
}
"""What the tests with a marker start, and the packages of Debian that have it."""


def main() -> int:
    """Run the tests. Returns their exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--all", action="store_true", help="fail if tests would be left out")
    parser.add_argument("--without", metavar="MARKER", help="leave out the tests with this marker")
    parser.add_argument("arguments", nargs="*", help="for pytest, after --")
    given = parser.parse_args()
    install(packages())
    with docker_engine():
        lacking = {marker: remedies for marker in PROGRAMS if (remedies := what_helps(marker))}
        lacking.pop(given.without, None)
        status = 2 if lacking and given.all else run([*lacking, given.without], given.arguments)
    if lacking:
        print("\nTests with these markers are left out until you")
        for marker, remedies in lacking.items():
            print(f"  {marker:<12}{' and '.join(remedies)}")
    return status


def run(without: Sequence[str | None], arguments: Sequence[str]) -> int:
    """Run the linters, the type checker, and the tests with none of the markers `without`. Returns the exit status."""
    markers = " and ".join(f"not {marker}" for marker in without if marker)
    pytest = [".venv/bin/python", "-m", "pytest", "--numprocesses", "2", "--dist", "loadgroup", "-m", markers]
    for command in (["make", "lint"], [*pytest, *arguments]):
        status = subprocess.run(command, cwd=ROOT, check=False).returncode
        if status:
            break
    return status


def packages() -> list[str]:
    """Packages of Debian that are not installed."""
    wanted = {package for marker in PROGRAMS for package in missing(marker)}
    if importlib.util.find_spec("ensurepip") is None:
        wanted.add("python3-venv")
    if not found("make"):
        wanted.add("make")
    return sorted(wanted)


def missing(marker: str) -> list[str]:
    """Packages that the tests with a marker need, and that are not installed."""
    return sorted({package for program, package in PROGRAMS[marker].items() if not found(program)})


def found(program: str) -> str | None:
    """Where a program is."""
    return shutil.which(program, path=PATH)


def install(wanted: Sequence[str]) -> None:
    """Install packages, if that asks for no password. What could not be installed is seen later."""
    if not wanted or not found("apt-get"):
        return
    as_root: list[str] = []
    if os.geteuid():
        as_root = ["sudo", "-n"]
        if not found("sudo") or subprocess.run([*as_root, "true"], capture_output=True, check=False).returncode:
            return
    print(f"Installing {' '.join(wanted)}", flush=True)
    apt_get = [*as_root, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get"]
    subprocess.run([*apt_get, "update"], check=False)
    subprocess.run([*apt_get, "install", "--yes", "--no-install-recommends", *wanted], check=False)


def what_helps(marker: str) -> list[str]:
    """What has to be done before the tests with a marker can run; nothing if they can."""
    packages = missing(marker)
    remedies = [f"apt-get install {' '.join(packages)}"] if packages else []
    if marker == "docker":
        if os.geteuid():
            remedies.append("run this as root, which debootstrap wants")
        elif not packages and not engine_answers():
            remedies.append("start a Docker engine")
        if sys.version_info[:2] != PYTHON_OF_IMAGES:
            remedies.append("make clean, then make test PYTHON=python{}.{}".format(*PYTHON_OF_IMAGES))
    return remedies


def engine_answers() -> bool:
    """Whether there is a Docker engine."""
    if not found("docker"):
        return False
    return subprocess.run(["docker", "version"], capture_output=True, check=False).returncode == 0


@contextmanager
def docker_engine() -> Iterator[None]:
    """Within the block there is a Docker engine, if this is root and has the programs for one."""
    if os.geteuid() or missing("docker") or engine_answers():
        yield
        return
    with tempfile.TemporaryDirectory(prefix="simpgan-docker-", ignore_cleanup_errors=True) as folder:
        os.environ["DOCKER_HOST"] = f"unix://{folder}/docker.sock"
        places = {"data-root": "data", "exec-root": "exec", "pidfile": "pid"}
        options = [f"--{option}={folder}/{name}" for option, name in places.items()]
        with open(f"{folder}/log", "wb") as log:
            engine = subprocess.Popen(
                ["dockerd", "--host", os.environ["DOCKER_HOST"], *options], stdout=log, stderr=log
            )
        try:
            for _ in range(120):
                if engine_answers():
                    break
                if engine.poll() is not None:
                    print(Path(folder, "log").read_text(), file=sys.stderr)
                    break
                time.sleep(0.5)
            yield
        finally:
            engine.terminate()
            engine.wait()
            for mounted in Path(folder, "exec", "netns").glob("*"):
                subprocess.run(["umount", mounted], stderr=subprocess.DEVNULL, check=False)


if __name__ == "__main__":
    sys.exit(main())
