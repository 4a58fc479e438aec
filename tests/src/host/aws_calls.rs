//! A request to AWS in the words of an IAM policy: its action, and what it is about as the request names it.

use std::collections::BTreeMap;

use axum::http::{HeaderMap, Method, Uri, header};
use serde_json::Value;

/// A call in the words of an IAM policy: its action, and the name of what it is about (a table, a queue's URL, a
/// secret). It is empty where the request names nothing that a policy knows.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Call {
    /// `dynamodb:PutItem`.
    pub action: String,
    /// As the request names it.
    pub resource: String,
}

impl Call {
    fn new(service: &str, name: &str, resource: impl Into<String>) -> Self {
        Self { action: format!("{service}:{name}"), resource: resource.into() }
    }
}

/// A request, as far as its call can be told from it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Request<'a> {
    pub(super) method: &'a Method,
    pub(super) uri: &'a Uri,
    pub(super) headers: &'a HeaderMap,
    pub(super) body: &'a [u8],
}

/// The calls that a request needs to be allowed: one, but for a batch of several tables. One that isn't known here is
/// named by its method and path, which no policy grants.
pub(super) fn calls(request: Request<'_>) -> Vec<Call> {
    let target = request.headers.get("x-amz-target").and_then(|target| target.to_str().ok());
    if let Some((service, name)) = target.and_then(|target| target.rsplit_once('.')) {
        return by_target(service, name, request.body);
    }
    let service = signed_for(request.headers);
    let call = match service {
        "lambda" => lambda(request),
        "s3" => s3(request),
        _ => by_form(service, request.body),
    };
    vec![call.unwrap_or_else(|| Call::new(service, &format!("{} {}", request.method, request.uri.path()), ""))]
}

/// The JSON protocols, `DynamoDB_20120810.PutItem`. Batches go by the permission of the single operation, but for
/// `DynamoDB`'s.
fn by_target(service: &str, name: &str, body: &[u8]) -> Vec<Call> {
    let (service, name) = match service.split('_').next().unwrap_or(service) {
        "AmazonSQS" => ("sqs".to_owned(), name.trim_end_matches("Batch")),
        service => (service.to_lowercase(), name),
    };
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    if let Some(statements) = body["Statements"].as_array() {
        return statements.iter().filter_map(|statement| by_statement(statement["Statement"].as_str()?)).collect();
    }
    let one = ["TableName", "QueueUrl", "SecretId", "SourceArn"].into_iter().find_map(|member| body[member].as_str());
    let several = body["RequestItems"].as_object().into_iter().flatten().map(|(table, _)| table.as_str());
    let named: Vec<_> = one.into_iter().chain(several).map(|resource| Call::new(&service, name, resource)).collect();
    if named.is_empty() { vec![Call::new(&service, name, "")] } else { named }
}

/// A statement of `PartiQL`, `INSERT INTO "ledger" VALUE …`, which is granted by its verb.
fn by_statement(statement: &str) -> Option<Call> {
    let table = statement.split('"').nth(1)?;
    let verb = match statement.split_whitespace().next()? {
        "INSERT" => "PartiQLInsert",
        "UPDATE" => "PartiQLUpdate",
        "DELETE" => "PartiQLDelete",
        _ => "PartiQLSelect",
    };
    Some(Call::new("dynamodb", verb, table))
}

/// The query protocol: a form with the operation and what it is about.
fn by_form(service: &str, body: &[u8]) -> Option<Call> {
    let form = pairs(std::str::from_utf8(body).ok()?);
    let about = ["StackName", "ChangeSetName"].into_iter().find_map(|member| form.get(member).cloned());
    Some(Call::new(service, form.get("Action")?, about.unwrap_or_default()))
}

fn lambda(request: Request<'_>) -> Option<Call> {
    let query = pairs(request.uri.query().unwrap_or_default());
    let path: Vec<_> = request.uri.path().split('/').filter(|part| !part.is_empty()).skip(1).map(decoded).collect();
    let path: Vec<_> = path.iter().map(String::as_str).collect();
    let (name, about) = match (request.method.as_str(), &path[..]) {
        ("POST", ["functions", function, "invocations"]) => ("InvokeFunction", (*function).to_owned()),
        ("GET", ["functions", function, "versions"]) => ("ListVersionsByFunction", (*function).to_owned()),
        ("GET", ["functions", function, "aliases", _]) => ("GetAlias", (*function).to_owned()),
        ("GET", ["functions", function, "aliases"]) => ("ListAliases", (*function).to_owned()),
        ("DELETE", ["functions", function]) => {
            let version = query.get("Qualifier").map(|version| format!(":{version}")).unwrap_or_default();
            ("DeleteFunction", format!("{function}{version}"))
        }
        ("GET", ["event-source-mappings"]) => ("ListEventSourceMappings", String::new()),
        ("PUT", ["event-source-mappings", mapping]) => ("UpdateEventSourceMapping", (*mapping).to_owned()),
        _ => return None,
    };
    Some(Call::new("lambda", name, about))
}

/// A bucket, or a bucket and a key, as the path has them.
fn s3(request: Request<'_>) -> Option<Call> {
    let query = pairs(request.uri.query().unwrap_or_default());
    let path = decoded(request.uri.path().trim_start_matches('/'));
    // `x-id` only repeats the operation's name.
    let options: Vec<_> = query.keys().map(String::as_str).filter(|name| *name != "x-id").collect();
    let name = match (request.method.as_str(), path.contains('/'), &options[..]) {
        ("PUT", true, [] | ["partNumber", "uploadId"]) | ("POST", true, ["uploads" | "uploadId"]) => "PutObject",
        ("GET" | "HEAD", true, []) => "GetObject",
        ("HEAD", false, []) => "ListBucket",
        ("GET", false, options) if options.contains(&"list-type") => "ListBucket",
        _ => return None,
    };
    Some(Call::new("s3", name, path))
}

