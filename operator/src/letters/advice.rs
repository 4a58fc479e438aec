//! What to do about a dead letter: the runbook's words (docs/runbook.md#dead-letters).

use contact_injection::domain::reason::DeadLetterReason;

/// What to do about a letter with this reason, or with none.
pub(crate) const fn advice(reason: Option<DeadLetterReason>) -> &'static str {
    match reason {
        None => {
            "SQS itself gave up after MaxReceiveCount, with no reason. Look at the function's log, then redrive it."
        }
        Some(DeadLetterReason::MalformedEvent) => {
            "The body is no event: failureDetail names each rule that it breaks. Mend the upstream system and send it again; \
             a redrive ends here again."
        }
        Some(DeadLetterReason::NoRoute) => {
            "No route takes it. Add one, or mend its type or source upstream; then redrive it."
        }
        Some(DeadLetterReason::MappingFailed) => {
            "A value can't be made from the event. Change the route and redrive it, or send it corrected under its old id."
        }
        Some(DeadLetterReason::InvalidAttribute) => {
            "A value breaks a limit or the registered schema. Change the route or the schema and redrive it, or send it \
             corrected under its old id."
        }
        Some(DeadLetterReason::UnregisteredAttribute) => {
            "Register the attribute in CXone, or take it out of the route. Then run the sync, and redrive it."
        }
        Some(DeadLetterReason::UnknownQueue) => "No target's queue exists in CXone. Fix the route, and redrive it.",
        Some(DeadLetterReason::PayloadRejected) => {
            "CXone answered 400. failureDetail has its error code and the fields that it names, where it gives any. Send the \
             event's request by hand (a dry run shows it), or ask CXone."
        }
        Some(DeadLetterReason::ContactFailed) => {
            "CXone created the contact and lost it, at every target. Look at the queues' agents and skills; a redrive tries \
             all targets again."
        }
        Some(DeadLetterReason::Expired) => {
            "It was older than its route, its sender or the queue allows: failureDetail says which, and for what it waited. One \
             older than 44 days may have been injected before: look for its contact before you send it under a new id."
        }
        Some(DeadLetterReason::Conflict) => {
            "Two different events came under one identity, and the first may have reached CXone. Mend the upstream system; \
             send the right one under a new id."
        }
        Some(DeadLetterReason::OutcomeUnknown) => {
            "A request was never answered and can't be repeated. Look in CXone for a contact of it, then decide: \
             `contact-injection resolve KEY injected` or `… retry` (for the same data; corrected ones go under a new id), and \
             redrive it. Until then it stays parked, through any redrive."
        }
        Some(DeadLetterReason::CrashLoop) => {
            "It was there three times when a worker died. Look at the function's memory and its log at that time before you \
             redrive it."
        }
    }
}
