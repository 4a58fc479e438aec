//! Whether the function may ask for work items at all. No read tells that. So one is asked for, just as an event's is,
//! at a point of contact that no tenant has: CXone's refusal of that shows that the request was let through.

use tracing::info;

use super::{
    Doctor, Role,
    report::{Check, Findings},
    targets::has_work_item,
    token::Walk,
    told,
};
use crate::{
    dialects::{
        HttpReply, Submitted, Verdict,
        survey::{NOWHERE, Survey},
    },
    domain::{
        contact_result::{ContactResult, ErrorDetail, Refusal},
        idempotency::IdempotencyKey,
        routes::Encoding,
    },
    ports::{Environment, Ports},
    worker::Worker,
};

/// The check's name.
pub(super) const NAME: &str = "probe-write";

/// The source that the probe's key is made of. With a number that nobody has, the key is no event's.
const SOURCE: &str = "contact-injection doctor";

/// The status by which CXone refuses a point of contact.
const BAD_REQUEST: u16 = 400;

/// What came of the probe.
#[derive(Debug)]
struct Probed {
    result: ContactResult,
    status: Option<u16>,
}

impl<P: Ports> Doctor<'_, P> {
    /// Probes, where it is asked for and can be.
    pub(super) async fn probe(&self, worker: &Worker<'_, P>, walk: &Walk) -> Check {
        let survey = match (self.request.probe_write, self.role, self.ports.dialect().survey()) {
            (false, ..) => return Check::skipped(NAME, "it was not asked for"),
            (true, _, None) => {
                let words = "this API has no request that surely creates nothing: the first event shows it";
                return Check::skipped(NAME, words);
            }
            (true, Role::Reads, Some(_)) => {
                let words = "this function only reads, and its keys need no right to write: ask the inject function";
                return Check::skipped(NAME, words);
            }
            (true, Role::Writes(_), Some(_)) if !self.routes.iter().any(has_work_item) => {
                return Check::skipped(NAME, "no route makes work items, and they alone can be tried harmlessly");
            }
            (true, Role::Writes(_), Some(survey)) => survey,
        };
        if !walk.arrived() {
            return Check::skipped(NAME, "there is no token");
        }
        let environment = self.ports.environment();
        let key = IdempotencyKey::of_event(SOURCE, &environment.uuid().to_string());
        // If it is ever created, its script sees that it has expired.
        let event = Submitted { key, expires: Some(self.now()) };
        info!(%key, "a work item is asked for at a point of contact that can't be");
        let read = |reply: &HttpReply, _| {
            let Verdict { meaning: result, lesson } = survey.read_probe(reply);
            Verdict { meaning: Probed { result, status: reply.status() }, lesson }
        };
        let mut findings = Findings::new(NAME);
        match worker.question(|token| survey.probe(token, event), read).await {
            Ok(probed) => {
                findings.ok(&done(survey, key));
                judge(&probed, encoding(survey.encoding()), &mut findings);
            }
            Err(not_sent) => {
                findings.warn(&format!("nothing was sent ({}): ask again in a minute", not_sent.reason));
            }
        }
        findings.into_check()
    }
}

/// What was done.
fn done(survey: &dyn Survey, key: IdempotencyKey) -> String {
    let (version, encoding) = (told::code(survey.version()), encoding(survey.encoding()));
    format!("a work item with the key {key} was asked for at `{NOWHERE}`, by {version} and as {encoding}")
}

/// The encoding, as the routes file has it.
const fn encoding(encoding: Encoding) -> &'static str {
    match encoding {
        Encoding::Json => "json",
        Encoding::Query => "query",
        Encoding::Form => "form",
    }
}

fn judge(probed: &Probed, encoding: &str, findings: &mut Findings) {
    let answered = answered(probed.status);
    match &probed.result {
        ContactResult::Injected(contact) | ContactResult::Lost(contact) => {
            let contact = match contact.id.as_str() {
                "" => "whose id CXone doesn't tell (the key above is its workItemID)".to_owned(),
                id => format!("contact {}", told::contact(id)),
            };
            findings.fail(&format!(
                "{answered}: it may write, but a work item was created, {contact}, though there is no such point of \
                 contact: find it among the active contacts and end it there, and don't rely on fallbacks for a \
                 misspelt point of contact"
            ));
        }
        ContactResult::Refused { refusal, detail, .. } => {
            refused(*refusal, probed.status, &said(detail.as_ref()), encoding, findings);
        }
        ContactResult::InDoubt(_) => {
            let words = "whether it may write isn't known, nor for sure that nothing was created; ask again later, and";
            findings.warn(&format!("{answered}: {words} look for the key among the contacts if it persists"));
        }
    }
}

fn answered(status: Option<u16>) -> String {
    status.map_or_else(|| "no answer".to_owned(), |status| status.to_string())
}

fn refused(refusal: Refusal, status: Option<u16>, said: &str, encoding: &str, findings: &mut Findings) {
    let answered = answered(status);
    let not_known = "whether it may write isn't known, and nothing was created: ask again in a minute";
    match refusal {
        Refusal::UnknownQueue if status == Some(BAD_REQUEST) => findings.ok(&format!(
            "400: it may write, and the refusal is known by its words to be about the point of contact, so that \
             fallbacks work. If CXone couldn't read the encoding {encoding}, it may have said the same of a point of \
             contact that it didn't see: the first event shows it"
        )),
        Refusal::UnknownQueue => findings.fail(&format!(
            "{answered}: there is nothing at this address, and every event would go on to its next target until none \
             is left: does CXone serve this CxoneApiVersion, and is it the API?"
        )),
        Refusal::Payload if status == Some(BAD_REQUEST) => findings.warn(&format!(
            "400{said}: it may write, but the refusal has not the words \"point of contact\". Either \
             CXone can't read the encoding {encoding}, and dead-letters follow: try another workItemEncoding. Or it \
             words this otherwise by now, and a wrong point of contact is dead-lettered instead of falling back"
        )),
        Refusal::Payload => findings.fail(&format!(
            "{answered}{said}: the request's form is refused, and every event would be dead-lettered: try another \
             workItemEncoding than {encoding}, and look at CxoneApiVersion and any gateway on the way"
        )),
        Refusal::Forbidden => findings
            .fail("403: it may not write: give the right to create work items to the role of the access key's user"),
        Refusal::Unauthorized => {
            findings.fail("401: a new token is refused: is the API of the same tenant as the issuer?");
        }
        Refusal::KindSaturated | Refusal::Saturated => {
            let words = "the tenant is at its limit of work items or of requests";
            findings.warn(&format!("{answered}: {words}; {not_known}"));
        }
        Refusal::RateLimited => findings.warn(&format!("{answered}: too many requests; {not_known}")),
        Refusal::Unreachable => findings.warn(&format!("no connection; {not_known}")),
    }
}

/// The code of a refusal and those of our own parameters that it names.
fn said(detail: Option<&ErrorDetail>) -> String {
    let Some(detail) = detail else { return String::new() };
    let code = detail.code.as_ref().map(|code| told::code(&code.to_string()));
    let parts: Vec<_> = code.into_iter().chain(detail.fields.iter().cloned()).collect();
    format!(" ({})", parts.join(", "))
}
