"""The refusals of the control API, each with its HTTP status and code."""


class Refused(Exception):
    """`details` are added to the error body."""

    status = 422
    code = "invalid"

    def __init__(self, message: str, **details: object) -> None:
        super().__init__(message)
        self.message = message
        self.details = details


class Unauthorised(Refused):
    status = 401
    code = "unauthorised"


class Forbidden(Refused):
    status = 403
    code = "forbidden"


class Unknown(Refused):
    status = 404
    code = "not_found"


class Conflict(Refused):
    status = 409
    code = "version_conflict"


class Invalid(Refused):
    def __init__(self, field: str, message: str) -> None:
        super().__init__(message, field=field)
