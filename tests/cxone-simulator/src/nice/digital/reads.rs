//! What of the digital channels can be read: messages, channels, the definitions of custom fields.

use serde_json::{Value, json};

use super::Message;
use super::settings::{Channel, CustomField, FieldKind};
use crate::nice::Rule;
use crate::nice::request::Request;
use crate::nice::tenant::{Case, Tenant};
use crate::nice::violations::{Parameters, Refusal};
use crate::tenant::HttpAnswer;

const ID_FILTER: &str = "idOnExternalPlatform[]";
const CHANNEL_FILTER: &str = "channel[]";

impl Tenant {
    /// The messages of these identifiers and channels, either of which may be any.
    pub(crate) fn messages(&self, request: &Request) -> Result<HttpAnswer, Refusal> {
        let (ids, channels) = filters(request)?;
        let agrees = |wanted: &[&str], value: &str| wanted.is_empty() || wanted.contains(&value);
        let asked_for =
            |message: &Message| agrees(&ids, &message.external_id) && agrees(&channels, &message.channel_id);
        let lag_ms = self.config.search_lag_seconds.saturating_mul(1000);
        let messages = self.conversations.messages.iter();
        let visible = messages.filter(|message| message.at_ms.saturating_add(lag_ms) <= self.now_ms);
        let hits = visible.filter(|message| self.config.search_ignores_filters || asked_for(message));
        let rows: Vec<&Value> = hits.map(|message| &message.shown).collect();
        let data = &rows[..rows.len().min(self.config.search_page)];
        Ok(HttpAnswer::json(200, &json!({ "hits": rows.len(), "data": data })))
    }

    pub(crate) fn channels(&self, request: &Request) -> Result<HttpAnswer, Refusal> {
        let parameters = Parameters::read(request.query.clone(), &["size", "page"])?;
        let count = |name| {
            let count = parameters.number_within(name, 1..=u64::MAX)?;
            Ok(count.map(|count| usize::try_from(count).unwrap_or(usize::MAX)))
        };
        let (size, page) = (count("size")?.unwrap_or(usize::MAX), count("page")?.unwrap_or(1));
        let channels = self.config.channels.iter().skip(size.saturating_mul(page - 1)).take(size);
        Ok(HttpAnswer::json(200, &channels.map(Channel::shown).collect()))
    }

    pub(crate) fn channel(&self, case: &Case<'_>) -> Result<HttpAnswer, Refusal> {
        Parameters::read(case.request.query.clone(), &[])?;
        Ok(HttpAnswer::json(200, &self.known_channel(case)?.shown()))
    }

    pub(crate) fn custom_fields(&self, request: &Request) -> Result<HttpAnswer, Refusal> {
        Parameters::read(request.query.clone(), &[])?;
        Ok(HttpAnswer::json(200, &self.config.custom_fields.iter().map(CustomField::shown).collect()))
    }

    /// The channel in the path.
    pub(crate) fn known_channel(&self, case: &Case<'_>) -> Result<&Channel, Refusal> {
        let id = case.route.id.as_deref().unwrap_or_default();
        let channel = self.config.channels.iter().find(|channel| channel.id == id);
        channel.ok_or_else(|| Refusal::new(404, "not_found", "no such channel"))
    }
}

impl Channel {
    fn shown(&self) -> Value {
        let platform = self.id.split('_').next().unwrap_or_default();
        json!({ "id": self.id, "name": self.name, "realExternalPlatformId": platform, "isPrivate": false })
    }
}

impl CustomField {
    fn shown(&self) -> Value {
        let mut shown = json!({
            "ident": self.ident,
            "label": self.label.as_ref().unwrap_or(&self.ident),
            "type": self.kind,
            "required": self.required,
            "isEditable": true,
        });
        if self.kind == FieldKind::List {
            shown["values"] = self.values.iter().map(|value| json!({ "name": value, "value": value })).collect();
        }
        shown
    }
}

/// The identifiers and the channels that a search asks for. Either filter may come any number of times.
fn filters(request: &Request) -> Result<(Vec<&str>, Vec<&str>), Refusal> {
    let (mut ids, mut channels) = (Vec::new(), Vec::new());
    for (name, value) in &request.query {
        let filter = match name {
            name if name.eq_ignore_ascii_case(ID_FILTER) => &mut ids,
            name if name.eq_ignore_ascii_case(CHANNEL_FILTER) => &mut channels,
            _ => return Err(Refusal::bad(Rule::UnknownParameter, format!("unknown parameter {name}"))),
        };
        if value.is_empty() {
            return Err(Refusal::bad(Rule::MissingParameter, format!("{name} is empty")));
        }
        filter.push(value.as_str());
    }
    Ok((ids, channels))
}
