"""The errors a request can end in, each with the HTTP status it becomes."""


class ShopError(Exception):
    """A request failed for a known reason."""

    status = 500

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class BadRequest(ShopError):
    status = 400


class Busy(ShopError):
    status = 503


class PoolExhausted(ShopError):
    status = 503


class PeerFailed(ShopError):
    """A called service answered with an error, refused the connection or could not be found."""

    status = 502


class PeerTimeout(ShopError):
    status = 504
