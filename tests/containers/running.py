"""Run a command in a container as a cluster that allows little does."""

import subprocess

STRICT = ("--read-only", "--tmpfs", "/tmp", "--network", "none", "--cap-drop", "ALL")


def output(image: str, *command: str) -> str:
    """What the command prints in a new container, which may write to /tmp only. Fails if the command does."""
    run = ["docker", "run", "--rm", *STRICT, image, *command]
    ran = subprocess.run(run, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout
