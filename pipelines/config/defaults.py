"""What the options of a command, and the entries of a schedule, stand for."""

from enum import StrEnum

SHARED_PEOPLE = ("train_gan.allow_shared_people=true", "evaluate.allow_shared_people=true")
"""The settings that allow source and target to show the same people."""

TABLE1_METHODS = "umdl,gan,cyclegan,simpgan,source-to-target"
"""Those of the paper's Table 1, what each of SimPGAN's losses adds, and the other way round."""


THRESHOLD, PART_IMAGES = 1_000, 20_000
"""How many new images are worth a training, and how many one pod reads."""

MODEL, RETRAIN_METHOD = "simpgan", "simpgan"
"""What the registered model is called, and how its champion goes on, unless somebody says otherwise."""


class Runner(StrEnum):
    """What each stage runs as on this machine."""

    SUBPROCESS = "subprocess"
    DOCKER = "docker"


def split(text: str) -> list[str]:
    """The parts of a list with commas."""
    return [part.strip() for part in text.split(",") if part.strip()]
