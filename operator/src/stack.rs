//! A deployed stack, by what `CloudFormation` says of it.

use std::collections::BTreeMap;

use aws_config::SdkConfig;
use aws_sdk_cloudformation::error::ProvideErrorMetadata as _;

use crate::account;
use crate::cli::Target;
use crate::error::Error;

/// A stack and the account that it is in.
#[derive(Debug)]
pub(crate) struct Stack {
    name: String,
    outputs: BTreeMap<String, String>,
    is_termination_protected: bool,
    config: SdkConfig,
}

impl Stack {
    /// Looks the stack up.
    ///
    /// # Errors
    /// Where none is named, there is none, or it may not be asked about.
    pub(crate) async fn find(target: &Target) -> Result<Self, Error> {
        const ACTION: &str = "cloudformation:DescribeStacks";
        let Some(name) = target.stack.clone().filter(|name| !name.is_empty()) else {
            return Err(Error::Usage("which stack? Name it with --stack or in CONTACT_INJECTION_STACK".to_owned()));
        };
        let config = account::configuration(target).await?;
        let region = config.region().map(ToString::to_string).unwrap_or_default();
        let client = aws_sdk_cloudformation::Client::new(&config);
        let answer = client.describe_stacks().stack_name(&name).send().await;
        let answer = answer.map_err(|error| {
            let is_unknown = error.code() == Some("ValidationError");
            if is_unknown && error.message().is_some_and(|message| message.contains("does not exist")) {
                return Error::UnknownStack { stack: name.clone(), region: region.clone() };
            }
            Error::aws(ACTION, &format!("the stack {name:?}"), &error)
        })?;
        let stack = answer.stacks.unwrap_or_default().into_iter().next();
        let stack = stack.ok_or_else(|| Error::UnknownStack { stack: name.clone(), region })?;
        let is_termination_protected = stack.enable_termination_protection.unwrap_or_default();
        let outputs = stack.outputs.unwrap_or_default().into_iter();
        let outputs = outputs.filter_map(|output| output.output_key.zip(output.output_value)).collect();
        Ok(Self { name, outputs, is_termination_protected, config })
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Whether `CloudFormation` refuses to delete it.
    pub(crate) const fn is_termination_protected(&self) -> bool {
        self.is_termination_protected
    }

    /// An output that every stack of the template has.
    pub(crate) fn output(&self, output: &'static str) -> Result<&str, Error> {
        self.optional(output).ok_or_else(|| Error::NoOutput { stack: self.name.clone(), output })
    }

    /// An output that some have.
    pub(crate) fn optional(&self, output: &str) -> Option<&str> {
        self.outputs.get(output).map(String::as_str).filter(|value| !value.is_empty())
    }

    pub(crate) fn cloudformation(&self) -> aws_sdk_cloudformation::Client {
        aws_sdk_cloudformation::Client::new(&self.config)
    }

    pub(crate) fn sqs(&self) -> aws_sdk_sqs::Client {
        aws_sdk_sqs::Client::new(&self.config)
    }

    pub(crate) fn lambda(&self) -> aws_sdk_lambda::Client {
        aws_sdk_lambda::Client::new(&self.config)
    }

    pub(crate) fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        aws_sdk_dynamodb::Client::new(&self.config)
    }
}
