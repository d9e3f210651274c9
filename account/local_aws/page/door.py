"""Access to the page: whose browser may look, and which security headers each answer has.

A browser cannot sign, so it shows a token in place of a signature: drawn at random for the account, kept in its
folder, carried once in the link that ``python -m local_aws page`` prints, and from then on in a cookie.

What keeps other web pages out: the cookie is not sent with what they ask for (SameSite=Strict); browsers say who
asks (Sec-Fetch-Site, Origin), also where the other page is of this machine; no answer can be framed, embedded or
read across origins.  Only GET and HEAD are heard, and nothing that they do changes anything.
"""

from __future__ import annotations

import hmac
import re
import secrets
from pathlib import Path

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from local_aws.core.account import write_once
from local_aws.core.store import StateError

PATH = "/_page/"  # no bucket has a name that begins so
TOKEN = re.compile(r"[\w-]{43}", re.ASCII)
HOW_TO_OPEN = "This page opens with the link that 'python -m local_aws page' prints."
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


def token(folder: Path) -> str:
    """The token of the account in ``folder``, drawn when it is first asked for.

    Raises StateError if the file that holds it holds something else.
    """
    path = folder / "page.token"
    if not path.exists():
        write_once(path, secrets.token_urlsafe(32))
    text = path.read_text(errors="replace")
    if not TOKEN.fullmatch(text):
        raise StateError(path, "this is not the page's token. Delete the file to have another one drawn.")
    return text


def link(url: str, folder: Path) -> str:
    """The address that lets a browser in at the account that listens at ``url``."""
    return f"{url}/?token={token(folder)}"


def is_for_the_page(request: Request) -> bool:
    """Whether a request without a signature is one for the page: ``/`` is S3's ListBuckets, too."""
    if request.method not in ("GET", "HEAD"):
        return False
    asks_for_html = "text/html" in request.headers.get("accept", "") or "token" in request.query_params
    return request.url.path.startswith(PATH) or (request.url.path == "/" and asks_for_html)


def refusal(request: Request, folder: Path) -> Response | None:
    """The answer to a browser that may not look, or that has just shown the token; None if the page is to answer."""
    path, own = request.url.path, f"http://{request.headers['host']}"
    site, mode = request.headers.get("sec-fetch-site", "none"), request.headers.get("sec-fetch-mode")
    from_elsewhere = site not in ("none", "same-origin")
    # A link on another page may lead here, if it leads the reader and not a part of that page.
    follows_link = path == "/" and mode == "navigate" and request.headers.get("sec-fetch-dest") == "document"
    if (from_elsewhere and not follows_link) or request.headers.get("origin", own) != own:
        return Response("Other web pages cannot read this account.\n", 403, HEADERS, "text/plain")
    expected, name = token(folder), _cookie_name(request)
    if path == "/" and "token" in request.query_params:
        if not _same(request.query_params["token"], expected):
            return Response(
                f"This link is not of this account, or no longer. {HOW_TO_OPEN}\n", 403, HEADERS, "text/plain"
            )
        if from_elsewhere:
            # A redirect would count as the other page's request, and go without the cookie.
            answer = Response(None, 200, HEADERS | {"Refresh": "0; url=/"}, "text/html")
        else:
            answer = RedirectResponse("/", 303, HEADERS)
        answer.set_cookie(name, expected, path="/", httponly=True, samesite="strict")
        return answer
    if not _same(request.cookies.get(name, ""), expected):
        return Response(f"{HOW_TO_OPEN}\n", 403, HEADERS, "text/plain")
    return None


def _same(received: str, expected: str) -> bool:
    return hmac.compare_digest(received.encode(errors="surrogateescape"), expected.encode())


def _cookie_name(request: Request) -> str:
    """Cookies know hosts and no ports: each account on this machine has a name of its own."""
    return f"local-aws-{request.headers['host'].rpartition(':')[2]}"
