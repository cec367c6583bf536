"""The methods: what each is called and means, how it is drawn, which losses it has, and what it is compared with.

The name of a result's method is a key of `METHODS`, then keys of `PARTS`, joined by `+`, as in `simpgan+adabn`. `adabn`
and `camera-adabn` alone are direct transfer with that part. One key has a `+` itself: `simpgan+self-training`.

To add a method, add a line to `METHODS`; to add a loss, see `components/train_gan/objectives.py`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Kind = Literal["untrained", "colours", "translator", "translated source", "self-trained", "dictionaries"]


@dataclass(frozen=True)
class Method:
    """One method.

    Attributes:
        title: name in tables and inside sentences.
        explanation: one sentence for a reader who sees the word for the first time.
        colour: of its curves, from Okabe and Ito's palette and a few more, which people with any colour vision can
            tell apart. Methods of `STATISTICS` are drawn as direct transfer with dashes.
        kind: `untrained` changes nothing but statistics; `colours` changes the target's colours; `translator` trains a
            GAN that translates the target; `translated source` trains a classifier on the translated source;
            `self-trained` trains a classifier on the target's unlabelled images; `dictionaries` trains no network.
        baseline: method that this one must beat to have earned its place. Empty: none.
        losses: of the generators beside the adversarial ones, each with a setting `lambda_<loss>` of train_gan.
        prominence: results are about the evaluated method with the highest prominence, unless another is asked for.
    """

    title: str
    explanation: str
    colour: str
    kind: Kind
    baseline: str = "direct"
    losses: tuple[str, ...] = ()
    prominence: int = 0


METHODS = {
    "umdl": Method(
        title="UMDL",
        explanation="no network: dictionaries learned on hand-made features of both data sets.",
        colour="#999999",
        kind="dictionaries",
        baseline="",
        prominence=4,
    ),
    "direct": Method(
        title="direct transfer",
        explanation="the classifier trained on the source looks at the target's images as they are.",
        colour="#000000",
        kind="untrained",
        baseline="",
        prominence=1,
    ),
    "adabn": Method(
        title="AdaBN",
        explanation="the same, with the classifier's batch-norm statistics recomputed on the target's unlabelled "
        "images. No image is changed.",
        colour="#000000",
        kind="untrained",
        prominence=2,
    ),
    "camera-adabn": Method(
        title="AdaBN per camera",
        explanation="as AdaBN, but the images of each camera get the statistics of that camera's unlabelled images. A "
        "camera with too few of them takes those of the whole set.",
        colour="#000000",
        kind="untrained",
        baseline="adabn",
        prominence=3,
    ),
    "matched-set": Method(
        title="channels matched over the set",
        explanation="each colour channel of the target gets the source's mean and deviation, all images alike.",
        colour="#56b4e9",
        kind="colours",
    ),
    "matched-image": Method(
        title="channels matched per image",
        explanation="each colour channel of every single image gets the source's mean and deviation.",
        colour="#cc79a7",
        kind="colours",
    ),
    "gan": Method(
        title="GAN",
        explanation="the target's images are first translated by a network that only learned to make them look like "
        "those of the source.",
        colour="#e69f00",
        kind="translator",
        prominence=6,
    ),
    "cyclegan": Method(
        title="CycleGAN",
        explanation="as GAN, and a second network must be able to undo the translation.",
        colour="#0072b2",
        kind="translator",
        losses=("cycle",),
        prominence=7,
    ),
    "simpgan": Method(
        title="SimPGAN",
        explanation="as CycleGAN, and the classifier must still see who is the same person and who is not.",
        colour="#d55e00",
        kind="translator",
        losses=("cycle", "similarity"),
        prominence=9,
    ),
    "simpgan-fit": Method(
        title="SimPGAN-fit",
        explanation="as SimPGAN, and the classifier's features of translated images must have the mean and variance "
        "they have on the source. This is not in the paper.",
        colour="#009e73",
        kind="translator",
        losses=("cycle", "similarity", "fitness"),
        prominence=8,
    ),
    "source-to-target": Method(
        title="source-to-target",
        explanation="the other way round: the labelled source is translated into the target's style, and a "
        "classifier trained on that looks at the target's images as they are.",
        colour="#7a5195",
        kind="translated source",
        prominence=5,
    ),
    "self-training": Method(
        title="self-training",
        explanation="the classifier goes on learning from the target's unlabelled images: from clusters of those that "
        "probably show one person, which it finds by itself.",
        colour="#882255",
        kind="self-trained",
        baseline="camera-adabn",
        prominence=10,
    ),
    "simpgan+self-training": Method(
        title="SimPGAN + self-training",
        explanation="as self-training, but it starts from the classifier of source-to-target.",
        colour="#a6761d",
        kind="self-trained",
        baseline="camera-adabn",
        prominence=11,
    ),
}
"""All methods, in the order in which tables and figures list them."""

STATISTICS = ("adabn", "camera-adabn")
"""Methods that replace the classifier's batch-norm statistics; each is also a part of other methods."""

