"""From an article to the one string everything else reads.

Training, prediction and serving all come through here, so a model and its users can never
disagree about what the text was. Case, final sigma and the like belong to the tokeniser.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from classifier.article import Article
from classifier.compiled import SCAN, compiled
from classifier.fields import as_article

__all__ = [
    "METADATA_OPENINGS",
    "PROMOTION_OPENINGS",
    "STEPS",
    "TEXT_RULES_VERSION",
    "agency_openings",
    "article_text",
    "article_text_by_steps",
    "credit_verbs",
    "has_mojibake",
    "is_sound",
    "scanner",
    "without_opening",
    "without_promotion",
]


# Entities; an ampersand may be written as one several times over.
_AMPERSANDS = re.compile("&(?:(?i:amp|#0*38|#x0*26);)+")
_ENTITY = re.compile("&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
# Tags that stand for nothing but a page's looks; what has no attributes has only blanks inside.
_TAG = "</?(?i:{})(?:\\s+[\\w:-]+\\s*=[^<>]{{0,500}}|\\s*)/?>"
_BLOCK_TAG = re.compile(
    _TAG.format(
        "p|br|div|h[1-6]|li|ul|ol|tr|table|tbody|blockquote|figure|figcaption|section|article"
    )
)
_INLINE_TAG = re.compile(
    _TAG.format("a|b|i|u|em|strong|span|sup|sub|small|font|img|td|th|cite|code|mark|abbr|time")
)
# A UTF-8 lead byte and a continuation byte, as Windows-1252 or Latin-1 shows them.
_MOJIBAKE = re.compile("[Â-ô][\x80-\xbf€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ]")
# Of markup, and of all steps.
_MOST_ROUNDS = 8
# Nearly all of nearly every text: what to leave out to look at the rest alone.
_COMMON = bytes(range(0x20, 0x7F)) + b"\n"
# Printable, and in normal form C next to anything.
_SOUND = re.compile("[\xa1-\xac\xae-\u02ff\u2010-\u2027\u2030-\u205e\u20a0-\u20c0\u2122]*")
_LOOSE_LINE = re.compile("\n(?: |\n\n|(?<= \n))")
# Soft hyphen, zero-width space, byte order mark; then direction marks and isolates.
_INVISIBLE = (0xAD, 0x200B, 0xFEFF, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2060, 0x206A))
_UNPRINTABLE = {
    **dict.fromkeys(map(chr, [*range(0x20), *range(0x7F, 0xA0)]), " "),
    **dict.fromkeys("\u2028\u2029", "\n"),
    **dict.fromkeys(map(chr, _INVISIBLE), ""),
}
# Persian needs the non-joiner and emoji the joiner; after a Latin letter both are litter.
_LATIN_JOINERS = re.compile("(?<![^\\s\x00-\u036f\u1e00-\u1eff\u212a\u212b])[\u200c\u200d]+")
# Sorting n stacked marks costs n², and no script stacks more than a handful.
_STACKED_MARKS = re.compile("([^\\w\\s\x00-\u02ff]{30})[^\\w\\s\x00-\u02ff]+")
# "Report", "Trend" and "Turan" are agencies too: a name alone never decides, its place does.
_AGENCY_NAMES = (
    "Trend|TASS|Thomson Reuters|Reuters|AFP|Agence France-Presse|AP|Associated Press|Xinhua"
    "|Interfax(?:-Ukraine)?|AZERTAC|AzerTAc|Anadolu|RIA Novosti|Sputnik|dpa|DPA|Bloomberg|Report"
    "|APA|Kazinform|UzA|Ukrinform|Turan|IRNA|Kyodo|Yonhap|PTI|ANSA|EFE|BelTA|Armenpress|CNN"
)
# Those that are known as such in a dateline and at the end alone.
_MORE_AGENCY_NAMES = (
    "AAP|AGERPRES|AKIpress|ANI|ANTARA|ANTARA News|APS|ARMENPRESS|AZERNEWS|AZERTAG|Agerpres|Antara"
    "|BERNAMA|BNS|BTA|Belga|Bernama|CTK|ELTA|Europa Press|Fars|HINA|Hina|IANS|ISNA|JTA|Jiji"
    "|KAZINFORM|KCNA|KUNA|Khovar|LETA|LUSA|Lusa|MENA|MTI|Mehr|Montsame|NTB|PAP|PNA|QNA|REPORT|Ritzau"
    "|SANA|SPA|STT|Tanjug|Tasnim|UNI|UPI|UzDaily|VNA|WAM"
)
_AGENCY_ENDING = "(?: (?:[Nn]ews )?[Aa]gency| News)?"
_AGENCY = f"(?:{_AGENCY_NAMES}){_AGENCY_ENDING}"
_ANY_AGENCY = (
    f"(?:{_AGENCY_NAMES}|{_MORE_AGENCY_NAMES})(?:\\.(?i:az|com|kz|ru|uz))?{_AGENCY_ENDING}"
)
_WEEKDAY = "(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day"
# A capital or a hyphen after the name makes it another name: AP Moller, Trend Micro.
_NAME_ENDS = f"(?![\\w'’&/-])(?! (?!{_WEEKDAY})[A-Z&])"
# One pattern a verb: a fixed beginning is found many times faster than one of several.
_CREDITS_AFTER = {
    verb: f"{verb}(?: (?:[Tt]he )?{_AGENCY})++{_NAME_ENDS}"
    for verb in ("told", "tells", "informed", "interview with", "reported by")
} | {"reports": f"reports(?: {_AGENCY})++(?=[.,;\n])"}
_CREDIT_BEFORE = re.compile(f", {_AGENCY} (?=report(?:s|ed)(?:[.,]| citing ))")
_UPPER = "A-Z\u00c0-\u00de\u0100-\u0130\u018f\u0400-\u042f"
_MONTH = (
    "(?i:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?"
    "|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\\b"
)
_DAY = f"(?:{_WEEKDAY},? )?(?:{_MONTH}\\.? ?\\d\\d?\\b|\\d\\d? {_MONTH})(?:,? \\d{{4}}\\b)?"
_DATE = (
    f"(?>(?:{_MONTH}|{_WEEKDAY}|Mon|Tue|Wed|Thu|Fri|Sat|Sun|at|on|[aApP][mM]|[A-Z]{{1,4}}T|UTC|Z)\\b"
    "|T(?=\\d)|[\\d ,.:/+()-])++"
)
_DONE = ("published", "updated", "posted")
_STAMPS = ("date", *_DONE, *(f"{time} {done}" for time in ("first", "last") for done in _DONE))
_STAMP = f"(?i:{'|'.join(_STAMPS)})"
_HEADINGS = ("category", "section", "tag", "tags", "topic", "topics", "author", "byline")
_NAME = f"[{_UPPER}][\\w.'’-]{{1,30}}"
# In one line with a dateline: `date 2025-04-18 BAKU, Azerbaijan, April 18.`
_STAMPED = f"{_STAMP}(?: on| at)?:? (?=[^\n]{{0,60}}\\d){_DATE}"
_LONGEST_SUBTITLE = 300
_METADATA = (
    f"(?:{_STAMP}(?: on| at)?:? (?=[^\n]*\\d){_DATE}"
    # a day, an hour
    f"|(?=[{_UPPER}0-9][^\n]{{5,50}}\n)(?=[^\n]*(?:\\d{{4}}|{_MONTH}))"
    f"(?![^\\d\n]* (?:at|on|[ap][mM])\\b)(?:{_DATE}|\\|)+"
    "|(?i:date|published|posted): ?[^\n]{0,40}\\d[^\n]{0,20}"
    f"|(?i:{'|'.join(_HEADINGS)}): ?[^\n.!?]{{1,60}}"
    f"|(?:By|BY) (?:{_ANY_AGENCY}|{_NAME}(?:(?:,| and| &)? {_NAME}){{1,6}})"
    f"(?: ?[|–—-] ?{_ANY_AGENCY}:?)?)\n\\s*+(?![a-z])"
)
METADATA_OPENINGS = (*_STAMPS, *(f"{heading}:" for heading in _HEADINGS), "by ")
# Quick to compile: how metadata begins, or a line as short as that of a day or an hour.
_METADATA_MARK = f"(?i:{'|'.join(METADATA_OPENINGS)})|[^\n]{{6,51}}\n"
# Where a bare "CITY —" is a dateline; "NATO — The" and "OIL — Prices" open sentences.
_CITIES = (
    "(?:ANKARA|ASTANA|ATLANTA|BAGHDAD|BAKU|BEIJING|BEIRUT|BERLIN|BOSTON|BRUSSELS|CAIRO|CHICAGO"
    "|CLEVELAND|DALLAS|DENVER|DETROIT|DUBAI|DUBLIN|GENEVA|HAVANA|HONG KONG|HOUSTON|ISTANBUL"
    "|JERUSALEM|KABUL|KIEV|KYIV|LONDON|LOS ANGELES|MADRID|MIAMI|MINSK|MOSCOW|MUMBAI|NEW DELHI"
    "|NEW YORK|OTTAWA|PARIS|PHILADELPHIA|PRAGUE|ROME|SAN FRANCISCO|SEATTLE|SEOUL|SINGAPORE"
    "|TASHKENT|TBILISI|TEHRAN|TOKYO|TORONTO|UNITED NATIONS|VIENNA|WARSAW|WASHINGTON|YEREVAN)"
)
_CAPS = f"[{_UPPER}][{_UPPER} .'’/-]{{1,30}}"
_PLACE = f"[{_UPPER}][\\w.'’/-]{{1,30}}(?: {_NAME}){{0,2}}"
_REGION = f"(?:,(?: {_NAME}){{1,3}})"
_DASH = "(?: ?[—–]| ?--| -(?= ))"
_SENTENCE = f"(?= ?[{_UPPER}\"“'‘])"
# Three patterns, each compiled, for a millisecond or more, when a text may need it.
_DATELINE_OF_AGENCY = (
    f"(?:{_PLACE}{_REGION}{{0,2}}(?:"  # a known agency tells it, in any case of letters
    f"(?:, {_DAY})?[.,]? ?(?:/ ?{_ANY_AGENCY} ?/[.:]?(?: {_DAY}[.,]?)?{_DASH}?"
    f"|\\({_ANY_AGENCY}(?: {_NAME})*\\)(?:{_DASH}|:|\\.-(?= ))"
    f'|\\({_ANY_AGENCY}\\)(?= [{_UPPER}"“]))'
    f"|, {_DAY}(?:,|{_DASH}) {_ANY_AGENCY}(?:[.:]|{_DASH}|(?=\n))"
    f"|(?:\\.|(?<=\\.)) (?:(?:{_DAY}\\. )?{_ANY_AGENCY}(?:[:/]|{_DASH})"
    f"|(?:{_DAY}\\.? )?\\({_ANY_AGENCY}\\){_DASH}?)"
    f"|(?:,|{_DASH}) {_ANY_AGENCY}(?:[.:]|{_DASH}){_SENTENCE})"
    f"|\\({_ANY_AGENCY}\\){_DASH}(?: {_PLACE}{_REGION}?(?:, {_DAY})?{_DASH}|{_SENTENCE})"
    f"|(?=[{_UPPER}0-9]){_DAY} \\({_ANY_AGENCY}\\){_DASH}"
    f"|(?=[{_UPPER}]){_ANY_AGENCY}, {_PLACE}, {_DAY}[.:])\\s*"
)
_AGENCY_MARK = f"[,.–—-] (?:{_AGENCY_NAMES}|{_MORE_AGENCY_NAMES})"
# The next two begin with two characters that are no small letters of ASCII.
_CAPITALS = re.compile("[^a-z]{2}")
_DATELINE_OF_DAY = (  # capitals and a day tell it, whatever the agency
    f"{_CAPS}{_REGION}{{0,2}}, {_DAY}(?:"
    f"[.,]? ?/[^/\n]{{2,40}}/[.:]?|[.,]? \\([^)\n]{{2,40}}\\){_DASH}?"
    f"|(?:\\.(?! [a-z])|{_DASH})(?=\\s))\\s*"
)
_DATELINE_OF_CITY = (
    f"(?:(?:{_CITIES}{_REGION}?|(?=[{_UPPER}]{{5}}|[{_UPPER}]+ [{_UPPER}]{{3}}){_CAPS}{_REGION})"
    f"{_DASH}{_SENTENCE}|{_CITIES}{_REGION}?(?:, {_DAY})?[.:]?(?=\n))\\s*"
)
# Every dateline has a day, an agency in slashes, brackets or before a colon, a dash, or a line of
# its own; \d is also beyond ASCII. What is no mark is named, as that set compiles in no time.
_DATELINE_MARK = re.compile("[^\x00-\x09\x0b-')*+,.;-\x7f]")
_LONGEST_DATELINE = 400  # characters, more than the pattern takes before such a mark
# A sentence end followed by a space, or the end of a line; titles and initials end nothing.
# The set that it begins with is looked for ten times faster than a choice of two.
_BREAK = re.compile(
    "[.!?…\n](?:(?<=\n)\n*"
    "|(?<!\\b[A-Z]\\.)(?<!\\b[DM]r\\.)(?<!\\bMs\\.)(?<!\\bSt\\.)[\"”’')\\]]{0,2}( +))"
)
_LONGEST_PROMOTION, _MOST_PROMOTION = 300, 2000  # characters
_WORDS = '[^.!?\n"“”]'  # of one sentence, without speech
_REST = f"(?:{_WORDS}|[.!?](?=\\S))*+[.!?]?"  # a dot inside an address or a number ends nothing
_PLATFORM = (
    "(?:Twitter|X|Facebook|Instagram|Telegram|WhatsApp|YouTube|LinkedIn|TikTok|Threads|Bluesky"
    "|Google News|(?i:social media))\\b"
)
_SERVICE = "(?i:newsletters?|alerts?|channel|updates|briefings?|podcast|digest|notifications)\\b"
_OUTLET = f"(?:us|me|our \\w+|@\\w+|(?:[Tt]he )?{_NAME}(?: (?:{_NAME}|of|the|and|&|on)){{0,6}})"
# Somebody in the article says it.
_SAYING = (
    f"(?!{_WORDS}*, (?:the|an?|its|his|her|he|she|they) "
    f"{_WORDS}*\\b(?:said|says|told|urged|wrote)\\b)"
)
_TO_US = f"(?={_WORDS}*\\b(?:{_PLATFORM}|{_SERVICE}))"
_UPDATED = "(?:story|article|report|page|post)"
# Each with how it begins, in small letters.
_PROMOTIONS = {
    f"{_SAYING}Stay (?:up[- ]to[- ]date|tuned|informed)\\b{_TO_US}{_REST}": ("stay ",),
    f"{_SAYING}(?:You can )?(?:[Ff]ollow|[Ll]ike|[Ff]ind|[Jj]oin) {_OUTLET} (?:on|via) {_PLATFORM}"
    f"{_REST}": ("follow ", "like ", "find ", "join ", "you can follow ", "you can like ",
                 "you can find ", "you can join "),
    f"{_SAYING}(?:Join|Visit) our {_TO_US}{_REST}": ("join our ", "visit our "),
    f"{_SAYING}(?:Get|Read|Receive|Follow|Watch|See) (?:all )?(?:the )?"
    f"(?:latest|real-time|breaking|more)\\b(?={_WORDS}*\\bour\\b){_TO_US}{_REST}": (
        "get all", "get the latest", "get latest", "get real-time", "get breaking", "get more",
        "read all", "read the latest", "read latest", "read more", "receive ", "follow all",
        "follow the latest", "watch more", "watch the latest", "see more", "see the latest"),
    f"Only (?:the )?most (?:interesting|important)\\b{_REST}": ("only most", "only the most"),
    "(?:(?i:(?:read|see) (?:more|also)|also read)|More on this (?:story|topic)"
    "|(?:Related|RELATED)(?: (?:stories|articles|news|topics))?)"
    "(?:(?::| [-–—])(?! ?[a-z])[^\n]*|\\.?)": (
        "read more", "read also", "see more", "see also", "also read", "more on this ", "related"),
    f"{_SAYING}(?:Subscribe|Sign up) (?:to|for) (?=our |{_WORDS}*\\b{_SERVICE}){_REST}": (
        "subscribe ", "sign up "),
    f"{_SAYING}(?:Subscribe|Sign up|Click|CLICK) (?:now|here|Here|HERE|today)\\b{_REST}": (
        "subscribe ", "sign up ", "click now", "click here", "click today"),
    f"{_SAYING}(?:Download|Get) (?:our|the) {_WORDS}{{0,40}}\\bapp\\b{_REST}": (
        "download our ", "download the ", "get our ", "get the "),
    f"(?i:(?:copyright )?(?:©|\\(c\\))) ?(?=\\d{{4}}|[{_UPPER}]){_REST}"
    f"|(?i:copyright(?: by)?) (?=\\d{{4}}\\b(?! [a-z])){_REST}": ("copyright", "(c)", "©"),
    "(?i:all rights reserved)[.!]?": ("all rights reserved",),
    f"This material may not be (?:published|reproduced)\\b{_REST}": ("this material ",),
    f"This {_UPDATED} (?:has been|was|will be|is being) updated"
    f"(?: (?:to|with|as|when|throughout|at|on) {_REST}|\\.?)"
    f"|This {_UPDATED} (?:was|has been) (?:originally|first) published {_REST}": (
        "this story ", "this article ", "this report ", "this page ", "this post "),
    "This is a (?:breaking|developing) (?:news )?story\\.": (
        "this is a breaking ", "this is a developing "),
    "Please check back for updates\\.": ("please check back",),
    f"Image (?:copyright|source|caption):? (?=[{_UPPER}]){_WORDS}{{1,60}}\\.?": ("image",),
    "(?:Photos?|Photograph|Picture|Image)(?: credit)?"
    f"(?::| by(?= {_NAME})) ?{_WORDS}{{1,80}}\\.?": (
        "photo", "picture", "image"),
    "\\((?:Photos?|Photograph|Picture|Image)(?::| by| courtesy)[^)\n]{1,80}\\)\\.?": (
        "(photo", "(picture", "(image"),
    f"Source: ?-? ?{_WORDS}{{1,60}}\\.?": ("source:",),
    "(?i:continue reading) ?(?:…|\\.\\.\\.|here)?": ("continue reading",),
    f"Write to (?:{_NAME} ){{1,4}}at [^\\s@]{{1,40}}@[^\n]{{3,80}}": ("write to ",),
    "(?i:media contacts?):? [^\n]{1,120}": ("media contact",),
    "\\(?(?:Additional r|R)eporting by [^\n]{3,200}|\\(?(?:Writing|Editing|Compiled|Translated) by "
    "[^\n]{3,120}": tuple(
        f"{bracket}{word} by " for bracket in ("", "(")
        for word in ("reporting", "additional reporting", "writing", "editing", "compiled",
                     "translated")),
    "Our Standards: [^\n]{1,80}": ("our standards:",),
    f"Share (?:this {_UPDATED}|on {_PLATFORM})[^\n]{{0,60}}": ("share this ", "share on "),
    "(?i:tags?|keywords|topics?): ?[^\n.!?]{1,120}": (
        "tags:", "tag:", "keywords:", "topic:", "topics:"),
    "#\\w+(?: #\\w+)*": ("#",),
    "(?i:if you (?:find|notice|see) an? (?:error|mistake|typo))\\b[^\n]{0,120}": ("if you ",),
    "Advertisement|\\(ENDS?\\)|ENDS?|Enditem|■|#{3}|_{3}": (
        "advertisement", "(end", "end", "■", "###", "___"),
    f"\\([a-z]{{0,3}}/?(?:{_AGENCY_NAMES})(?:(?:, ?|/| and )(?:{_AGENCY_NAMES}))*\\)"
    f"|\\(?{_ANY_AGENCY}\\)?\\.?": (
        "(", *(each.partition("(")[0].lower() for each in _AGENCY_NAMES.split("|")),
        *(each.lower() for each in _MORE_AGENCY_NAMES.split("|"))),
}  # fmt: skip
# Whoever else worked on it, whatever they are called.
_CONTRIBUTED = (
    f'{_NAME} [^!?\n"“”]{{1,150}} contributed (?:to this (?:story|report|article)|reporting)\\.'
)
PROMOTION_OPENINGS = tuple(dict.fromkeys(
    opening for openings in _PROMOTIONS.values() for opening in openings if opening.isascii()
))  # fmt: skip
_LONGEST_OPENING = max(map(len, PROMOTION_OPENINGS))
_MARKS = re.compile("[-–—*•|>]{0,3} ?")


def without_markup(text: str) -> str:
    """Return `text` with HTML entities as their characters, and without tags of a page's looks.

    Tags that end a line or a paragraph become the end of a line. Text whose tags stand in one
    another deeper than any page's is left as it is.
    """
    found = text
    for _ in range(_MOST_ROUNDS if "&" in text or "<" in text else 0):
        before, found = found, _without_outer_markup(found)
        if found == before:
            return found
    return text


def _without_outer_markup(text: str) -> str:
    if "&" in text and ";" in text:
        text = _ENTITY.sub(_character, _AMPERSANDS.sub("&", text))
    if "<" in text and ">" in text:
        text = _INLINE_TAG.sub("", _BLOCK_TAG.sub("\n", text))
    return text


def has_markup(text: str) -> bool:
    """Return whether `without_markup` would change `text`."""
    return without_markup(text) != text


def _character(entity: re.Match[str]) -> str:
    from html import unescape

    found = unescape(entity[0])
    # what HTML has no character for stays as it is written
    return entity[0] if "\ufffd" in found else found


def with_mojibake_repaired(text: str) -> str:
    """Return `text` with UTF-8 that was read as Windows-1252 or Latin-1 read rightly."""
    if not has_mojibake(text):
        return text
    from classifier.mojibake import repaired

    return repaired(text, _MOJIBAKE)


def has_mojibake(text: str) -> bool:
    """Return whether some of `text` looks like UTF-8 that was read as Windows-1252 or Latin-1."""
    # neighbours that are none of the common characters are neighbours in what is left of them
    return not text.isascii() and bool(_MOJIBAKE.search(_uncommon(text)) and _MOJIBAKE.search(text))


def _uncommon(text: str) -> str:
    """Return the characters of `text` but printable ASCII and line ends, in order."""
    return (
        text.encode("utf-8", "surrogatepass")
        .translate(None, _COMMON)
        .decode("utf-8", "surrogatepass")
    )


def printable(text: str) -> str:
    r"""Return `text` with ``\n`` line ends, other controls as spaces, invisible marks gone.

    Surrogate pairs become their character, lone surrogates U+FFFD.
    """
    # Far cheaper than a search for what is not.
    if _uncommon(text).isprintable():
        return text
    text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    # a handful of characters each, which is a hundred times faster than asking the table for all
    for found in set(_uncommon(text)) & _UNPRINTABLE.keys():
        text = text.replace(found, _UNPRINTABLE[found])
    return _LATIN_JOINERS.sub("", text) if "\u200c" in text or "\u200d" in text else text


def composed(text: str) -> str:
    """Return `text` in Unicode normalisation form C."""
    if text.isascii() or unicodedata.is_normalized("NFC", text):
        return text
    return unicodedata.normalize("NFC", _STACKED_MARKS.sub(r"\1", text))


def spaced_once(text: str) -> str:
    """Return `text` with single spaces, single or double line ends, and no blank edges."""
    if not _uncommon(text).isprintable():
        text = "\n".join([" ".join(line.split()) for line in text.split("\n")])
    # what is printable has no spaces but these
    while "  " in text:
        text = text.replace("  ", " ")
    if _LOOSE_LINE.search(text):
        text = re.sub("\n{3,}", "\n\n", text.replace(" \n", "\n").replace("\n ", "\n"))
    return text.strip()


def without_credits(text: str, found: int = -1) -> str:
    """Return `text` without the agency in "told Reuters that" and in ", TASS reports.".

    Parameters
    ----------
    found : int
        A bit for each of `credit_verbs` that the name of an agency may follow; above 0 also
        where a credit may stand before "reports". Any may by default.
    """
    for k, (verb, pattern) in enumerate(_CREDITS_AFTER.items()):
        if found >> k & 1 and f"{verb} " in text:
            text = _compiled(pattern).sub(verb, text)
    # "reports" that lost its agency, the last of the verbs, may follow another
    return _CREDIT_BEFORE.sub(", ", text) if found >> len(_CREDITS_AFTER) - 1 else text


def credit_verbs() -> tuple[str, ...]:
    """Return the words after which the name of an agency is a credit."""
    return tuple(_CREDITS_AFTER)


def agency_openings() -> tuple[str, ...]:
    """Return how the names of agencies begin."""
    return tuple(dict.fromkeys(name[:3] for name in _AGENCY_NAMES.split("|")))


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    # compiled when it is needed: together they take longer than tagging a hundred articles
    return re.compile(pattern)


def without_opening(text: str) -> str:
    """Return `text` without the metadata lines, byline and dateline it opens with."""
    start = 0
    while found := _dateline(text, start) or _metadata(text, start):
        start = found.end()
    return _without_second_opening(text[start:] or text)


def _without_second_opening(text: str) -> str:
    """Return `text` without the datelines that follow its first line, a subtitle."""
    subtitle, line_end, rest = text[: _LONGEST_SUBTITLE + 2].partition("\n")
    place = len(subtitle) + len(line_end) + (rest[:1] == "\n")
    start = place
    while line_end and (found := _dateline(text, start)):
        start = found.end()
    return text[:place] + text[start:] if place < start < len(text) else text


def _metadata(text: str, start: int) -> re.Match[str] | None:
    """Return the metadata line there, or the stamp before a dateline in the same line."""
    if not _compiled(_METADATA_MARK).match(text, start):
        return None
    if found := _compiled(_METADATA).match(text, start):
        return found
    stamp = _compiled(_STAMPED).match(text, start)
    return stamp if stamp and _dateline(text, stamp.end()) else None


def _dateline(text: str, start: int) -> re.Match[str] | None:
    end = start + _LONGEST_DATELINE
    if not _DATELINE_MARK.search(text, start, end):
        return None
    patterns = [_DATELINE_OF_AGENCY] if _names_agency(text[start:end]) else []
    patterns += [_DATELINE_OF_DAY, _DATELINE_OF_CITY] if _CAPITALS.match(text, start) else []
    return next(filter(None, (_compiled(each).match(text, start) for each in patterns)), None)


def _names_agency(opening: str) -> bool:
    """Return whether an agency may stand there as datelines name it."""
    bracketed = "(" in opening or "/" in opening
    return bracketed or bool(_compiled(_AGENCY_MARK).search(f", {opening}"))


def without_promotion(text: str) -> str:
    """Return `text` without the promotion, credits and rights notices that end it.

    The first sentence stays; with more than 2,000 characters of links, links are the article.
    """
    end = len(text)
    while breaks := list(_BREAK.finditer(text, max(0, end - _LONGEST_PROMOTION), end)):
        if not _is_promotion(text, breaks[-1].end(), end):
            break
        end = breaks[-1].start(breaks[-1].lastindex or 0)
        if len(text) - end > _MOST_PROMOTION:
            return text
    return text[:end]


def _is_promotion(text: str, start: int, end: int) -> bool:
    """Return whether all that stands there is one promotion, credit or notice."""
    start = _MARKS.match(text, start, end).end()  # type: ignore[union-attr]
    opening = text[start : min(end, start + _LONGEST_OPENING)].lower()
    patterns = [each for each, openings in _PROMOTIONS.items() if opening.startswith(openings)]
    patterns += [_CONTRIBUTED] if " contributed " in text[start:end] else []
    return any(_compiled(each).fullmatch(text, start, end) for each in patterns)


STEPS: tuple[Callable[[str], str], ...] = (
    without_markup,  # first: entities may stand for any character
    with_mojibake_repaired,  # its bytes look like controls and soft hyphens
    printable,
    composed,
    spaced_once,  # before the patterns, which then know only one kind of space
    without_credits,
    without_opening,
    without_promotion,
)


def is_sound(text: str) -> bool:
    """Return whether the steps before `spaced_once` would find nothing to mend."""
    rest = _uncommon(text)
    return not rest or (_SOUND.fullmatch(rest) is not None and not _MOJIBAKE.search(rest))


TEXT_RULES_VERSION: int = 3  # raised whenever any article turns into something else
# The first five mend characters, in titles too; the others know what a body looks like.
_CHARACTER_STEPS = STEPS[:5]
_BODY_STEPS = STEPS[5:]
# Of those after the first.
_PASSED_BY_SOUND = 3


# What the scanner says of how a text begins and ends.
_MAY_OPEN, _MAY_END = 1, 2


@cache
def scanner() -> Any:
    """Return what tells which steps a text needs, ``None`` where it is not compiled.

    Asked for once a process, as an answer takes longer than reading an article.
    """
    module = compiled(SCAN)
    if module is None:
        return None
    return module.Scanner(credit_verbs(), agency_openings(), METADATA_OPENINGS, PROMOTION_OPENINGS)


def article_text(article: Article | str | Mapping[str, Any]) -> str:
    r"""Return the one string that stands for `article`: title, blank line, body.

    Parameters
    ----------
    article : Article, str or mapping
        A plain string is a body without a title; a mapping has its ``text``.

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
    if isinstance(article, str):
        article = str.__str__(article)
    elif not isinstance(article, Article):
        article = as_article(article)
    scan = scanner()
    if scan is None:
        return article_text_by_steps(article)
    title, body = ("", article) if isinstance(article, str) else (article.title, article.text)
    spaced, spaced_title = _spaced(scan, body), _spaced(scan, title) if title else ("", 0, 0)
    if spaced is None or spaced_title is None:
        return article_text_by_steps(article)
    title = spaced_title[0].replace("\n\n", " ").replace("\n", " ")
    body, credits, edges = spaced
    if credits or (title and body.startswith(title)):
        body = without_credits(f"{body}\n".removeprefix(f"{title}\n").strip(), credits)
        again = scan.spaced(body)
        edges = again[2] if again else _MAY_OPEN | _MAY_END
    opened = without_opening(body) if edges & _MAY_OPEN else body
    # Without its opening a text of two lines may end otherwise than the scanner read it.
    if edges & _MAY_END or len(opened) < len(body):
        opened = without_promotion(opened)
    return _under(title, opened)


def _spaced(scan: Any, text: str) -> tuple[str, int, int] | None:
    """Return what the scanner does of a text without markup, nothing if it leaves such."""
    plain = without_markup(text)
    spaced: tuple[str, int, int] | None = scan.spaced(plain)
    if spaced is None or (spaced[0] is not plain and has_markup(spaced[0])):
        return None
    return spaced


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
    for _ in range(_MOST_ROUNDS):
        before, passed = text, 0
        if steps[0] is STEPS[0]:
            text = without_markup(text)
            passed = 1 + (_PASSED_BY_SOUND if is_sound(text) else 0)
        for step in steps[passed:]:
            text = step(text)
        # One repair can uncover the next; sound text never comes round again.
        if text == before or not (has_mojibake(text) or has_markup(text)):
            break
    return text
