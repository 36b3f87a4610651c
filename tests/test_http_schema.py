"""The service against its own OpenAPI document, asked by schemathesis."""

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import positive_data_acceptance

from classifier.service.app import create_app
from classifier.service.limits import ServiceSettings, Source
from tests.service import tiny_folder

ADDRESSES = {
    "/health/live": "GET",
    "/health/ready": "GET",
    "/metrics": "GET",
    "/v1/explain": "POST",
    "/v1/feedback": "POST",
    "/v1/model": "GET",
    "/v1/models": "GET",
    "/v1/predict": "POST",
    "/v1/read": "POST",
}

TAKING = ("/v1/explain", "/v1/feedback", "/v1/predict")
# the document does not say which labels and working points a model has, nor what bytes are a file
BEYOND_THE_DOCUMENT = {address: [positive_data_acceptance] for address in (*TAKING, "/v1/read")}


@pytest.fixture(scope="module")
def schema(tmp_path_factory):
    """Return the document of a service with the tiny model that takes corrections."""
    folder = tmp_path_factory.mktemp("model")
    chosen = ServiceSettings(
        (Source(tiny_folder(folder / "tiny")),), feedback=folder / "fixed.jsonl"
    )
    return schemathesis.openapi.from_asgi("/openapi.json", create_app(chosen))


def test_every_address_of_the_document_is_asked(schema):
    """None is left out below."""
    assert sorted(schema.keys()) == sorted(ADDRESSES)


@pytest.mark.parametrize(
    ("mode", "address"),
    [
        *((GenerationMode.POSITIVE, address) for address in ADDRESSES),
        # the others take nothing that could be wrong
        *((GenerationMode.NEGATIVE, address) for address in TAKING),
    ],
    ids=lambda value: getattr(value, "name", value),
)
def test_the_service_does_what_its_document_says(schema, address, mode):
    """Statuses, types and forms of all answers; what the document forbids is refused."""
    operation = schema[address][ADDRESSES[address]]

    @settings(max_examples=40, database=None,
              phases=[Phase.generate], suppress_health_check=list(HealthCheck))  # fmt: skip
    @given(operation.as_strategy(generation_mode=mode))
    def ask(case):
        case.call_and_validate(excluded_checks=BEYOND_THE_DOCUMENT.get(address, []))

    ask()
