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

    from simpgan.components.core.errors import UserError

    logging.getLogger("simpgan").info("writing %s", word)
    if word.startswith("unless "):
        if Path(word.removeprefix("unless ")).exists():
            raise UserError("the word is refused: remove the file")
        word = "kept"
    if word == "mistake":
        raise ValueError("a mistake")
    if word == "full":
        raise OSError(28, "No space left on device", "shards")
    if word.startswith("killed once "):
        marker, word = Path(word.removeprefix("killed once ")), "once"
        if not marker.exists():
            marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)
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


@dsl.component(base_image="words", install_kfp_package=False)
def bind(
    words: dsl.Input[list[dsl.Dataset]],
    folder: dsl.Output[dsl.Dataset],
    before: dsl.Input[list[dsl.Dataset]] = None,
) -> None:
    """Write each word in brackets, with its own word before it where there is one."""
    from itertools import zip_longest
    from pathlib import Path

    Path(folder.path).mkdir()
    read = [[(Path(each.path) / "word.txt").read_text() for each in some or []] for some in (before, words)]
    pairs = zip_longest(*read, fillvalue="")
    (Path(folder.path) / "word.txt").write_text("".join(f"({' '.join(filter(None, pair))})" for pair in pairs))


@dsl.pipeline(name="words")
def words(first: str, others: list) -> dsl.Artifact:
    """Write all words, one at a time, and join them."""
    beginning = write(word=first)
    with dsl.ParallelFor(others, parallelism=1) as other:
        written = write(word=other.word).after(beginning)
    joined = join(first=beginning.outputs["folder"], others=dsl.Collected(written.outputs["folder"]))
    return joined.outputs["text"]


@dsl.pipeline(name="pages")
def pages(beginnings: list, others: list) -> dsl.Artifact:
    """For each beginning a page, which repeats the beginning before each of the other words; and the book of all."""
    with dsl.ParallelFor(beginnings, parallelism=1) as beginning:
        first = write(word=beginning.word)
        with dsl.ParallelFor(others, parallelism=1) as other:
            again = write(word=beginning.word).after(first)
            written = write(word=other.word).after(again)
        page = bind(words=dsl.Collected(written.outputs["folder"]), before=dsl.Collected(again.outputs["folder"]))
    book = bind(words=dsl.Collected(page.outputs["folder"]))
    return book.outputs["folder"]


@dsl.component(base_image="words", install_kfp_package=False)
def ask(word: str, numbers: dsl.OutputPath(list)) -> str:  # type: ignore[valid-type]
    """Whether there is something to write, and the numbers of what."""
    import json
    from pathlib import Path

    Path(numbers).write_text(json.dumps(["1", "2"] if word == "yes" else []))
    return word


@dsl.pipeline(name="asked")
def asked(word: str) -> dsl.Artifact:
    """Two numbers if the word is yes; what it is has to be asked every time."""
    answer = ask(word=word).set_caching_options(False)
    first = write(word="first")
    with dsl.If(answer.outputs["Output"] == "yes"):
        with dsl.ParallelFor(answer.outputs["numbers"], parallelism=1) as number:
            written = write(word=number)
        bind(words=dsl.Collected(written.outputs["folder"]))
    return first.outputs["folder"]
