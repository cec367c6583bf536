"""Find people in a gallery by a picture of one."""

from components.search.searcher import Searcher

__all__ = ["Searcher"]
