"""What methods are called, the order they are listed in, and what each is to be compared with.

A method is a base of `LABELS` and parts of `PARTS`, joined by `+`, as in `simpgan+adabn`. `adabn` alone is direct
transfer with that part.
"""

LABELS = {
    "umdl": "UMDL",
    "direct": "direct transfer",
    "adabn": "AdaBN",
    "matched-set": "channels matched over the set",
    "matched-image": "channels matched per image",
    "gan": "GAN",
    "cyclegan": "CycleGAN",
    "simpgan": "SimPGAN",
    "simpgan-fit": "SimPGAN-fit",
    "source-to-target": "source-to-target",
}
"""What the methods are called in tables and sentences, in the order they are listed in."""

PARTS = {"adabn": "AdaBN", "fused": "fused", "verification": "verification score"}
"""What is done beside the method: batch-norm statistics of the target, the features of the image as recorded and as
translated joined, and people ranked by the classifier's verification score (Eq. 1)."""

OTHER_COMPARISONS = frozenset({"fused", "verification"})
"""Parts of methods that compare the same images in another way: most of the rows, so apart from the others where
people look first."""

NAMES = LABELS | PARTS

TRANSLATIONS = ("matched-set", "matched-image", "gan", "cyclegan", "simpgan", "simpgan-fit", "source-to-target")
"""Methods that change images so that source and target look alike."""

TRAIN_NOTHING = frozenset({"direct", "adabn", "matched-set", "matched-image"})
"""Methods that need no training beyond that of the classifier."""

SHOWN_METHODS = ("simpgan", "simpgan-fit", "cyclegan", "gan", "source-to-target", "umdl", "adabn", "direct")
"""Results are about the first of these methods that was evaluated, unless others are asked for."""

EXPLANATIONS = {
    "umdl": "no network: dictionaries learned on hand-made features of both data sets.",
    "direct": "the classifier trained on the source looks at the target's images as they are.",
    "adabn": "the same, with the classifier's batch-norm statistics recomputed on the target's unlabelled images. "
    "No image is changed.",
    "matched-set": "each colour channel of the target gets the source's mean and deviation, all images alike.",
    "matched-image": "each colour channel of every single image gets the source's mean and deviation.",
    "gan": "the target's images are first translated by a network that only learned to make them look like "
    "those of the source.",
    "cyclegan": "as GAN, and a second network must be able to undo the translation.",
    "simpgan": "as CycleGAN, and the classifier must still see who is the same person and who is not.",
    "simpgan-fit": "as SimPGAN, and the classifier's features of translated images must have the mean and variance "
    "they have on the source. This is not in the paper.",
    "source-to-target": "the other way round: the labelled source is translated into the target's style, and a "
    "classifier trained on that looks at the target's images as they are.",
    "fused": "the features of an image as recorded and as translated are joined.",
    "verification": "people are ranked by the score the classifier learned for pairs (the paper's Eq. 1), and not by "
    "the cosine of their features.",
}
"""What each base and part means."""


def name_of(method: str, variant: str = "") -> str:
    """What a method is called in a sentence; `simpgan+adabn` is SimPGAN + AdaBN."""
    name = " + ".join(NAMES.get(part, part) for part in method.split("+"))
    return f"{name} ({variant})" if variant else name


def title_of(method: str, variant: str = "") -> str:
    """`name_of` at the start of a sentence."""
    name = name_of(method, variant)
    return name[:1].upper() + name[1:] if method.partition("+")[0] in NAMES else name


def place(method: str) -> tuple[int, str]:
    """Sort key: methods in the order of `LABELS`, with parts behind their method, unknown ones last by name."""
    known = list(LABELS)
    base = method.partition("+")[0]
    return (known.index(base) if base in known else len(known), method)


def title_of_label(label: str) -> str:
    """What a run is called that figures know by `label`: its method, then behind a space its variant."""
    method, _, variant = label.partition(" ")
    return title_of(method, variant)


def place_of_label(label: str) -> tuple[tuple[int, str], str]:
    """Sort key of labels."""
    method, _, variant = label.partition(" ")
    return place(method), variant


def baseline_of(method: str) -> str:
    """The method that this one has to be better than to have earned its place; empty: none.

    A translation is compared with direct transfer; with AdaBN or fused features it is compared with AdaBN, which needs
    no translation; and the verification score with the same method without it.
    """
    base, *parts = method.split("+")
    if "verification" in parts:
        return "+".join([base, *(part for part in parts if part != "verification")])
    if base in TRANSLATIONS:
        return "adabn" if {"adabn", "fused"} & set(parts) else "direct"
    return "direct" if method == "adabn" else ""


def trains_nothing(method: str) -> bool:
    """Whether a method needs no training beyond that of the classifier."""
    return method.partition("+")[0] in TRAIN_NOTHING


def compares_otherwise(method: str) -> bool:
    """Whether a method is another comparison (`OTHER_COMPARISONS`) of images that have a row without it."""
    return not OTHER_COMPARISONS.isdisjoint(method.split("+"))
