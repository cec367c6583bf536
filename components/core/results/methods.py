"""What methods are called, and the order they are listed in."""

LABELS = {
    "direct": "direct transfer",
    "adabn": "AdaBN",
    "gan": "GAN",
    "cyclegan": "CycleGAN",
    "simpgan": "SimPGAN",
    "simpgan-fit": "SimPGAN-fit",
}
"""What the methods are called in tables and sentences, in the order they are listed in."""


def name_of(method: str) -> str:
    """What a method is called in a sentence; `simpgan+adabn` is SimPGAN + AdaBN."""
    return " + ".join(LABELS.get(part, part) for part in method.split("+"))


def title_of(method: str) -> str:
    """`name_of` at the start of a sentence."""
    name = name_of(method)
    return name[:1].upper() + name[1:] if method.startswith("direct") else name


def place(method: str) -> tuple[int, str]:
    """Sort key: methods in the order of `LABELS`, variants behind their method, unknown ones last by name."""
    known = list(LABELS)
    base = method.partition("+")[0]
    return (known.index(base) if base in known else len(known), method)
