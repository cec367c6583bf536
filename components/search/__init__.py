"""Find people in a gallery by a picture of one."""

from simpgan.components.search.searcher import Searcher

__all__ = ["Searcher"]
