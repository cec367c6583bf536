"""The refusal of a request: a status and one sentence."""


class Refusal(Exception):
    """A request that is not answered.

    Args:
        status: HTTP status, 4xx if the request is to be changed, 503 if it is to be repeated.
        sentence: what is wrong, and what to do.
        headers: further headers of the answer.
    """

    def __init__(self, status: int, sentence: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(sentence)
        self.status = status
        self.headers = headers or {}


def come_back(sentence: str, seconds: int) -> Refusal:
    """Return the refusal of a request that can be answered later."""
    return Refusal(503, sentence, {"Retry-After": str(seconds)})
