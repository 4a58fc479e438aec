//! Where the routes of a run lead in a business unit: to work items alone in some runs, to every kind in the others.

use serde_json::{Value, json};

use crate::{chance::Chance, plan::Sent};

/// The tenant's points of contact, each with the skill that its script queues at.
pub(super) const POINTS: [(u64, &str, u64); 3] =
    [(101, "Orders", 4001), (102, "Billing & more", 4002), (103, "Desk", 4003)];

/// The skills that callbacks wait at.
pub(super) const CALLED: [u64; 2] = [4101, 4102];

/// The tenant's digital channels, each with the skill that its contacts wait at.
pub(super) const CHANNELS: [(&str, u64); 2] = [("chat_Orders", 4201), ("chat_Desk", 4202)];

/// What of a callback shows whose it is, and with which data: nothing else of the event goes out with one.
const SCREEN_POP: &str = "https://crm.example.com/e?key={key}&v={version}";

/// Routes of which, in some runs, what was maybe sent may be sent again.
const TICKET: &str = "ticket";

/// Every order of the three kinds.
const ORDERS: [[Kind; 3]; 6] = {
    use Kind::{Callback, Message, WorkItem};
    [
        [WorkItem, Callback, Message],
        [WorkItem, Message, Callback],
        [Callback, WorkItem, Message],
        [Callback, Message, WorkItem],
        [Message, WorkItem, Callback],
        [Message, Callback, WorkItem],
    ]
};

/// A kind of target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    WorkItem,
    Callback,
    Message,
}

/// Where the routes of a run lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Targets {
    /// To work items.
    WorkItems,
    /// To every kind: orders by this one of [`ORDERS`], tickets to targets of their own.
    Mixed { order: usize, ticket: Ticket },
}

/// The first target of tickets, and what becomes of a doubt there and at the second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ticket {
    /// A message that is parked, though it could be looked for.
    MessageParked,
    /// A callback that is sent again.
    CallbackResent,
    /// A work item that is sent again.
    WorkItemResent,
}

impl Targets {
    /// Draws where the routes of a run lead.
    pub(super) fn draw(chance: &Chance) -> Self {
        if chance.happens(0.35) {
            return Self::WorkItems;
        }
        let tickets = [Ticket::MessageParked, Ticket::CallbackResent, Ticket::WorkItemResent];
        Self::Mixed { order: chance.index(ORDERS.len()), ticket: tickets[chance.index(tickets.len())] }
    }

    /// Whether the event of these messages may be sent again though nobody knows what became of it.
    pub(crate) fn resends(self, messages: &[&Sent]) -> bool {
        let resends = !matches!(self, Self::Mixed { ticket: Ticket::MessageParked, .. });
        let ticket = format!("\"type\":\"{TICKET}\"");
        resends && messages.iter().any(|message| message.body.contains(&ticket))
    }

    /// Whether a doubt about a message is a person's at once, for the event of these messages.
    pub(crate) fn parks(self, messages: &[&Sent]) -> bool {
        let parks = matches!(self, Self::Mixed { ticket: Ticket::MessageParked, .. });
        let ticket = format!("\"type\":\"{TICKET}\"");
        parks && messages.iter().any(|message| message.body.contains(&ticket))
    }

    /// The routes file.
    pub(super) fn written(self, encoding: &str, room: u64) -> Value {
        let routes = match self {
            Self::WorkItems => to_work_items(room),
            Self::Mixed { order, ticket } => to_every_kind(ORDERS[order], ticket, room),
        };
        json!({"cxone": {"workItemEncoding": encoding}, "routes": routes})
    }
}

/// The same three routes as for the guide's API. The last one's script ends an item that it has seen.
fn to_work_items(room: u64) -> [Value; 3] {
    let item = |place, on_doubt| work_item(place, on_doubt, room);
    let order = route("order", &[item(0, "park"), lowered(item(1, "park"))], 500);
    let payment = aging(route("payment", &[item(1, "park"), item(2, "park")], 600));
    [order, payment, route(TICKET, &[item(2, "resend"), lowered(item(0, "resend"))], 400)]
}

