"""What tests ask of a compiled pipeline."""

from typing import Any


def dags(document: dict[str, Any]) -> list[dict[str, Any]]:
    """The tasks of the root and of each loop, by name."""
    loops = [component["dag"]["tasks"] for component in document["components"].values() if "dag" in component]
    return [document["root"]["dag"]["tasks"], *loops]


def images(document: dict[str, Any]) -> set[str]:
    """The container images of its stages."""
    return {executor["container"]["image"] for executor in document["deploymentSpec"]["executors"].values()}
