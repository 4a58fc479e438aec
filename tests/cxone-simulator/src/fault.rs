//! Faults that a test orders: what goes wrong, at which endpoint, how often.

use serde::{Deserialize, Serialize};

use crate::tenant::{ContactStatus, Endpoint};

/// One thing that goes wrong at one endpoint: of the guide's face, or of another with endpoints and effects of its own.
///
/// Faults are tried in the order in which they were added. [`Effect::Delay`] and [`Effect::RevokeTokens`] combine with
/// what follows them; the first other effect to fire ends the search, and the faults behind it wait for later requests.
/// A fault is used up by a request's arrival, even where authentication or the rate window then answers first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Fault<P = Endpoint, E = Effect> {
    /// Where it strikes.
    pub endpoint: P,
    /// What goes wrong.
    pub effect: E,
    /// How often it strikes before it is gone; `None` (`null`) never ends. Once by default.
    #[serde(default = "once")]
    pub times: Option<u32>,
    /// Requests to that endpoint that it lets pass first.
    #[serde(default)]
    pub skip: u32,
    /// The chance, 0 to 1, that it strikes a request it could strike. 1 by default.
    #[serde(default = "certain")]
    pub probability: f64,
}

#[expect(clippy::unnecessary_wraps, reason = "the type of the field that it fills")]
fn once() -> Option<u32> {
    Some(1)
}

fn certain() -> f64 {
    1.0
}

impl<P, E> Fault<P, E> {
    /// Strikes the next request.
    pub fn once(endpoint: P, effect: E) -> Self {
        Self { endpoint, effect, times: Some(1), skip: 0, probability: 1.0 }
    }

    /// Strikes the next `times` requests.
    pub fn times(times: u32, endpoint: P, effect: E) -> Self {
        Self { times: Some(times), ..Self::once(endpoint, effect) }
    }

    /// Strikes every request until the faults are cleared.
    pub fn always(endpoint: P, effect: E) -> Self {
        Self { times: None, ..Self::once(endpoint, effect) }
    }

    /// Lets `requests` pass first.
    #[must_use]
    pub fn skipping(self, requests: u32) -> Self {
        Self { skip: requests, ..self }
    }

    /// Strikes with this chance only, 0 to 1, drawn from the tenant's seed.
    #[must_use]
    pub fn with_probability(self, probability: f64) -> Self {
        Self { probability, ..self }
    }
}

/// What goes wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum Effect {
    /// The request is processed on arrival and answered so much later, in real time.
    Delay {
        /// How much later.
        milliseconds: u64,
    },
    /// This status instead of the endpoint's own answer.
    Status {
        /// The HTTP status.
        status: u16,
        /// Seconds for `Retry-After`, in the form that the rate limit is configured with.
        #[serde(default)]
        retry_after_seconds: Option<u64>,
        /// Whether the request is processed all the same: a 503 whose contact exists.
        #[serde(default)]
        processed: bool,
    },
    /// This status with this body instead of the endpoint's own answer, nothing processed: words of CXone's or of a
    /// gateway before it.
    Words {
        /// The HTTP status.
        status: u16,
        /// The body, of whatever form.
        body: String,
    },
    /// A redirect, which a client of this API must not follow.
    Redirect {
        /// The HTTP status, such as 302 or 307.
        status: u16,
        /// The `Location`.
        location: String,
    },
    /// The connection is reset, nothing was processed.
    ResetBefore,
    /// The request is processed, then the connection is reset: the answer is lost.
    ResetAfter,
    /// No answer, nothing processed; the connection is reset after so long, in real time.
    HangBefore {
        /// How long.
        milliseconds: u64,
    },
    /// The request is processed and never answered; the connection is reset after so long, in real time.
    HangAfter {
        /// How long.
        milliseconds: u64,
    },
    /// The contact is created (201) and lost at once. Contacts endpoint only.
    Lost {
        /// Usually failed or abandoned.
        status: ContactStatus,
    },
    /// The request is processed and its successful answer can't be read.
    Malformed {
        /// In which way.
        body: MalformedBody,
    },
    /// Every token issued so far is revoked before the request is looked at.
    RevokeTokens,
}

impl Effect {
    /// A bare 503 with nothing processed.
    pub fn unavailable() -> Self {
        Self::status(503)
    }

    /// A bare status with nothing processed.
    pub fn status(status: u16) -> Self {
        Self::Status { status, retry_after_seconds: None, processed: false }
    }

    /// A 429 with `Retry-After`.
    pub fn rate_limited(retry_after_seconds: u64) -> Self {
        Self::Status { status: 429, retry_after_seconds: Some(retry_after_seconds), processed: false }
    }
}

/// A successful answer that can't be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MalformedBody {
    /// An HTML page.
    Html,
    /// JSON without the one member that matters: `id` or `access_token` or the list of attributes.
    WithoutId,
    /// JSON that ends halfway, under a `Content-Length` that agrees.
    TruncatedJson,
    /// Nothing at all.
    Empty,
}

/// What an effect adds to a request that another effect may strike as well.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Addition {
    Delay { milliseconds: u64 },
    RevokeTokens,
}

/// The effects of a face, told apart by whether they combine.
pub(crate) trait Combining {
    /// What it adds, where it combines with what follows; `None` where it ends the search.
    fn addition(&self) -> Option<Addition>;
}

