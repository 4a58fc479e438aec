//! The help of each command, word for word.

use super::stage::run;

#[tokio::test]
async fn the_help_of_each_command_is_as_it_is_known() {
    let commands = [
        "",
        "check",
        "dry-run",
        "status",
        "dead-letters",
        "redrive",
        "resolve",
        "doctor",
        "pause",
        "resume",
        "versions",
        "protect",
        "completions",
    ];
    for command in commands {
        let words: Vec<_> = [command, "--help"].into_iter().filter(|word| !word.is_empty()).collect();
        let help = run(&words).await;
        assert_eq!((help.code, help.err.as_str()), (Some(0), ""), "{command}");
        insta::assert_snapshot!(if command.is_empty() { "help" } else { command }, help.out);
    }
}

#[tokio::test]
async fn a_shell_gets_completions_of_every_command() {
    for shell in ["bash", "zsh", "fish"] {
        let script = run(&["completions", shell]).await;
        assert_eq!(script.code, Some(0));
        assert!(["dead-letters", "redrive", "resume"].iter().all(|command| script.out.contains(command)), "{shell}");
    }
}
