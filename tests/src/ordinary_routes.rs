//! Routes files of any size, of routes like a business's: what the budgets of start and memory are about.

use serde_json::{Value, json};

/// A routes file of so many routes, each for a type of event of its own, `com.example.kind-0` and so on, with three
/// targets and ten attributes that are registered where the upstream fixtures are.
pub fn ordinary_routes(count: usize) -> Value {
    json!({ "routes": (0..count).map(route).collect::<Vec<_>>() })
}

fn route(number: usize) -> Value {
    // Some hundred queues, each of which many routes lead to.
    let queue = |further: usize| format!("7f1c6f0e-0000-4000-8000-{:012}", number % 100 + further);
    json!({
        "name": format!("kind-{number}"),
        "match": { "type": format!("com.example.kind-{number}"), "source": "/crm/*" },
        "channel": "voice",
        "targets": [
            { "queueId": queue(1) },
            { "queueId": queue(2), "priorityDelta": -150 },
            { "skillIds": ["sk-billing"], "priorityDelta": -150 },
        ],
        "priority": {
            "default": 500,
            "rules": [{ "when": "$.customer[?@ == 'gold']", "value": 750 }],
            "degrade": { "by": 100, "floor": 50 },
        },
        "from": { "path": "$.customer.phone", "format": "e164" },
        "to": { "value": "+15550100200" },
        "callbackNumber": { "path": "$.customer.phone", "format": "e164" },
        "wrapUpCode": { "value": "INJECTED_CONTACT" },
        "maxAgeSeconds": 14_400,
        "attributes": {
            "string:externalSource": { "value": "CRM_ORDER_UPDATE" },
            "number:orderValue": { "path": "$.order.total", "coerce": true },
            "boolean:isPriorityCustomer": { "path": "$.customer.vip", "default": false },
            "string:tenantRefId": { "path": "$.order.ref", "required": true },
            "string:notes": { "path": "$.notes", "overflow": "truncate", "pii": "redact" },
            "string:taxNumber": { "path": "$.customer.ssn", "pii": "strip" },
            "date:promisedDate": { "path": "$.order.delivery.promised", "coerce": true },
            "string:shippingCarrier": { "path": format!("$.order.parcels[0].carrier{number}") },
            "string:shippingAddressCity": { "path": "$.order.shipping.address.city", "overflow": "truncate" },
            "number:daysLate": { "path": "$.order.delivery.daysLate", "default": 0 },
        },
        "flatten": { "path": "$.order.details", "prefix": "order", "unregistered": "drop" },
    })
}
