"""Models as users name them, as folders of this machine."""

from pathlib import Path

from simpgan.components.core import storage
from simpgan.components.core.registry.version_lookup import CONTENT_TAG, content_of


def folder_of(model: str) -> Path:
    """Return the folder of an adaptation. A registered one is fetched once and cached.

    Args:
        model: `NAME@ALIAS` or `NAME@NUMBER` of a registered model, or a folder.

    Raises:
        UserError: There is no such folder, model, version or alias.
    """
    name, at, which = model.partition("@")
    if Path(model).exists() or not at:
        return Path(model)
    models = storage.cache_folder() / "models"
    if (known := content_of(name, which)) and (folder := models / "{1}-{0}".format(*known)).is_dir():
        return folder
    from simpgan.components.core.registry.model_registry import ModelRegistry

    registry = ModelRegistry(name)
    version = registry.version(which)
    folder = models / f"{version.tags[CONTENT_TAG]}-{version.number}"
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with storage.beside(folder) as partial:
            registry.fetch(version.number, partial)
    return folder
