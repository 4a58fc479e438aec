//! Where a tenant's credentials, tokens and contacts may go.
//!
//! Discovery says where to go, and whoever can answer in its stead would be handed everything. So what it says is taken
//! only where it is one of CXone's own hosts, or where an operator has said so.

use std::net::IpAddr;

use url::{Host, Origin, Url};

/// The domains that CXone's hosts are under.
const DOMAINS: [&str; 4] = ["niceincontact.com", "nice-incontact.com", "nicecxone.com", "nicecxone-gov.com"];

/// A text that is no URL with a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is not a URL with a host")]
pub struct NotAnOrigin;

/// Where a tenant's credentials may go.
#[derive(Clone, Debug)]
pub struct Hosts {
    /// Origins that an operator named.
    named: Vec<Origin>,
}

impl Hosts {
    /// CXone's own hosts, the operator's base URL, and an issuer on this machine.
    ///
    /// # Errors
    /// [`NotAnOrigin`] where a URL can't be read.
    pub fn new(issuer: &str, base: Option<&str>) -> Result<Self, NotAnOrigin> {
        let issuer = read(issuer)?;
        let local = is_loopback(&issuer).then(|| issuer.origin());
        let base = base.map(read).transpose()?.map(|base| base.origin());
        Ok(Self { named: local.into_iter().chain(base).collect() })
    }

    /// Whether what is secret may go to this URL.
    pub fn allow(&self, url: &str) -> bool {
        let Ok(url) = read(url) else { return false };
        let bare =
            url.username().is_empty() && url.password().is_none() && url.query().is_none() && url.fragment().is_none();
        bare && (self.named.contains(&url.origin()) || is_cxones(&url))
    }

    /// Whether discovery may be asked at this issuer: anything secret goes only where [`Self::allow`] says, so that
    /// another issuer than CXone's needs a base URL beside it.
    pub fn allow_issuer(&self, issuer: &str) -> bool {
        self.allow(issuer) || (!self.named.is_empty() && read(issuer).is_ok_and(|url| url.scheme() == "https"))
    }
}

fn read(text: &str) -> Result<Url, NotAnOrigin> {
    Url::parse(text).ok().filter(Url::has_host).ok_or(NotAnOrigin)
}

fn is_cxones(url: &Url) -> bool {
    let Some(Host::Domain(host)) = url.host() else { return false };
    let under = |domain: &&str| host.strip_suffix(*domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
    url.scheme() == "https" && DOMAINS.iter().any(under)
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(domain)) => domain == "localhost",
        Some(Host::Ipv4(address)) => IpAddr::from(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::from(address).is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ISSUER: &str = "https://cxone.niceincontact.com";

    #[test]
    fn only_cxones_own_hosts_are_allowed_and_only_encrypted() {
        let hosts = Hosts::new(ISSUER, None).unwrap();
        for allowed in [
            ISSUER,
            "https://api-na1.niceincontact.com/path",
            "https://na1.nice-incontact.com/authentication/v1/token/access-key",
            "https://api.nicecxone.com",
            "https://NICECXONE-GOV.com:8443",
        ] {
            assert!(hosts.allow(allowed), "{allowed}");
        }
        for foreign in [
            "http://api-na1.niceincontact.com",
            "https://niceincontact.com.example.org",
            "https://evilniceincontact.com",
            "https://example.com/niceincontact.com",
            "https://api.nicecxone.com@example.com",
            "https://user@api.nicecxone.com",
            "https://api.nicecxone.com/?x=1",
            "https://api.nicecxone.com/#x",
            "https://127.0.0.1",
            "http://localhost:1",
            "ftp://api.nicecxone.com",
            "api.nicecxone.com",
            "",
        ] {
            assert!(!hosts.allow(foreign), "{foreign}");
        }
    }

    #[test]
    fn an_operators_base_url_is_allowed_by_its_whole_origin() {
        let hosts = Hosts::new(ISSUER, Some("https://gateway.example.com:8443/cx")).unwrap();
        assert!(hosts.allow("https://gateway.example.com:8443/other"));
        for other in ["https://gateway.example.com", "http://gateway.example.com:8443", "https://example.com:8443"] {
            assert!(!hosts.allow(other), "{other}");
        }
    }

    #[test]
    fn an_issuer_on_this_machine_is_allowed_and_another_foreign_one_needs_a_base_url() {
        let local = Hosts::new("http://127.0.0.1:9", None).unwrap();
        assert!(local.allow("http://127.0.0.1:9/auth/token") && !local.allow("http://127.0.0.1:10/auth/token"));
        assert!(local.allow_issuer("http://127.0.0.1:9"));
        let foreign = "https://login.example.com";
        assert!(!Hosts::new(foreign, None).unwrap().allow_issuer(foreign));
        let based = Hosts::new(foreign, Some("https://api.nicecxone.com")).unwrap();
        assert!(based.allow_issuer(foreign) && !based.allow(foreign), "it is asked, and told nothing");
        assert!(!based.allow_issuer("http://login.example.com"));
        assert_eq!(Hosts::new("mailto:a@b", None).unwrap_err(), NotAnOrigin);
    }
}
