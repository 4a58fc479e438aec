//! The command line.

use clap::{Args, Parser};

use crate::commands::Command;

/// What follows the list of commands.
const AFTER: &str = "\
Credentials and region are found as the AWS CLI finds them: environment, profiles, aws login, single sign-on, credential_process.
Every command prints a table or words for a person, and one JSON document with --json; notes and errors go to standard error.
Exit codes: 0 done; 1 done, and it found problems; 2 wrong use, or a file that can't be read; 3 it could not be done.";

/// What an operator does with a deployed stack of contact injection.
#[derive(Debug, Parser)]
#[command(name = "contact-injection", version, after_help = AFTER, max_term_width = 100)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) target: Target,
    /// Print one JSON document.
    #[arg(long, global = true, help_heading = "Stack and output")]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Which stack, and by which account.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Stack and output")]
pub(crate) struct Target {
    /// The name of the deployed stack.
    #[arg(long, global = true, value_name = "NAME", env = "CONTACT_INJECTION_STACK", hide_env_values = true)]
    pub(crate) stack: Option<String>,
    /// A profile of the AWS configuration, before any credentials of the environment.
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) profile: Option<String>,
    /// The AWS region, before that of environment and profile.
    #[arg(long, global = true, value_name = "REGION")]
    pub(crate) region: Option<String>,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }
}
