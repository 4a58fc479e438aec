//! What the tests of a tenant's requests are about: one contact, and a token that serves at one address.

use crate::domain::{
    attributes::AttributeValue,
    contact::Contact,
    time::Timestamp,
    token::{Endpoints, GrantedToken, Token},
};

/// Where discovery has found the API.
pub(super) const API: &str = "https://api-na1.niceincontact.com";

/// A contact with every field that a tenant takes, and these attributes.
pub(super) fn contact(attributes: &[(&str, AttributeValue)]) -> Contact {
    let text = |text: &str| text.to_owned();
    Contact {
        channel: None,
        from: text("+15550109876"),
        to: text("+15550201234"),
        callback_number: Some(text("+15550301234")),
        wrap_up_code: None,
        text: Some(text("hello")),
        attributes: attributes.iter().map(|(key, value)| (key.parse().unwrap(), value.clone())).collect(),
    }
}

/// A token that was had at the beginning of time.
pub(super) fn token() -> Token {
    let endpoints = Endpoints { token: None, api: Some(API.to_owned()) };
    let granted = GrantedToken { access_token: "t".into(), expires_in: None, endpoints };
    Token::obtained(granted, Timestamp::default())
}
