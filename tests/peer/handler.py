"""The main job with Powertools for AWS Lambda: SQS batch in, CXone contacts out, idempotent by DynamoDB.

What `make bench` measures the functions against: the features that every such handler has (partial batch responses,
idempotency, a token kept in memory, a fallback queue, structured logs, metrics) and none that this project adds (rate
windows shared by environments, circuits, the registered schema, queue health, dead letters by reason, masking).
"""

import json
import os
import time
import uuid

import httpx
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities import parameters
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.idempotency import (
    DynamoDBPersistenceLayer,
    IdempotencyConfig,
    idempotent_function,
)
from aws_lambda_powertools.utilities.typing import LambdaContext

NAMESPACE = uuid.UUID("2fcff96a-1a86-41f2-a7cf-eef825f75371")
SCOPES = "routing:contacts:write routing:queues:read contacts:attributes:read"
QUEUES = (
    ("7f1c6f0e-0000-4000-8000-000000000001", 0),
    ("7f1c6f0e-0000-4000-8000-000000000003", -150),
)

logger = Logger(service="inject-contacts", level=os.environ.get("LOG_LEVEL", "INFO"))
metrics = Metrics(namespace="ContactInjection", service="inject-contacts")
processor = BatchProcessor(event_type=EventType.SQS)
persistence = DynamoDBPersistenceLayer(table_name=os.environ["LEDGER_TABLE"], key_attr="idempotencyKey")
idempotency = IdempotencyConfig(
    event_key_jmespath="[source, id]",
    raise_on_no_idempotency_key=True,
    expires_after_seconds=24 * 3600,
)
cxone = httpx.Client(base_url=os.environ["CXONE_BASE_URL"], timeout=10)
client = parameters.get_secret(os.environ["SECRET_ARN"], transform="json")["clients"][0]


class Token:
    """The access token of this environment, refreshed at nine tenths of its life."""

    def __init__(self) -> None:
        self.value = ""
        self.refresh_at = 0.0

    def get(self) -> str:
        if time.monotonic() >= self.refresh_at:
            answer = cxone.post(
                "/oauth/token",
                data={
                    "grant_type": "client_credentials",
                    "client_id": client["client_id"],
                    "client_secret": client["client_secret"],
                    "scope": SCOPES,
                },
            )
            body = answer.raise_for_status().json()
            self.value = body["access_token"]
            self.refresh_at = time.monotonic() + 0.9 * body.get("expires_in", 3600)
        return self.value

    def drop(self) -> None:
        self.refresh_at = 0.0


token = Token()


def contact(event: dict, queue_id: str, priority_delta: int) -> dict:
    data = event["data"]
    customer, order = data.get("customer", {}), data.get("order", {})
    priority = 750 if customer.get("tier") == "gold" else 500
    attributes = {
        "string:externalSource": "CRM_ORDER_UPDATE",
        "string:tenantRefId": order["ref"],
        "number:orderValue": float(order["total"]) if "total" in order else None,
        "boolean:isPriorityCustomer": bool(customer.get("vip", False)),
        "string:notes": data["notes"][:120] if "notes" in data else None,
    }
    return {
        "type": "contact",
        "queueId": queue_id,
        "channel": "voice",
        "from": customer["phone"],
        "to": "+15550100200",
        "callbackNumber": customer["phone"],
        "priority": max(0, min(999, priority + priority_delta)),
        "wrapUpCode": "INJECTED_CONTACT",
        "attributes": {key: value for key, value in attributes.items() if value is not None},
    }


def post(event: dict, body: dict) -> httpx.Response:
    key = uuid.uuid5(NAMESPACE, f"{event['source']}\x1f{event['id']}")
    for _ in range(2):
        answer = cxone.post(
            "/api/v2/routing/contacts",
            json=body,
            headers={"Authorization": f"Bearer {token.get()}", "X-Idempotency-Key": str(key)},
        )
        if answer.status_code != 401:
            break
        token.drop()
    return answer


@idempotent_function(data_keyword_argument="event", persistence_store=persistence, config=idempotency)
def inject(event: dict) -> dict:
    for queue_id, priority_delta in QUEUES:
        answer = post(event, contact(event, queue_id, priority_delta))
        if answer.status_code not in (404, 409):
            break
    created = answer.raise_for_status().json()
    metrics.add_metric(name="ContactsInjected", unit=MetricUnit.Count, value=1)
    return {"contactId": created["id"]}


def handle_record(record: SQSRecord) -> None:
    event = json.loads(record.body)
    result = inject(event=event)
    logger.info(
        "injected",
        extra={
            "event_id": event["id"],
            "event_source": event["source"],
            "message_id": record.message_id,
            "contact_id": result["contactId"],
        },
    )


@metrics.log_metrics
@logger.inject_lambda_context
def handler(event: dict, context: LambdaContext) -> dict:
    idempotency.register_lambda_context(context)
    return process_partial_response(event=event, record_handler=handle_record, processor=processor, context=context)
