//! What a command says when it can't be done: where, which right, and what to do.

use std::time::{Duration, Instant};

use contact_injection::domain::idempotency::IdempotencyKey;
use contact_injection_tests::local::{ACCESS_KEY, REGION};
use serde_json::json;

use super::stage::{Letter, Stage, program, ran, run};

#[tokio::test]
async fn an_unknown_stack_is_named_with_where_it_was_looked_for() {
    for command in [&["dead-letters"][..], &["redrive"], &["pause"], &["status", "/crm", "1"]] {
        let ran = run(&[&["--stack", "nowhere"], command].concat()).await;
        assert_eq!((ran.code, ran.out.as_str()), (Some(3), ""));
        let said =
            format!("there is no stack \"nowhere\" in {REGION}; --stack, --region and --profile say where to look\n");
        assert!(ran.err.ends_with(&said), "{ran:?}");
    }
}

#[tokio::test]
async fn wrong_use_ends_with_2_and_says_what_is_right() {
    let cases: [(&[&str], &str); 9] = [
        (&["dead-letters"], "which stack? Name it with --stack or in CONTACT_INJECTION_STACK"),
        (&["dead-leters"], "a similar subcommand exists: 'dead-letters'"),
        (&["redrive", "--rat", "3"], "a similar argument exists: '--rate'"),
        (&["redrive", "--rate", "501"], "501 is not in 1..=500"),
        (&["dead-letters", "--reason", "no-rout"], "a similar value exists: 'no-route'"),
        (&["dead-letters", "--show", "no-key"], "an idempotency key is a UUID"),
        (&["resolve", "a2557f4f-de63-5abf-938e-b777f7427914", "injcted"], "a similar value exists: 'injected'"),
        (&["status", "/crm"], "<ID>"),
        (&["--stack", "s", "dry-run", "/no/such/file"], "cannot read /no/such/file: No such file"),
    ];
    for (words, said) in cases {
        let ran = run(words).await;
        assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""), "{words:?}: {ran:?}");
        assert!(ran.err.contains(said), "{words:?}: {}", ran.err);
    }
}

#[tokio::test]
async fn a_stack_of_something_else_is_said_to_be_one() {
    let stage = Stage::new("something-else").await;
    let ran = stage.run(&["status", "/crm", "1"]).await;
    assert_eq!(ran.code, Some(3));
    assert!(ran.err.contains("the stack \"something-else\" has no output InjectFunctionName"), "{ran:?}");
}

#[tokio::test]
async fn no_region_and_no_credentials_are_told_as_such() {
    let without = |name: &str| {
        let mut command = program(&["--stack", "s", "pause"]);
        command.env_remove(name).env("AWS_EC2_METADATA_DISABLED", "true");
        command
    };
    let ran_without_region = ran(without("AWS_REGION").output().await.unwrap());
    assert_eq!(ran_without_region.code, Some(3));
    assert!(ran_without_region.err.contains("no region: name one with --region"), "{ran_without_region:?}");
    let ran_without_key = ran(without("AWS_ACCESS_KEY_ID").output().await.unwrap());
    assert_eq!(ran_without_key.code, Some(3));
    assert!(ran_without_key.err.contains("credentials"), "{ran_without_key:?}");
}

#[tokio::test]
async fn a_profile_that_is_named_comes_before_credentials_of_the_environment_and_may_ask_a_process() {
    let stage = Stage::new("profiled").await;
    let folder = tempfile::tempdir().unwrap();
    let asked = folder.path().join("asked");
    let script = folder.path().join("credentials.sh");
    let json = r#"{"Version": 1, "AccessKeyId": "test", "SecretAccessKey": "test"}"#;
    std::fs::write(&script, format!("echo asked > {}\necho '{json}'\n", asked.display())).unwrap();
    let config = folder.path().join("config");
    let profile = format!("[profile on-call]\nregion = {REGION}\ncredential_process = sh {}\n", script.display());
    std::fs::write(&config, profile).unwrap();
    let mut command = stage.command(&["--profile", "on-call", "dead-letters"]);
    command.env("AWS_CONFIG_FILE", &config).env_remove("AWS_REGION").env("PATH", "/usr/bin:/bin");
    let listed = ran(command.output().await.unwrap());
    assert_eq!(listed.code, Some(0), "{listed:?}");
    assert!(asked.exists(), "the process was asked, whatever the environment holds");
}

