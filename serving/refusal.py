"""What ends a request before it has reached a route."""


class Refusal(Exception):
    """A request that ends here; ``retry_after`` (s) says when another try may pass."""

    def __init__(self, status: int, detail: str, *, retry_after: float | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.retry_after = retry_after
