"""Push an image that was built to a registry."""

from simpgan.components.core.errors import UserError
from simpgan.components.core.images import Images, image
from simpgan.pipelines.images.docker_command import docker, exists


def push(stage: str, registry: str, tag: str) -> str:
    """Push a stage's image. Returns its name there.

    Raises:
        UserError: it was not built, or the registry does not take it.
    """
    built = image(stage)
    if not exists(built):
        raise UserError(f"the image {built} is not built: simpgan images build {stage}")
    name = f"{Images(registry=registry).repository(stage)}:{tag}"
    docker("tag", built, name, failed=f"'{name}' is no name of an image", do="correct --registry or --tag")
    failed = f"{name} cannot be pushed"
    docker("push", "--quiet", name, failed=failed, do=f"may you write there? docker login {registry.partition('/')[0]}")
    return name
