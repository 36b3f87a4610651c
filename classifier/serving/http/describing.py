"""What there is to say of the models that are served."""

from __future__ import annotations

import dataclasses

from classifier.serving.http.explaining import cut_probabilities
from classifier.serving.http.service import Service
from classifier.serving.http.shelf import Shelved

__all__ = ["model_object", "models_object"]


def model_object(service: Service, chosen: Shelved) -> dict[str, object]:
    """Return what GET /v1/model answers."""
    model = chosen.model
    versions = model.info.get("versions")
    return {
        "name": chosen.name,
        "signature": model.signature,
        "hash": str(model.info.get("hash", "")),
        "mode": model.mode,
        "labels": list(model.labels),
        "cuts": cut_probabilities(model),
        "terms": len(model.vocabulary),
        "min_words": model.min_words,
        "min_coverage": model.min_coverage,
        "versions": dict(versions) if isinstance(versions, dict) else {},
        "card": chosen.card,
        "models": list(service.shelf.models),
        "feedback": service.feedback is not None,
        "limits": dataclasses.asdict(service.limits),
    }


def models_object(service: Service) -> dict[str, object]:
    """Return what GET /v1/models answers."""
    default = service.shelf.default
    return {
        "models": [
            {
                "name": each.name,
                "signature": each.model.signature,
                "labels": list(each.model.labels),
                "default": each is default,
            }
            for each in service.shelf.models.values()
        ]
    }
