"""The common parts of all pages of results: style, sortable tables, and functions for texts.

A page extends `page.html.j2`, which needs no network: style, script and images are part of it.
"""

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

from simpgan.components.core.results.methods import title_of
from simpgan.components.core.results.pages.pictures import picture_uri
from simpgan.components.core.results.significance import shown_p, signed
from simpgan.components.core.results.summary import unbroken


def environment(*packages: str, autoescape: bool) -> Environment:
    """Return the templates of packages and those in this one, with the functions they use.

    Args:
        packages: packages that hold templates, such as "simpgan.components.evaluate".
        autoescape: True for HTML, False for Markdown.
    """
    made = Environment(
        loader=ChoiceLoader([PackageLoader(package, ".") for package in (*packages, __name__)]),
        autoescape=autoescape,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.filters |= {
        "title_of": title_of,
        "shown_p": shown_p,
        "signed": signed,
        "picture": picture_uri,
        "unbroken": unbroken,
    }
    return made