/// Three routes through every kind of target.
fn to_every_kind(order: [Kind; 3], ticket: Ticket, room: u64) -> [Value; 3] {
    let of_kind = |kind| match kind {
        Kind::WorkItem => work_item(0, "park", room),
        Kind::Callback => callback(0, "park", room),
        Kind::Message => message(0, "lookUp", room),
    };
    let [first, second, third] = order.map(of_kind);
    let order = route("order", &[first, lowered(second), third], 500);
    let payment = aging(route("payment", &[message(1, "lookUp", room), callback(1, "park", room)], 600));
    let tickets = match ticket {
        Ticket::MessageParked => [message(1, "park", room), lowered(message(0, "park", room))],
        Ticket::CallbackResent => [callback(1, "resend", room), lowered(work_item(2, "resend", room))],
        Ticket::WorkItemResent => [work_item(2, "resend", room), lowered(callback(1, "resend", room))],
    };
    let mut routes = [order, payment, route(TICKET, &tickets, 400)];
    for route in &mut routes {
        route["callbackNumber"] = json!({"path": "$.from"});
    }
    routes
}

fn route(name: &str, targets: &[Value], priority: u16) -> Value {
    json!({
        "name": name, "match": {"type": name, "source": "/simulation/*"}, "targets": targets,
        "priority": {"default": priority, "degrade": {"by": 50, "floor": 50}},
        "from": {"path": "$.from"}, "to": {"value": "+15550201234"},
        "attributes": {
            "string:event": {"path": "$.event", "required": true},
            "number:version": {"path": "$.version", "required": true},
            "string:note": {"path": "$.note"},
        },
    })
}

fn aging(mut route: Value) -> Value {
    route["maxAgeSeconds"] = json!(7200);
    route
}

fn lowered(mut target: Value) -> Value {
    target["priorityDelta"] = json!(-50);
    target
}

fn work_item(place: usize, on_doubt: &str, room: u64) -> Value {
    let (id, name, skill) = POINTS[place];
    json!({"workItem": {
        "pointOfContact": format!("{id} - {name}"), "type": "event", "skillId": skill, "maxQueueCount": room,
        "onDoubt": on_doubt,
    }})
}

fn callback(place: usize, on_doubt: &str, room: u64) -> Value {
    json!({"callback": {
        "skillId": CALLED[place], "attributes": "drop", "screenPopUrl": SCREEN_POP, "maxQueueCount": room,
        "onDoubt": on_doubt,
    }})
}

fn message(place: usize, on_doubt: &str, room: u64) -> Value {
    let (channel, skill) = CHANNELS[place];
    json!({"digital": {
        "channelId": channel, "text": {"path": "$.note"}, "skillId": skill, "maxQueueCount": room, "onDoubt": on_doubt,
    }})
}

/// The skill behind a target, as the program names both.
pub(crate) fn skill_of(target: &str) -> Option<String> {
    let of_points = POINTS.iter().map(|(id, name, skill)| (format!("workItem:{id} - {name}"), *skill));
    let called = CALLED.iter().map(|skill| (format!("callback:{skill}"), *skill));
    let of_channels = CHANNELS.iter().map(|(channel, skill)| (format!("digital:{channel}"), *skill));
    let mut all = of_points.chain(called).chain(of_channels);
    all.find(|(named, _)| named == target).map(|(_, skill)| skill.to_string())
}

/// The skills, as the program names their queues.
pub(crate) fn skills() -> impl Iterator<Item = String> {
    let of_points = POINTS.iter().map(|(.., skill)| *skill);
    let of_channels = CHANNELS.iter().map(|(_, skill)| *skill);
    of_points.chain(CALLED).chain(of_channels).map(|skill| skill.to_string())
}
