"""The container image every stage runs in, named in one place."""


def image(stage: str) -> str:
    """Name of the image of `stage`, the name of its folder: `train_gan` runs in `simpgan/train-gan`."""
    return f"simpgan/{stage.replace('_', '-')}:latest"