ADABN, CAMERA_ADABN = STATISTICS

SELF_TRAINING, SIMPGAN_SELF_TRAINING = "self-training", "simpgan+self-training"
"""The methods that train a classifier on the target's images, from the source's and from source-to-target's."""

JOINED = "joined"
"""The part of methods whose features are those of several classifiers."""

WHITENED = "whitened"
"""The part of methods whose features are whitened by those of unlabelled images."""

RERANKED = "reranked"
"""The part of methods whose lists are ordered again by the neighbours that images share."""

SOURCE_TO_TARGET = "source-to-target"
"""The method that trains a classifier on the translated source."""


@dataclass(frozen=True)
class Part:
    """Something that is done beside a method.

    Attributes:
        title: name in tables and inside sentences.
        explanation: one sentence for a reader who sees the word for the first time.
        baseline: of a translation with this part. Empty: the same method without this part.
        compares_otherwise: whether it compares the same images in another way. There are many of these rows, so pages
            show them apart from the others.
    """

    title: str
    explanation: str
    baseline: str = ""
    compares_otherwise: bool = False


PARTS = {
    **{name: Part(METHODS[name].title, METHODS[name].explanation, baseline=name) for name in STATISTICS},
    "fused": Part(
        title="fused",
        explanation="the features of an image as recorded and as translated are joined. For AdaBN per camera without a "
        "translation, those with the camera's statistics and with the classifier's own are.",
        baseline="adabn",
        compares_otherwise=True,
    ),
    "joined": Part(
        title="joined",
        explanation="the features of several classifiers, which were trained on different sources, are joined, each "
        "with its own statistics. The other sources stand in brackets.",
    ),
    WHITENED: Part(
        title="whitened",
        explanation="the directions in which the features of the target's unlabelled images vary most count less.",
    ),
    "verification": Part(
        title="verification score",
        explanation="people are ranked by the score the classifier learned for pairs (the paper's Eq. 1), and not by "
        "the cosine of their features.",
        compares_otherwise=True,
    ),
    RERANKED: Part(
        title="re-ranking",
        explanation="images are nearer if they have the same neighbours among all probes and gallery images "
        "(k-reciprocal re-ranking). A list then depends on the other probes, too.",
        compares_otherwise=True,
    ),
}


def parsed(method: str) -> tuple[str, list[str]]:
    """Split a method's name into its method, a key of `METHODS` if it is known, and its parts."""
    words = method.split("+")
    length = 2 if "+".join(words[:2]) in METHODS else 1
    return "+".join(words[:length]), words[length:]


def with_part(method: str, part: str) -> str:
    """Return a method's name with one more part, or none if it is empty; direct transfer with AdaBN is `adabn`."""
    if not part:
        return method
    return part if method == "direct" and part in STATISTICS else f"{method}+{part}"


def statistics_of(method: str) -> str:
    """Return the one of `STATISTICS` that a method's name has; empty: the classifier has its own."""
    return next((part for part in method.split("+") if part in STATISTICS), "")


def joins(method: str) -> bool:
    """Tell whether a method joins the features of several classifiers."""
    return JOINED in method.split("+")


def whitens(method: str) -> bool:
    """Tell whether a method whitens the features."""
    return WHITENED in method.split("+")


def and_whitened(methods: Iterable[str]) -> tuple[str, ...]:
    """Return some methods, and those of them with AdaBN per camera once more, whitened."""
    plain = tuple(methods)
    return (*plain, *(with_part(method, WHITENED) for method in plain if statistics_of(method) == CAMERA_ADABN))


def unwhitened(method: str) -> str:
    """Return a method's name without whitening."""
    return "+".join(part for part in method.split("+") if part != WHITENED)


def without_statistics(method: str) -> str:
    """Return a method's name without whitening and the one of `STATISTICS` that it has: `direct` for `adabn`."""
    parts = [part for part in method.split("+") if part not in (*STATISTICS, WHITENED)]
    return "+".join(["direct", *parts] if not parts or parts[0] in PARTS else parts)


