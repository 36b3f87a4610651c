"""From an article to the one string everything else reads.

Training, prediction and serving all come through here, so a model and its users can never
disagree about what the text was. Case, final sigma and the like belong to the tokeniser.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from classifier.article import Article
from classifier.compiled import SCAN, compiled
from classifier.text_steps import (
    PROMOTION_OPENINGS,
    STEPS,
    agency_openings,
    credit_verbs,
    has_mojibake,
    is_sound,
    without_found_credits,
    without_opening,
    without_promotion,
)

__all__ = ["TEXT_RULES_VERSION", "article_text", "article_text_by_steps", "scanner"]

TEXT_RULES_VERSION: int = 1  # raised whenever any article turns into something else

# The first four mend characters, in titles too; the others know what a body looks like.
_CHARACTER_STEPS = STEPS[:4]
_BODY_STEPS = STEPS[4:]
_PASSED_BY_SOUND = 3


@cache
def scanner() -> Any:
    """Return what tells which steps a text needs, ``None`` where it is not compiled.

    Asked for once a process, as an answer takes longer than reading an article.
    """
    module = compiled(SCAN)
    if module is None:
        return None
    return module.Scanner(credit_verbs(), agency_openings(), PROMOTION_OPENINGS)


def article_text(article: Article | str) -> str:
    r"""Return the one string that stands for `article`: title, blank line, body.

    Parameters
    ----------
    article : Article or str
        A plain string is a body without a title.

    Returns
    -------
    str
        In normal form C, with no control character but ``\n``; cleaning it again, alone or
        under its title, changes nothing.

    Examples
    --------
    >>> article_text(Article("PARIS, May 2. Trams are back.", title="News"))
    'News\n\nTrams are back.'
    """
    scan = scanner()
    if scan is None:
        return article_text_by_steps(article)
    title, body = ("", article) if isinstance(article, str) else (article.title, article.text)
    spaced = scan.spaced(body)
    spaced_title = scan.spaced(title) if title else ("", 0)
    if spaced is None or spaced_title is None:
        return article_text_by_steps(article)
    title, (body, credits) = spaced_title[0], spaced
    if title:
        title = title.replace("\n\n", " ").replace("\n", " ")
        body = f"{body}\n".removeprefix(f"{title}\n").strip()
    if credits:
        body = without_found_credits(body, credits)
    body = without_opening(body)
    if scan.may_end_in_promotion(body):
        body = without_promotion(body)
    return _under(title, body)


def article_text_by_steps(article: Article | str) -> str:
    """Return what `article_text` does by every step in turn: the reference that it is held to."""
    if isinstance(article, str):
        return _applied(STEPS, article)
    title = " ".join(_applied(_CHARACTER_STEPS, article.title).split()) if article.title else ""
    body = _applied(_CHARACTER_STEPS, article.text)
    return _under(title, _applied(_BODY_STEPS, f"{body}\n".removeprefix(f"{title}\n").strip()))


def _under(title: str, body: str) -> str:
    if not title:
        return body
    doubled = body.startswith(title) and not body[len(title) :][:1].isalnum()
    return body if doubled else f"{title}\n\n{body}".rstrip()


def _applied(steps: tuple[Callable[[str], str], ...], text: str) -> str:
    while True:
        before = text
        passed = _PASSED_BY_SOUND if steps[0] is STEPS[0] and is_sound(text) else 0
        for step in steps[passed:]:
            text = step(text)
        # One repair can uncover the next; sound text never comes round again.
        if text == before or not has_mojibake(text):
            return text
