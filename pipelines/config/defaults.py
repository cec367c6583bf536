"""The defaults and choices of options, on the command line and in schedules."""

from enum import StrEnum

SHARED_PEOPLE = ("train_gan.allow_shared_people=true", "evaluate.allow_shared_people=true")
"""The settings that allow source and target to show the same people."""

TABLE1_METHODS = "umdl,gan,cyclegan,simpgan,source-to-target"
"""The methods of the paper's Table 1, those that lack one of SimPGAN's losses, and the opposite direction."""

THRESHOLD, PART_IMAGES = 1_000, 20_000
"""The number of new images that starts a training, and the number of images that one task ingests."""

MODEL, RETRAIN_METHOD = "simpgan", "camera-adabn"
"""The default name of the registered model, and the default method of retraining."""

PROFILE = "one-gpu"
"""The default profile of pods."""


class Runner(StrEnum):
    """How each stage runs on this machine."""

    SUBPROCESS = "subprocess"
    DOCKER = "docker"


class Combination(StrEnum):
    """How several labelled data sets are used together."""

    DATA = "data"
    FEATURES = "features"
    BOTH = "both"

    @property
    def joins_data(self) -> bool:
        """Tell whether a classifier is trained on all of them together."""
        return self != Combination.FEATURES

    @property
    def joins_features(self) -> bool:
        """Tell whether the features of several classifiers are joined."""
        return self != Combination.DATA


def split(text: str) -> list[str]:
    """Split a text at its commas, without spaces and empty parts."""
    return [part.strip() for part in text.split(",") if part.strip()]
