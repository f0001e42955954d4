"""The simulator's refusals, in the vendor's recorded words."""

from http import HTTPStatus


class Refusal(Exception):
    """An error of the protocol: a code and a message."""

    def __init__(self, code: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message

    def body(self) -> dict[str, object]:
        """Return the JSON object of the error."""
        return {"code": int(self.code), "message": self.message, "status": "error"}


def empty_window() -> Refusal:
    return Refusal(
        HTTPStatus.BAD_REQUEST,
        "No data is available on the specified dates. Try setting different start/end dates.",
    )


def bad_symbol() -> Refusal:
    return Refusal(
        HTTPStatus.NOT_FOUND,
        "**symbol** or **figi** parameter is missing or invalid. Please provide a valid symbol according to "
        "API documentation: https://twelvedata.com/docs#reference-data",
    )


def bad_symbol_in_batch(symbol: str) -> Refusal:
    return Refusal(
        HTTPStatus.BAD_REQUEST,
        f"**symbol** not found: {symbol}. Please specify it correctly according to API Documentation.",
    )


def not_in_plan() -> Refusal:
    return Refusal(
        HTTPStatus.NOT_FOUND,
        "This symbol is available starting with the Grow or Venture plan. "
        "Consider upgrading now at https://twelvedata.com/pricing",
    )


def bad_key() -> Refusal:
    return Refusal(
        HTTPStatus.UNAUTHORIZED,
        "**apikey** parameter is incorrect or not specified. You can get your free API key instantly following "
        "this link: https://twelvedata.com/pricing. If you believe that everything is correct, you can contact us "
        "at https://twelvedata.com/contact/customer",
    )


def out_of_minute(used: int, limit: int) -> Refusal:
    return Refusal(
        HTTPStatus.TOO_MANY_REQUESTS,
        f"You have run out of API credits for the current minute. {used} API credits were used, "
        f"with the current limit of {limit}.",
    )


def out_of_day(used: int, limit: int) -> Refusal:
    return Refusal(
        HTTPStatus.TOO_MANY_REQUESTS,
        f"You have run out of API credits for the day. {used} API credits were used, "
        f"with the current limit being {limit}.",
    )


def bad_parameter(name: str, value: str) -> Refusal:
    """Return the refusal of a parameter that can't be read. The vendor's own words for it were not recorded."""
    return Refusal(HTTPStatus.BAD_REQUEST, f"**{name}** parameter is invalid: {value}.")