def of_kind(*kinds: Kind) -> tuple[str, ...]:
    """Return the names of the methods of these kinds, the most prominent first."""
    names = [name for name, method in METHODS.items() if method.kind in kinds]
    return tuple(sorted(names, key=lambda name: -METHODS[name].prominence))


TRANSLATORS = of_kind("translator")
"""Methods that train a GAN to translate the target."""

SELF_TRAINED = of_kind("self-trained")
"""Methods that train a classifier on the target's unlabelled images."""

WITH_CLASSIFIER = (SOURCE_TO_TARGET, *SELF_TRAINED)
"""Methods that train a classifier of their own, which looks at the images as recorded."""

TRAINED = of_kind("translator", "translated source", "self-trained", "dictionaries")
"""Methods that train something for the target."""

SELECTABLE = (*TRAINED, "direct")
"""Methods that `--method` takes. Every run measures `direct`; alone it trains nothing for the target."""


def name_of(method: str, variant: str = "") -> str:
    """Return a method's name inside a sentence; `simpgan+adabn` is SimPGAN + AdaBN."""
    base, parts = parsed(method)
    name = " + ".join(entry.title if (entry := entry_of(each)) else each for each in (base, *parts))
    return f"{name} ({variant})" if variant else name


def title_of(method: str, variant: str = "") -> str:
    """Return `name_of` for the start of a sentence."""
    name = name_of(method, variant)
    return name[:1].upper() + name[1:] if entry_of(parsed(method)[0]) else name


def entry_of(name: str) -> Method | Part | None:
    """Return what `METHODS` or `PARTS` has under a name."""
    return METHODS.get(name) or PARTS.get(name)


def explanations(names: Iterable[str]) -> list[tuple[str, str]]:
    """Return title and explanation of each method and part that occurs in the names of methods, each once."""
    used = {each for name in names for base, parts in [parsed(name)] for each in (base, *parts)}
    entries: dict[str, Method | Part] = {**METHODS, **PARTS}
    return [(title_of(name), entry.explanation) for name, entry in entries.items() if name in used]


def place(method: str) -> tuple[int, str]:
    """Return the sort key of a method: the order of `METHODS`, parts behind their method, unknown ones last by name."""
    known = list(METHODS)
    base = parsed(method)[0]
    return (known.index(base) if base in known else len(known), method)


def title_of_label(label: str) -> str:
    """Return the title of a run that figures know by `label`: its method, then its variant after a space."""
    method, _, variant = label.partition(" ")
    return title_of(method, variant)


def place_of_label(label: str) -> tuple[tuple[int, str], str]:
    """Return the sort key of a label."""
    method, _, variant = label.partition(" ")
    return place(method), variant


def baseline_of(method: str) -> str:
    """Return the method that this one must beat to have earned its place; empty: none.

    A translation is compared with direct transfer; with AdaBN or fused features it is compared with AdaBN alone, which
    needs no translation, and with AdaBN per camera with that alone. Whitened, with the verification score or with
    re-ranking it is compared with itself without that. AdaBN per camera is compared with AdaBN, and joined features
    with those of the first classifier alone. Self-training begins with features under statistics per camera, so it is
    compared with them.
    """
    base, parts = parsed(method)
    if not {WHITENED, RERANKED, "verification", JOINED}.isdisjoint(parts):
        return "+".join([base, *parts[:-1]])
    if base not in METHODS or not METHODS[base].baseline:
        return ""
    if not parts:
        return METHODS[base].baseline
    return next((PARTS[part].baseline for part in (base, *parts) if part in PARTS), METHODS[base].baseline)


def baselines_of(method: str) -> list[str]:
    """Return the methods that this one is tested against: its baseline, and direct transfer if it has no parts."""
    plain = "direct" if method in METHODS and method != "direct" else ""
    return list(dict.fromkeys(filter(None, (baseline_of(method), plain))))


def trains_nothing(method: str) -> bool:
    """Return whether a method needs no training beyond that of the classifier."""
    return parsed(method)[0] in of_kind("untrained", "colours")


def compares_otherwise(method: str) -> bool:
    """Return whether a method compares images in another way than a method that has a row of its own."""
    return any(PARTS[part].compares_otherwise for part in method.split("+") if part in PARTS)


def most_prominent(methods: Iterable[str]) -> str:
    """Return the method that results are about, of those that were evaluated."""
    plain = [method for method in methods if not compares_otherwise(method)]
    known = [method for method in plain if method in METHODS and METHODS[method].prominence]
    return max(known, key=lambda method: METHODS[method].prominence) if known else min(plain or methods, key=place)
