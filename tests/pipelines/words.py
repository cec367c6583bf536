"""A pipeline of small stages, for tests of the runner: write words, and join them."""

from kfp import dsl


@dsl.component(base_image="words", install_kfp_package=False)
def write(word: str, folder: dsl.Output[dsl.Dataset]) -> None:
    """Write a word; some words go wrong. The folder's content is known by its digest."""
    import logging
    import os
    import signal
    import time
    from pathlib import Path

    from components.core.runtime.errors import UserError

    logging.getLogger("components").info("writing %s", word)
    if word.startswith("unless "):
        if Path(word.removeprefix("unless ")).exists():
            raise UserError("the word is refused: remove the file")
        word = "kept"
    if word == "mistake":
        raise ValueError("a mistake")
    if word == "full":
        raise OSError(28, "No space left on device", "shards")
    if word == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if word == "slow":
        time.sleep(60)
    Path(folder.path).mkdir()
    (Path(folder.path) / "word.txt").write_text(word)
    folder.metadata["digest"] = word


@dsl.component(base_image="words", install_kfp_package=False)
def join(first: dsl.Input[dsl.Dataset], others: dsl.Input[list[dsl.Dataset]], text: dsl.Output[dsl.Artifact]) -> None:
    """Join the first word and the others with spaces."""
    from pathlib import Path

    Path(text.path).write_text(" ".join((Path(each.path) / "word.txt").read_text() for each in [first, *others]))


@dsl.pipeline(name="words")
def words(first: str, others: list) -> dsl.Artifact:
    """Write all words, one at a time, and join them."""
    beginning = write(word=first)
    with dsl.ParallelFor(others, parallelism=1) as other:
        written = write(word=other.word).after(beginning)
    joined = join(first=beginning.outputs["folder"], others=dsl.Collected(written.outputs["folder"]))
    return joined.outputs["text"]