impl Combining for Effect {
    fn addition(&self) -> Option<Addition> {
        match self {
            Self::Delay { milliseconds } => Some(Addition::Delay { milliseconds: *milliseconds }),
            Self::RevokeTokens => Some(Addition::RevokeTokens),
            _ => None,
        }
    }
}

/// What was drawn for one request.
#[derive(Debug)]
pub(crate) struct Draw<E> {
    pub(crate) delay_ms: u64,
    pub(crate) revoke_tokens: bool,
    pub(crate) effect: Option<E>,
}

/// The faults that a tenant still has to show.
#[derive(Debug, Clone)]
pub(crate) struct Faults<P = Endpoint, E = Effect>(Vec<Fault<P, E>>);

impl<P: Copy + PartialEq, E: Clone + Combining> Faults<P, E> {
    pub(crate) fn new(faults: Vec<Fault<P, E>>) -> Self {
        Self(faults)
    }

    pub(crate) fn add(&mut self, fault: Fault<P, E>) {
        self.0.push(fault);
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    pub(crate) fn pending(&self) -> &[Fault<P, E>] {
        &self.0
    }

    /// Takes what strikes a request to `endpoint` now; `sample` gives a uniform number from 0 to 1.
    pub(crate) fn draw(&mut self, endpoint: P, sample: impl FnMut() -> f64) -> Draw<E> {
        self.draw_among(endpoint, |_| true, sample)
    }

    /// Likewise, and passes over the effects that can't strike this request.
    pub(crate) fn draw_among(
        &mut self,
        endpoint: P,
        can_strike: impl Fn(&E) -> bool,
        mut sample: impl FnMut() -> f64,
    ) -> Draw<E> {
        let mut draw = Draw { delay_ms: 0, revoke_tokens: false, effect: None };
        let here = self.0.iter_mut().filter(|fault| fault.endpoint == endpoint && fault.times != Some(0));
        for fault in here.filter(|fault| can_strike(&fault.effect)) {
            if fault.skip > 0 {
                fault.skip -= 1;
                continue;
            }
            if fault.probability < 1.0 && sample() >= fault.probability {
                continue;
            }
            fault.times = fault.times.map(|left| left - 1);
            match fault.effect.addition() {
                Some(Addition::Delay { milliseconds }) => draw.delay_ms = draw.delay_ms.saturating_add(milliseconds),
                Some(Addition::RevokeTokens) => draw.revoke_tokens = true,
                None => {
                    draw.effect = Some(fault.effect.clone());
                    break;
                }
            }
        }
        self.0.retain(|fault| fault.times != Some(0));
        draw
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(faults: &mut Faults) -> Option<Effect> {
        faults.draw(Endpoint::Contacts, || 0.5).effect
    }

    #[test]
    fn faults_strike_in_order_and_are_then_gone() {
        let mut faults = Faults::new(vec![
            Fault::times(2, Endpoint::Contacts, Effect::status(500)),
            Fault::once(Endpoint::Contacts, Effect::ResetAfter),
        ]);
        assert_eq!(drawn(&mut faults), Some(Effect::status(500)));
        assert_eq!(drawn(&mut faults), Some(Effect::status(500)));
        assert_eq!(drawn(&mut faults), Some(Effect::ResetAfter));
        assert_eq!(drawn(&mut faults), None);
        assert!(faults.pending().is_empty());
    }

    #[test]
    fn a_fault_strikes_only_its_own_endpoint() {
        let mut faults = Faults::new(vec![Fault::always(Endpoint::Token, Effect::unavailable())]);
        assert_eq!(drawn(&mut faults), None);
    }

    #[test]
    fn a_delay_combines_with_the_fault_behind_it() {
        let mut faults = Faults::new(vec![
            Fault::always(Endpoint::Contacts, Effect::Delay { milliseconds: 20 }),
            Fault::once(Endpoint::Contacts, Effect::unavailable()).skipping(1),
        ]);
        assert_eq!(drawn(&mut faults), None);
        let draw = faults.draw(Endpoint::Contacts, || 0.5);
        assert_eq!((draw.delay_ms, draw.effect), (20, Some(Effect::unavailable())));
    }

    #[test]
    fn a_probable_fault_strikes_below_its_chance() {
        let mut faults =
            Faults::new(vec![Fault::always(Endpoint::Contacts, Effect::ResetBefore).with_probability(0.3)]);
        assert_eq!(faults.draw(Endpoint::Contacts, || 0.3).effect, None);
        assert_eq!(faults.draw(Endpoint::Contacts, || 0.29).effect, Some(Effect::ResetBefore));
    }

    #[test]
    fn a_fault_reads_from_json_and_strikes_once_unless_told_otherwise() {
        let fault: Fault = serde_json::from_str(
            r#"{"endpoint":"contacts","effect":{"type":"status","status":503,"retryAfterSeconds":2}}"#,
        )
        .unwrap();
        assert_eq!(fault.times, Some(1));
        let endless: Fault =
            serde_json::from_str(r#"{"endpoint":"token","effect":{"type":"reset-before"},"times":null}"#).unwrap();
        assert_eq!(endless, Fault::always(Endpoint::Token, Effect::ResetBefore));
    }
}