#[tokio::test]
async fn a_session_of_aws_login_serves_as_it_serves_the_aws_cli() {
    const SESSION: &str = "arn:aws:iam::000000000000:user/on-call";
    // The SHA-256 of the session's name, as the AWS CLI names its file.
    const CACHED: &str = "578840054ad6cad1420c680b9ab833ad32f6bee5d2f126d5bc616f809af35149.json";
    let stage = Stage::new("logged-in").await;
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("config");
    std::fs::write(&config, format!("[profile on-call]\nregion = {REGION}\nlogin_session = {SESSION}\n")).unwrap();
    let listing = async || {
        let mut command = stage.command(&["--profile", "on-call", "dead-letters"]);
        command.env("AWS_CONFIG_FILE", &config).env("AWS_LOGIN_CACHE_DIRECTORY", folder.path());
        for name in ["AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"] {
            command.env_remove(name);
        }
        ran(command.output().await.unwrap())
    };
    let logged_out = listing().await;
    assert_eq!(logged_out.code, Some(3), "{logged_out:?}");
    assert!(logged_out.err.contains(CACHED), "{logged_out:?}");

    let token = json!({
        "accessToken": {
            "accessKeyId": ACCESS_KEY, "secretAccessKey": ACCESS_KEY, "sessionToken": ACCESS_KEY,
            "accountId": "000000000000", "expiresAt": "2999-01-01T00:00:00Z",
        },
        "tokenType": "aws_sigv4", "refreshToken": "none", "clientId": "none", "dpopKey": "none",
    });
    std::fs::write(folder.path().join(CACHED), token.to_string()).unwrap();
    let logged_in = listing().await;
    assert_eq!(logged_in.code, Some(0), "{logged_in:?}");
}

#[tokio::test]
async fn a_key_that_is_not_parked_has_nothing_to_resolve() {
    let stage = Stage::new("unparked").await;
    let key = IdempotencyKey::of_event("/crm", "1").to_string();
    let ran = stage.run(&["resolve", &key, "retry"]).await;
    assert_eq!((ran.code, ran.out.as_str()), (Some(1), "nothing to resolve: the event is not parked\n"));
}

/// Values of the letters' bodies, and the secret of the account.
const FORBIDDEN: [&str; 5] = ["Pat Doe", "15550109876", "pat.doe@example.com", "+1555", "not-to-be-shown"];

#[tokio::test]
async fn no_name_number_or_secret_is_in_anything_that_is_printed() {
    let stage = Stage::new("secrecy").await;
    let key = IdempotencyKey::of_event("/crm", "1").to_string();
    let letters = [
        Letter::of("no-route", "/crm", "1"),
        Letter::of("outcome-unknown", "/crm", "2"),
        Letter::bare("/crm", "3").with("failureDetail", "Pat Doe"),
        Letter::bare("/crm", "4").with("failureReason", "Pat Doe").with("customer", "pat.doe@example.com"),
    ];
    stage.send(&letters).await;
    let commands: [&[&str]; 8] = [
        &["dead-letters"],
        &["dead-letters", "--json"],
        &["dead-letters", "--show", &key],
        &["redrive", "--plan"],
        &["resolve", &key, "retry"],
        &["pause"],
        &["redrive", "--rate", "500", "--reason", "no-route"],
        &["redrive", "--rate", "500", "--json"],
    ];
    for words in commands {
        let mut command = stage.command(words);
        command.env("AWS_SECRET_ACCESS_KEY", "not-to-be-shown").env("AWS_SESSION_TOKEN", "not-to-be-shown");
        let ran = ran(command.output().await.unwrap());
        let seen = format!("{}{}", ran.out, ran.err);
        assert!(!seen.is_empty());
        for value in FORBIDDEN {
            assert!(!seen.contains(value), "{value} is in what {words:?} printed: {seen}");
        }
    }
}

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "a stopwatch")]
async fn the_program_starts_within_50_ms() {
    const RUNS: usize = 11;
    // The first command of all starts the emulator.
    run(&["--version"]).await;
    let mut times = Vec::new();
    for _ in 0..RUNS {
        let start = Instant::now();
        assert_eq!(run(&["--version"]).await.code, Some(0));
        times.push(start.elapsed());
    }
    times.sort_unstable();
    assert!(times[RUNS / 2] < Duration::from_millis(50), "{times:?}");
}
