"""Find people in a gallery by an image of them."""

from simpgan.components.search.searcher import Searcher

__all__ = ["Searcher"]
