//! Why a command could not be done, in words that say what to do about it.

use std::io;

use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};
use contact_injection::error::chain;
use contact_injection::ports::StoreError;

/// Codes by which AWS's services refuse for want of a right.
const DENIED: [&str; 6] = [
    "AccessDenied",
    "AccessDeniedException",
    "AuthorizationError",
    "KmsAccessDenied",
    "KMS.AccessDeniedException",
    "UnauthorizedOperation",
];
/// Codes by which they refuse what comes too fast.
const THROTTLED: [&str; 6] = [
    "RequestThrottled",
    "Throttling",
    "ThrottlingException",
    "ThrottledException",
    "TooManyRequestsException",
    "ProvisionedThroughputExceededException",
];

/// Why it could not be done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The words of the command line make no command.
    #[error("{0}")]
    Usage(String),
    /// A file that can't be read, or not as what it should be.
    #[error("cannot read {path}: {why}")]
    Unreadable {
        /// Which.
        path: String,
        /// Why, naming its place where there is one.
        why: String,
    },
    /// Nobody said where.
    #[error("no region: name one with --region, in AWS_REGION, or in the profile")]
    NoRegion,
    /// There is no such stack.
    #[error("there is no stack {stack:?} in {region}; --stack, --region and --profile say where to look")]
    UnknownStack {
        /// Its name.
        stack: String,
        /// Where it was looked for.
        region: String,
    },
    /// The stack is none of this template, or of an older one.
    #[error("the stack {stack:?} has no output {output}: it isn't one of contact injection, or isn't deployed yet")]
    NoOutput {
        /// The stack.
        stack: String,
        /// What it lacks.
        output: &'static str,
    },
    /// A right is missing.
    #[error("missing permission: {action} on {resource} ({said})")]
    MissingPermission {
        /// The IAM action.
        action: &'static str,
        /// On what.
        resource: String,
        /// What AWS said.
        said: String,
    },
    /// AWS asked for patience, again and again.
    #[error("AWS goes on throttling {action} ({said}): try again in a minute")]
    Throttled {
        /// The IAM action.
        action: &'static str,
        /// What AWS said.
        said: String,
    },
    /// A call to AWS failed otherwise.
    #[error("{action} failed: {said}")]
    Aws {
        /// The IAM action.
        action: &'static str,
        /// What AWS, or the way to it, said.
        said: String,
    },
    /// The ledger, or the function, gave no answer that could be used.
    #[error("{0}")]
    NotDone(String),
    /// The system gives no runtime or no signals.
    #[error("cannot start: {0}")]
    Runtime(io::Error),
}

impl Error {
    /// The exit code: wrong use, or not done.
    pub(crate) const fn exit_code(&self) -> u8 {
        if matches!(self, Self::Usage(_) | Self::Unreadable { .. }) { 2 } else { 3 }
    }

    /// What a failed call means.
    pub(crate) fn aws<E>(action: &'static str, resource: &str, error: &SdkError<E>) -> Self
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        let SdkError::ServiceError(answer) = error else { return Self::Aws { action, said: chain(error) } };
        // An answer without a code is one that can't be read.
        let Some(code) = answer.err().code() else { return Self::Aws { action, said: chain(error) } };
        let message = answer.err().message().unwrap_or("no words");
        Self::of_answer(action, resource, code, format!("{code}: {message}"))
    }

    /// What a failed call of the ledger means.
    pub(crate) fn ledger(action: &'static str, table: &str, error: &StoreError) -> Self {
        let said = error.source.to_string();
        let code = said.split(':').next().unwrap_or_default().to_owned();
        Self::of_answer(action, table, &code, said)
    }

    fn of_answer(action: &'static str, resource: &str, code: &str, said: String) -> Self {
        if DENIED.contains(&code) {
            Self::MissingPermission { action, resource: resource.to_owned(), said }
        } else if THROTTLED.contains(&code) {
            Self::Throttled { action, said }
        } else {
            Self::Aws { action, said }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_right_is_named_by_its_action_and_a_throttled_one_asks_for_patience() {
        let of = |code: &str| Error::of_answer("sqs:ReceiveMessage", "the queue", code, format!("{code}: no"));
        assert_eq!(
            of("AccessDenied").to_string(),
            "missing permission: sqs:ReceiveMessage on the queue (AccessDenied: no)"
        );
        assert!(of("ThrottlingException").to_string().starts_with("AWS goes on throttling sqs:ReceiveMessage"));
        assert_eq!(of("InternalError").to_string(), "sqs:ReceiveMessage failed: InternalError: no");
    }

    #[test]
    fn wrong_use_and_what_could_not_be_done_have_codes_of_their_own() {
        assert_eq!(Error::Usage(String::new()).exit_code(), 2);
        assert_eq!(Error::NoRegion.exit_code(), 3);
    }
}
