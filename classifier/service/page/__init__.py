"""The page at ``/`` of the service: files as they are sent, nothing to build."""

from __future__ import annotations

from importlib.resources import files

__all__ = ["page_files"]

_SERVED = {
    "/": ("index.html", "text/html; charset=utf-8"),
    "/page.css": ("page.css", "text/css; charset=utf-8"),
    "/page.js": ("page.js", "text/javascript; charset=utf-8"),
    "/icon.svg": ("icon.svg", "image/svg+xml"),
    "/examples.json": ("examples.json", "application/json"),
}


def page_files() -> dict[str, tuple[bytes, str]]:
    """Return what the page consists of: URL path → content and media type.

    The page asks for nothing else than these and the service's ``/v1/…``, all relative to its
    own address, so it works under ``Content-Security-Policy: default-src 'self'`` and behind a
    proxy that adds a prefix.
    """
    folder = files(__package__)
    return {
        path: (folder.joinpath(name).read_bytes(), kind) for path, (name, kind) in _SERVED.items()
    }
