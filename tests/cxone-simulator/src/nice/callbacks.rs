//! Callbacks: never deduplicated, be it the same number at the same skill.

use serde_json::json;
use uuid::Uuid;

use super::config::CALLBACK;
use super::faults::{TextForm, said};
use super::record::{Creation, Kind};
use super::tenant::{Case, Tenant};
use super::violations::{Parameters, Refusal, Rule};
use crate::tenant::HttpAnswer;

const KNOWN: [&str; 14] = [
    "phoneNumber",
    "callerId",
    "callDelay",
    "skill",
    "targetAgent",
    "priorityManagement",
    "initialPriority",
    "acceleration",
    "maxPriority",
    "sequence",
    "zipTone",
    "screenPopSrc",
    "screenPopUrl",
    "timeout",
];
/// Those that may be numbers in JSON.
const NUMBERS: [&str; 7] =
    ["callDelay", "skill", "targetAgent", "initialPriority", "acceleration", "maxPriority", "timeout"];
/// The longest pause between the agent's call and the customer's, in seconds.
const CALL_DELAY_SECONDS: u64 = 59;
const UUID_LENGTH: usize = 36;

impl Tenant {
    pub(crate) fn callback(&mut self, case: &mut Case<'_>) -> Result<HttpAnswer, Refusal> {
        let parameters = self.posted(case.request, &KNOWN, &NUMBERS)?;
        let number = phone_number(&parameters)?.to_owned();
        parameters.mandatory("skill")?;
        let skill_id = parameters.number("skill")?;
        let priority = priority(&parameters)?;
        let url = screen_pop_url(&parameters)?;
        parameters.number_within("callDelay", 0..=CALL_DELAY_SECONDS)?;
        parameters.number_within("timeout", 1..=u64::MAX)?;
        parameters.number("targetAgent")?;
        let mut skills = self.config.skills.iter_mut().filter(|skill| skill.media_type_id == CALLBACK);
        let skill = skills.find(|skill| Some(skill.id) == skill_id);
        let unknown = || Refusal::of(Rule::UnknownSkill, 404, "not_found", "no such skill for callbacks");
        skill.ok_or_else(unknown)?.queue_count += 1;
        let creation = Creation {
            key: url.and_then(uuid_in).unwrap_or_default().to_owned(),
            skill_id,
            number: Some(number),
            priority,
            parameters: Some(parameters.to_json(&KNOWN)),
            ..self.blank(Kind::Callback, case)
        };
        let contact_id = self.created(case, creation);
        if self.config.callback_contact_id {
            return Ok(HttpAnswer::json(202, &json!({ "contactId": contact_id })));
        }
        Ok(said(202, None, None, TextForm::Json))
    }
}

/// `+` and country code, or national digits.
fn phone_number(parameters: &Parameters) -> Result<&str, Refusal> {
    let number = parameters.mandatory("phoneNumber")?;
    let (digits, lengths) = match number.strip_prefix('+') {
        Some(digits) => (digits, 8..=15),
        None => (number, 4..=15),
    };
    if digits.bytes().all(|digit| digit.is_ascii_digit()) && lengths.contains(&digits.len()) {
        return Ok(number);
    }
    Err(Refusal::bad(Rule::WrongParameter, "phoneNumber is no phone number"))
}

/// The initial priority. The three parameters of a priority are refused where they would be ignored.
fn priority(parameters: &Parameters) -> Result<Option<u64>, Refusal> {
    let management = parameters.word("priorityManagement", &["DefaultFromSkill", "Custom"])?;
    let initial = parameters.number_within("initialPriority", 0..=1000)?;
    parameters.number_within("maxPriority", 0..=1000)?;
    parameters.number("acceleration")?;
    for name in ["initialPriority", "acceleration", "maxPriority"] {
        if management != Some("Custom") && parameters.get(name).is_some() {
            let text = format!("{name} has no effect without priorityManagement Custom");
            return Err(Refusal::bad(Rule::WrongParameter, text));
        }
    }
    Ok(initial)
}

/// The address of the screen pop, refused where it would be ignored.
fn screen_pop_url(parameters: &Parameters) -> Result<Option<&str>, Refusal> {
    let source = parameters.word("screenPopSrc", &["DefaultFromSkill", "UseOnPageOpen", "Custom"])?;
    let url = parameters.get("screenPopUrl");
    if url.is_some() && source != Some("Custom") {
        let text = "screenPopUrl has no effect without screenPopSrc Custom";
        return Err(Refusal::bad(Rule::WrongParameter, text));
    }
    Ok(url)
}

/// The first UUID of a text.
fn uuid_in(text: &str) -> Option<&str> {
    let mut windows = (0..text.len()).filter_map(|start| text.get(start..start + UUID_LENGTH));
    windows.find(|window| Uuid::try_parse(window).is_ok())
}
