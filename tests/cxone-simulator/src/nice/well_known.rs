//! Discovery, which needs no token.

use serde_json::json;

use super::config::ApiEndpoint;
use super::request::Request;
use super::tenant::Tenant;
use super::violations::{Parameters, Refusal};
use crate::tenant::HttpAnswer;

impl Tenant {
    pub(crate) fn openid_configuration(&self, request: &Request) -> Result<HttpAnswer, Refusal> {
        Parameters::read(request.query.clone(), &[])?;
        let base = self.base_url(request);
        let body = json!({
            "issuer": self.issuer(request),
            "authorization_endpoint": format!("{base}/auth/authorize"),
            "token_endpoint": format!("{base}/auth/token"),
            "token_endpoint_auth_methods_supported": ["client_secret_basic"],
            "response_types_supported": ["code"],
            "scopes_supported": ["openid"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
        });
        Ok(HttpAnswer::json(200, &body))
    }

    pub(crate) fn cxone_configuration(&self, request: &Request) -> Result<HttpAnswer, Refusal> {
        let parameters = Parameters::read(request.query.clone(), &["tenantId"])?;
        let tenant_id = self.config.tenant_id.to_string();
        if !parameters.mandatory("tenantId")?.eq_ignore_ascii_case(&tenant_id) {
            return Err(Refusal::new(404, "not_found", "no such tenant"));
        }
        let (base, area, domain) = (self.base_url(request), &self.config.area, &self.config.domain);
        let mut body = json!({
            "private": false,
            "tenantId": tenant_id,
            "area": area,
            "cluster": self.config.cluster,
            "domain": domain,
            "acdDomain": format!("{}.{domain}", self.config.cluster.to_ascii_lowercase()),
            "uhDomain": domain,
            "globaldomain": domain,
            "auth_endpoint": base,
            "ui_endpoint": format!("https://{area}.{domain}"),
            "api_endpoint": base,
        });
        match &self.config.api_endpoint {
            ApiEndpoint::Own => {}
            ApiEndpoint::Url(url) => body["api_endpoint"] = json!(url),
            ApiEndpoint::Absent => {
                body.as_object_mut().map(|members| members.remove("api_endpoint"));
            }
        }
        Ok(HttpAnswer::json(200, &body))
    }
}
