"""Push a built image to a registry."""

from simpgan.components.core.errors import UserError
from simpgan.components.core.images import StageImages, image
from simpgan.pipelines.images.docker_command import docker, exists


def push(stage: str, registry: str, tag: str) -> str:
    """Push the image of a stage and return its name in the registry.

    Raises:
        UserError: The image is not built, or the registry refuses it.
    """
    built = image(stage)
    if not exists(built):
        raise UserError(f"the image {built} is not built: simpgan images build {stage}")
    name = f"{StageImages(registry=registry).repository(stage)}:{tag}"
    docker("tag", built, name, failed=f"'{name}' is not a name of an image", do="correct --registry or --tag")
    failed = f"{name} cannot be pushed"
    docker("push", "--quiet", name, failed=failed, do=f"are you logged in? docker login {registry.partition('/')[0]}")
    return name
