//! One client of the secret: an access key, and what it is presented through (docs/real-tenant.md#secret).

use secrecy::SecretString;
use serde_json::{Map, Value};

use super::Hosts;
use crate::{
    dialects::{ClientProblem, text_member},
    domain::credentials::{AccessKey, Credentials, KeyClient},
};

pub(super) fn read(client: &Map<String, Value>, hosts: &Hosts) -> Result<Credentials, ClientProblem> {
    let required = |name| text_member(client, name)?.ok_or(ClientProblem::Missing(name));
    let id = required("access_key_id")?;
    let secret = SecretString::from(required("access_key_secret")?);
    let pair = (text_member(client, "client_id")?, text_member(client, "client_secret")?);
    let through = match (pair, text_member(client, "token_endpoint")?) {
        ((Some(id), Some(secret)), None) => KeyClient::Client(id.to_owned(), SecretString::from(secret)),
        ((Some(_), Some(_)), Some(_)) => return Err(ClientProblem::TwoWays),
        ((Some(_), None), _) => return Err(ClientProblem::Missing("client_secret")),
        ((None, Some(_)), _) => return Err(ClientProblem::Missing("client_id")),
        ((None, None), None) => return Err(ClientProblem::Missing("client_id and client_secret, or token_endpoint")),
        ((None, None), Some(url)) if !hosts.allow(url) => return Err(ClientProblem::ForeignEndpoint),
        ((None, None), Some(url)) => KeyClient::TokenEndpoint(url.to_owned()),
    };
    Ok(Credentials::access_key(id, AccessKey { secret, through }))
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;
    use serde_json::json;

    use super::*;
    use crate::domain::credentials::GrantType;

    fn read(client: &Value) -> Result<Credentials, ClientProblem> {
        let hosts = Hosts::new("https://cxone.niceincontact.com", None).unwrap();
        super::read(client.as_object().unwrap(), &hosts)
    }

    #[test]
    fn an_access_key_comes_with_a_client_or_with_the_url_that_takes_it_alone() {
        let mut client =
            json!({"access_key_id": "A", "access_key_secret": "k", "client_id": "c", "client_secret": "s"});
        let credentials = read(&client).unwrap();
        let GrantType::AccessKey(key) = &credentials.grant else { panic!("{credentials:?}") };
        assert_eq!((credentials.client_id.as_str(), key.secret.expose_secret()), ("A", "k"));
        assert!(matches!(&key.through, KeyClient::Client(id, secret) if id == "c" && secret.expose_secret() == "s"));
        for gone in ["client_id", "client_secret"] {
            client.as_object_mut().unwrap().remove(gone);
        }
        let endpoint = "https://na1.nice-incontact.com/authentication/v1/token/access-key";
        client["token_endpoint"] = json!(endpoint);
        let GrantType::AccessKey(key) = read(&client).unwrap().grant else { panic!("an access key") };
        assert!(matches!(&key.through, KeyClient::TokenEndpoint(url) if url == endpoint));
    }

    #[test]
    fn what_is_missing_or_one_too_many_is_named() {
        let whole = json!({"access_key_id": "A", "access_key_secret": "k", "client_id": "c", "client_secret": "s"});
        let with = |name: &str, value: Value| {
            let mut client = whole.clone();
            client[name] = value;
            read(&client).unwrap_err()
        };
        let without = |names: &[&str]| {
            let mut client = whole.clone();
            client.as_object_mut().unwrap().retain(|name, _| !names.contains(&name.as_str()));
            read(&client).unwrap_err()
        };
        for name in ["access_key_id", "access_key_secret", "client_id", "client_secret"] {
            assert_eq!(without(&[name]), ClientProblem::Missing(name));
            assert_eq!(with(name, json!("")), ClientProblem::Empty(name));
            assert_eq!(with(name, json!(7)), ClientProblem::NotText(name));
        }
        assert!(without(&["client_id", "client_secret"]).to_string().contains("token_endpoint"));
        assert_eq!(with("token_endpoint", json!("https://api.nicecxone.com")), ClientProblem::TwoWays);
        let key = json!({"access_key_id": "A", "access_key_secret": "k", "token_endpoint": "https://example.com"});
        assert_eq!(read(&key).unwrap_err(), ClientProblem::ForeignEndpoint);
    }
}
