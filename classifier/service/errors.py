"""Errors as RFC 9457 problem documents that name the field and the limit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING

from fastapi import FastAPI
from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, Response

if TYPE_CHECKING:
    from starlette.requests import Request

__all__ = [
    "EXPECTED",
    "MAX_ERRORS",
    "MEDIA_TYPE",
    "ProblemError",
    "add_problem_handlers",
    "field_errors",
    "field_name",
    "problem_of",
    "wrong_fields",
]


MEDIA_TYPE = "application/problem+json"
MAX_ERRORS = 10
_MESSAGES = {
    "missing": "is missing",
    "extra_forbidden": "is no field that is known here",
    "string_pattern_mismatch": "is empty; write the text there",
}
# Codes that Python 3.11 and 3.13 name differently.
_TITLES = {413: "Content Too Large", 422: "Unprocessable Content"}


class ProblemError(Exception):
    """A request that cannot be answered; the document says what, where, and what to do.

    Parameters
    ----------
    status : int
    detail : str
        The sentence for people. It holds nothing of an article's text.
    headers : mapping of str to str
    members : object
        More members of the document, such as ``field`` and ``limit``.
    """

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        **members: object,
    ) -> None:
        super().__init__(detail)
        self.status, self.detail = status, detail
        self.headers, self.members = dict(headers or {}), members

    def document(self) -> dict[str, object]:
        """Return the problem as a JSON object."""
        title = _TITLES.get(self.status) or HTTPStatus(self.status).phrase
        head = {"type": "about:blank", "title": title, "status": self.status}
        return {**head, "detail": self.detail, **self.members}

    def response(self) -> Response:
        """Return the problem as an answer."""
        return JSONResponse(self.document(), self.status, self.headers, MEDIA_TYPE)


def field_name(path: tuple[str | int, ...]) -> str:
    """Return a place in a JSON document as people write it.

    >>> field_name(("articles", 3, "text"))
    'articles[3].text'
    """
    name = ""
    for part in path:
        name += f"[{part}]" if isinstance(part, int) else f".{part:.60}" if name else f"{part:.60}"
    return name


def field_errors(
    error: ValidationError, *, before: tuple[str | int, ...] = ()
) -> list[dict[str, str]]:
    """Return place and message of each wrong field; `before` is where the document stands."""
    errors = error.errors(include_url=False, include_context=False, include_input=False)
    return [
        {
            "field": field_name((*before, *each["loc"])),
            "message": _MESSAGES.get(each["type"]) or each["msg"],
        }
        for each in errors
    ]


def wrong_fields(errors: Sequence[Mapping[str, str]]) -> ProblemError:
    """Return the problem of a body with wrong fields; the first is its detail."""
    place, message = errors[0]["field"], errors[0]["message"]
    detail = f"{place or 'the body'}: {message}."
    return ProblemError(422, detail, field=place, errors=list(errors[:MAX_ERRORS]))


# What is no fault of the service.
EXPECTED = (ProblemError, ClientDisconnect)


def problem_of(error: Exception) -> ProblemError:
    """Return what is said of an error while a request was answered."""
    if isinstance(error, ProblemError):
        return error
    if isinstance(error, ClientDisconnect):
        return ProblemError(400, "the client left before its request was whole.")
    return ProblemError(500, "a fault of the service; its log says more.")


def add_problem_handlers(app: FastAPI) -> None:
    """Let every error leave the application as a problem document."""
    app.add_exception_handler(HTTPException, _on_http)
    for kind in (*EXPECTED, Exception):
        app.add_exception_handler(kind, lambda _, error: problem_of(error).response())


def _on_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    allowed = (error.headers or {}).get("Allow", "")
    sentences = {
        404: "there is nothing at this address. GET /docs lists what there is.",
        405: f"{request.method:.20} is not possible here. Use {allowed}.",
    }
    detail = sentences.get(error.status_code, str(error.detail))
    return ProblemError(error.status_code, detail, headers=error.headers).response()