/// The service that a request is signed for, by the scope of its credential:
/// `AWS4-HMAC-SHA256 Credential=KEY/20260101/eu-west-1/lambda/aws4_request, …`.
fn signed_for(headers: &HeaderMap) -> &str {
    let authorization = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let scope = authorization.split("Credential=").nth(1).unwrap_or_default();
    scope.split('/').nth(3).unwrap_or("unsigned")
}

/// The pairs of a form or a query.
fn pairs(text: &str) -> BTreeMap<String, String> {
    let pairs = text.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (decoded(name), decoded(value)))
        .collect()
}

/// Without the escapes of a URL. What is none stays as it is.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let escaped = (*first == b'%').then(|| after.get(..2)).flatten().and_then(|hex| std::str::from_utf8(hex).ok());
        let (byte, left) = match escaped.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => (byte, &after[2..]),
            None if *first == b'+' => (b' ', after),
            None => (*first, after),
        };
        bytes.push(byte);
        rest = left;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// `action resource` of what a request needs.
    fn named(method: &Method, uri: &str, headers: &[(&'static str, &str)], body: &str) -> Vec<String> {
        let mut all = HeaderMap::new();
        for (name, value) in headers {
            all.insert(*name, value.parse().unwrap());
        }
        let request = Request { method, uri: &uri.parse().unwrap(), headers: &all, body: body.as_bytes() };
        calls(request).into_iter().map(|call| format!("{} {}", call.action, call.resource)).collect()
    }

    fn scope(service: &str) -> String {
        format!("AWS4-HMAC-SHA256 Credential=test/20260101/eu-west-1/{service}/aws4_request, SignedHeaders=host")
    }

    #[test]
    fn a_call_is_named_as_a_policy_names_it() {
        let named = |target, body: Value| named(&Method::POST, "/", &[("x-amz-target", target)], &body.to_string());
        assert_eq!(named("DynamoDB_20120810.PutItem", json!({"TableName": "ledger"})), ["dynamodb:PutItem ledger"]);
        let statements = json!({"Statements": [{"Statement": "INSERT INTO \"ledger\" VALUE {'a':?}"}]});
        assert_eq!(named("DynamoDB_20120810.BatchExecuteStatement", statements), ["dynamodb:PartiQLInsert ledger"]);
        let several = json!({"RequestItems": {"clients": {}, "registry": {}}});
        let expected = ["dynamodb:BatchGetItem clients", "dynamodb:BatchGetItem registry"];
        assert_eq!(named("DynamoDB_20120810.BatchGetItem", several), expected);
        let queue = json!({"QueueUrl": "http://queue"});
        assert_eq!(named("AmazonSQS.SendMessage", queue.clone()), ["sqs:SendMessage http://queue"]);
        assert_eq!(
            named("AmazonSQS.ChangeMessageVisibilityBatch", queue),
            ["sqs:ChangeMessageVisibility http://queue"]
        );
        let secret = json!({"SecretId": "arn:secret"});
        assert_eq!(named("secretsmanager.GetSecretValue", secret), ["secretsmanager:GetSecretValue arn:secret"]);
        let task = json!({"TaskHandle": "opaque"});
        assert_eq!(named("AmazonSQS.CancelMessageMoveTask", task), ["sqs:CancelMessageMoveTask "]);
    }

    #[test]
    fn a_form_names_its_stack_and_its_service_signs() {
        let named = |body| named(&Method::POST, "/", &[("authorization", &scope("cloudformation"))], body);
        let form = "Action=DescribeStacks&Version=2010-05-15&StackName=arn%3Aaws%3Acloudformation";
        assert_eq!(named(form), ["cloudformation:DescribeStacks arn:aws:cloudformation"]);
        assert_eq!(named("Version=2010-05-15"), ["cloudformation:POST / "]);
    }

    #[test]
    fn a_path_names_a_function_a_mapping_or_an_object() {
        let at = |service: &str, method, uri| named(&method, uri, &[("authorization", &scope(service))], "");
        for (method, uri, expected) in [
            (Method::POST, "/2015-03-31/functions/inject/invocations", "InvokeFunction inject"),
            (Method::GET, "/2015-03-31/functions/inject/versions?MaxItems=50", "ListVersionsByFunction inject"),
            (Method::GET, "/2015-03-31/functions/inject/aliases/live", "GetAlias inject"),
            (Method::DELETE, "/2015-03-31/functions/inject?Qualifier=7", "DeleteFunction inject:7"),
            (Method::GET, "/2015-03-31/event-source-mappings?EventSourceArn=a", "ListEventSourceMappings "),
            (Method::PUT, "/2015-03-31/event-source-mappings/1-2", "UpdateEventSourceMapping 1-2"),
            (Method::PUT, "/2015-03-31/functions/inject/pigeon", "PUT /2015-03-31/functions/inject/pigeon "),
        ] {
            assert_eq!(at("lambda", method, uri), [format!("lambda:{expected}")]);
        }
        for (method, uri, expected) in [
            (Method::PUT, "/bucket/a%2Bb.template?x-id=PutObject", "PutObject bucket/a+b.template"),
            (Method::HEAD, "/bucket/a", "GetObject bucket/a"),
            (Method::GET, "/bucket?list-type=2&prefix=a", "ListBucket bucket"),
            (Method::GET, "/bucket/a?tagging", "GET /bucket/a "),
        ] {
            assert_eq!(at("s3", method, uri), [format!("s3:{expected}")]);
        }
    }

    #[test]
    fn what_is_not_signed_is_said_to_be_so() {
        assert_eq!(named(&Method::GET, "/", &[], ""), ["unsigned:GET / "]);
    }
}
