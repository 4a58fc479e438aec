//! What `sam deploy` asks of AWS itself.

use contact_injection_tests::host::{AwsRequests, Call};
use contact_injection_tests::iam::Ask;
use contact_injection_tests::local::{Deploy, Ministack};
use contact_injection_tests::template::Template;

use crate::deploy::package;

use super::files::Part;
use super::needs::Need;

const REGION: &str = "eu-west-1";
/// The stack of SAM's own bucket.
const BUCKET_STACK: &str = "aws-sam-cli-managed-default";

/// Records the deployments of a stack to an emulator: the first of all, one that changes something, and one that
/// doesn't.
pub(crate) async fn recorded(stack: &str) -> Vec<Need> {
    let folder = package();
    let emulator = Ministack::start().unwrap();
    let aws = AwsRequests::start(emulator.endpoint()).await.unwrap();
    let bus = "OutcomeBusArn=arn:aws:events:eu-west-1:000000000000:event-bus/outcomes";
    for parameters in [&[bus][..], &[bus, "RateLimit=240"], &[bus, "RateLimit=240"]] {
        let parameters = parameters.iter().map(|parameter| (*parameter).to_owned()).collect();
        let template = folder.path().join("template.yaml");
        Deploy { template, stack, region: REGION, parameters }.through(&aws.endpoint()).await.unwrap();
    }
    let mut needs: Vec<_> = aws.calls().into_iter().filter_map(need).collect();
    needs.extend(transforms().into_iter().map(|ask| Need { part: Part::Always, ask, by: "a transform".to_owned() }));
    needs
}

fn need(call: Call) -> Option<Need> {
    let resource = match call.action.split(':').next()? {
        // Whoever has credentials may ask whose they are.
        "sts" if call.action == "sts:GetCallerIdentity" => return None,
        "cloudformation" if call.resource.starts_with("arn:") => call.resource.clone(),
        // As CloudFormation itself says when it refuses.
        "cloudformation" => format!("arn:aws:cloudformation:{REGION}:000000000000:stack/{}/*", call.resource),
        "s3" => format!("arn:aws:s3:::{}", call.resource),
        _ => call.resource.clone(),
    };
    // Later deployments only look for the bucket.
    let is_bucket = resource.contains(BUCKET_STACK) && call.action.ends_with("ChangeSet");
    let part = if is_bucket { Part::Bucket } else { Part::Always };
    Some(Need { part, ask: Ask::new(call.action, resource), by: "sam deploy".to_owned() })
}

/// What a template with a transform needs beside its stack, which the emulator doesn't ask for: "not authorized to
/// perform: cloudformation:CreateChangeSet on resource: arn:aws:cloudformation:eu-west-1:aws:transform/…", as
/// <https://github.com/aws/serverless-application-model/issues/179> has it.
fn transforms() -> Vec<Ask> {
    let template = Template::read().unwrap();
    let transform = template.at("/Transform").unwrap();
    let one = transform.as_str().expect("one transform: another one needs a grant too");
    let name = one.strip_prefix("AWS::").unwrap();
    vec![Ask::new("cloudformation:CreateChangeSet", format!("arn:aws:cloudformation:{REGION}:aws:transform/{name}"))]
}
