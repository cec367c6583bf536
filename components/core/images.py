"""The container image every stage runs in, named in one place."""


def image(stage: str) -> str:
    """Name of the image of `stage` (`ingest`, `pretrain`, `train_gan`, `translate`, `evaluate`)."""
    return f"simpgan/{stage.replace('_', '-')}:latest"
