"""Pages of the running work: each page begins after the last id of the one before, so inserts shift nothing."""

from __future__ import annotations

import base64
import binascii
import json
from bisect import bisect_right

from placement.errors import InputError
from placement.service.bodies import ListAnswer, ListBody
from placement.store import State

__all__ = ["page_of"]

_DEFAULT_SIZE = 100


def page_of(state: State, body: ListBody) -> ListAnswer:
    """One page of the running work. InputError for a token that did not come from here, or with another filter."""
    after = _after(body)
    names = sorted(name for name, one in state.running.items() if body.tenant in ("", one.workload.tenant))
    first = 0 if after is None else bisect_right(names, after)
    size = body.page_size or _DEFAULT_SIZE
    shown = names[first : first + size]
    more = first + size < len(names)
    return ListAnswer(
        running=tuple(state.running[name] for name in shown),
        next_page_token=_token(shown[-1], body.tenant) if more else "",
        state_version=state.version,
    )


def _token(after: str, tenant: str) -> str:
    return base64.urlsafe_b64encode(json.dumps([after, tenant]).encode()).decode()


def _after(body: ListBody) -> str | None:
    if not body.page_token:
        return None
    try:
        after, tenant = json.loads(base64.b64decode(body.page_token, altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, TypeError):
        after = tenant = None
    if not isinstance(after, str) or not isinstance(tenant, str):
        raise InputError("page_token", "this is no token of this server", "send next_page_token of the page before")
    if tenant != body.tenant:
        raise InputError("tenant", "the pages before had another filter", "keep the filter, or begin without a token")
    return after
