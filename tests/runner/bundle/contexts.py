"""The JSON-LD contexts that a crate names, as far as it uses them, for a validator without a network."""

from __future__ import annotations

import json
from pathlib import Path

_TYPES = "CreateAction CreativeWork Dataset Person PropertyValue SoftwareSourceCode"
_PROPERTIES = (
    "about actionStatus agent author codeRepository contentSize datePublished description encodingFormat"
    " endTime error hasPart instrument license mentions name object result startTime url value version"
)
_CRATE = {
    **{term: f"http://schema.org/{term}" for term in f"{_TYPES} {_PROPERTIES}".split()},
    "File": "http://schema.org/MediaObject",
    "conformsTo": "http://purl.org/dc/terms/conformsTo",
}
_RUN = {"environment": "https://w3id.org/ro/terms/workflow-run#environment"}
CONTEXTS = {
    "https://w3id.org/ro/crate/1.1/context": _CRATE,
    "https://w3id.org/ro/terms/workflow-run/context": _RUN,
}


def put(cache: Path) -> None:
    """Fill the validator's cache of answers, so that it asks nobody."""
    from requests import Request
    from requests.structures import CaseInsensitiveDict
    from requests_cache import CachedSession
    from requests_cache.models.request import CachedRequest
    from requests_cache.models.response import CachedResponse

    with CachedSession(str(cache), backend="sqlite", expire_after=-1) as session:
        for url, terms in CONTEXTS.items():
            request = Request("GET", url).prepare()
            answer = CachedResponse(
                status_code=200,
                url=url,
                headers=CaseInsensitiveDict({"Content-Type": "application/ld+json"}),
                content=json.dumps({"@context": terms}).encode(),
                request=CachedRequest.from_request(request),
            )
            session.cache.save_response(answer, session.cache.create_key(request))
