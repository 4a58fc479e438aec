//! `make deploy`: what goes into the packages, what is looked at before anything is built, and what is done afterwards.
//!
//! The real Makefile on a tree of its own, in which `sam` and `cargo` write down that they were called. As the real one
//! does, `sam build` calls make once for each function.
#![expect(clippy::unwrap_used, reason = "a tree that can't be made fails its test")]

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};

use contact_injection_tests::workspace_root;
use tempfile::TempDir;

/// More than a second passes between the functions, as where the first one's build takes its time.
const SAM: &str = r#"#!/bin/sh
echo "sam $*" >> calls
test "$1" = build || exit 0
make --makefile Makefile build-InjectFunction ARTIFACTS_DIR=packages/inject || exit
sleep 1.1
make --makefile Makefile build-SyncFunction ARTIFACTS_DIR=packages/sync
"#;

/// Fails where it is told to, by the first word that the operator's program is given.
const CARGO: &str = r#"#!/bin/sh
echo "cargo $*" >> calls
for word in $FAILING; do
    case " $* " in *" $word "*) exit 3 ;; esac
done
"#;

/// A tree with what the Makefile needs of ours.
struct Tree(TempDir);

impl Tree {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let (root, tree) = (workspace_root(), folder.path());
        for made in [".venv/bin", "tests", "packages/inject", "packages/sync"] {
            fs::create_dir_all(tree.join(made)).unwrap();
        }
        for function in ["inject-contacts", "sync-registry"] {
            let built = tree.join(".local/lambda").join(function);
            fs::create_dir_all(&built).unwrap();
            fs::write(built.join("bootstrap"), function).unwrap();
        }
        copy(&root.join("environments"), &tree.join("environments"));
        copy(&root.join("functions/inject-contacts"), &tree.join("functions/inject-contacts"));
        fs::copy(root.join("Makefile"), tree.join("Makefile")).unwrap();
        // The tools are there: the mark is younger than what they are of.
        fs::write(tree.join("tests/requirements.txt"), "").unwrap();
        fs::write(tree.join(".venv/.installed"), "").unwrap();
        for (program, script) in [("sam", SAM), ("cargo", CARGO)] {
            let path = tree.join(".venv/bin").join(program);
            fs::write(&path, script).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        Self(folder)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// A program in the tree, with nothing of this shell's environment.
    fn program(&self, program: &str, words: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(words).current_dir(self.path()).env_clear().env("HOME", self.path());
        command.env("PATH", "/usr/local/bin:/usr/bin:/bin");
        command
    }

    fn make(&self, words: &[&str]) -> Output {
        self.program("make", words).output().unwrap()
    }

    fn git(&self, words: &[&str]) -> String {
        let person = ["-c", "user.name=test", "-c", "user.email=test@example.com"];
        let output = self.program("git", &[&person, words].concat()).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// What was called, since it was asked last.
    fn calls(&self) -> String {
        let path = self.path().join("calls");
        let calls = fs::read_to_string(&path).unwrap_or_default();
        fs::write(path, "").unwrap();
        calls
    }

    /// Gives the production's file a parameter.
    fn set_in_production(&self, parameter: &str, value: &str) {
        let path = self.path().join("environments/production.yaml");
        let text = fs::read_to_string(&path).unwrap();
        let line = |line: &str| {
            let is_it = line.split(':').next() == Some(parameter);
            if is_it { format!("{parameter}: {value}\n") } else { format!("{line}\n") }
        };
        let changed: String = text.lines().map(line).collect();
        assert_ne!(changed, text);
        fs::write(path, changed).unwrap();
    }

    /// What the package of a function says of its deployment.
    fn packed(&self, function: &str) -> String {
        fs::read_to_string(self.path().join("packages").join(function).join("deployment.txt")).unwrap()
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() { copy(&entry.path(), &to) } else { drop(fs::copy(entry.path(), to)) }
    }
}

/// The value of a line `name: value`.
fn line<'t>(name: &str, text: &'t str) -> &'t str {
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": ")).unwrap()
}

fn error(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

const TOPIC: &str = "arn:aws:sns:eu-west-1:000000000000:on-call";

#[test]
fn both_packages_of_a_deployment_say_the_same_and_those_of_the_next_one_something_else() {
    let tree = Tree::new();
    let deployed: Vec<_> = (0..2)
        .map(|_| {
            let output = tree.make(&["deploy"]);
            assert!(output.status.success(), "{output:?}");
            assert_eq!(tree.packed("inject"), tree.packed("sync"));
            tree.packed("inject")
        })
        .collect();
    assert_ne!(line("Run", &deployed[0]), line("Run", &deployed[1]));
    assert_eq!(line("Commit", &deployed[0]), "unknown", "there is no git here");
    let parameters = fs::read_to_string(tree.path().join("environments/default.yaml")).unwrap();
    assert!(deployed[0].starts_with(&parameters), "{}", deployed[0]);
}

#[test]
fn the_inject_package_holds_the_cases_of_its_routes_for_the_trial_and_none_where_there_are_none() {
    let tree = Tree::new();
    let packed = |words: &[&str]| {
        for package in ["inject", "sync"] {
            let folder = tree.path().join("packages").join(package);
            fs::remove_dir_all(&folder).unwrap();
            fs::create_dir(folder).unwrap();
        }
        let output = tree.make(&[&["deploy"], words].concat());
        assert!(output.status.success(), "{output:?}");
        let names = |package: &str| {
            let folder = fs::read_dir(tree.path().join("packages").join(package).join("cases"));
            let names = folder.into_iter().flatten().map(|entry| entry.unwrap().file_name().into_string().unwrap());
            names.collect::<BTreeSet<_>>()
        };
        assert!(names("sync").is_empty(), "nothing is tried of it");
        names("inject")
    };
    let shipped = fs::read_dir(workspace_root().join("functions/inject-contacts/cases")).unwrap();
    let shipped: BTreeSet<_> = shipped.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(packed(&[]), shipped);
    let tenant = tree.path().join("tenant");
    fs::create_dir(&tenant).unwrap();
    fs::copy(workspace_root().join("functions/inject-contacts/routes.json"), tenant.join("routes.json")).unwrap();
    assert!(packed(&["ROUTES=tenant/routes.json"]).is_empty());
    fs::create_dir(tenant.join("cases")).unwrap();
    for file in ["one.json", "two.json", "notes.txt"] {
        fs::write(tenant.join("cases").join(file), "[]").unwrap();
    }
    let both = BTreeSet::from(["one.json", "two.json"].map(str::to_owned));
    assert_eq!(packed(&["ROUTES=tenant/routes.json"]), both);
    let one = BTreeSet::from(["one.json".to_owned()]);
    assert_eq!(packed(&["ROUTES=tenant/routes.json", "CASES=tenant/cases/one.json"]), one);
}

#[test]
fn another_parameter_is_another_package_of_the_same_run() {
    let tree = Tree::new();
    let said = |words: &[&str]| {
        let mut make = tree.program("make", &[&["deployment"], words].concat());
        let run = [("GITHUB_SHA", "c0ffee"), ("GITHUB_RUN_ID", "77"), ("GITHUB_RUN_ATTEMPT", "2")];
        String::from_utf8(make.envs(run).output().unwrap().stdout).unwrap()
    };
    let packages = [&[][..], &["ENVIRONMENT=staging"], &["PARAMETERS=RateLimit=60"], &["ARCHITECTURE=arm64"]].map(said);
    for package in &packages {
        assert_eq!((line("Commit", package), line("Run", package)), ("c0ffee", "77.2"));
    }
    assert_eq!(BTreeSet::from(packages).len(), 4);
}

#[test]
fn the_commit_is_told_and_whether_the_tree_is_another_by_now() {
    let tree = Tree::new();
    tree.git(&["init", "--quiet"]);
    let commit = || {
        let said = String::from_utf8(tree.make(&["deployment"]).stdout).unwrap();
        line("Commit", &said).to_owned()
    };
    assert_eq!(commit(), "unknown", "nothing is committed yet");
    tree.git(&["add", "."]);
    tree.git(&["commit", "--quiet", "--message", "all"]);
    let head = tree.git(&["rev-parse", "HEAD"]);
    assert_eq!(commit(), head);
    fs::write(tree.path().join("functions/inject-contacts/routes.json"), "{}").unwrap();
    assert_eq!(commit(), format!("{head}-dirty"));
}

#[test]
fn no_word_of_make_about_its_folders_is_in_a_package() {
    let tree = Tree::new();
    let outside = tree.path().parent().unwrap();
    let words = ["-C", tree.path().to_str().unwrap(), "build-InjectFunction", "ARTIFACTS_DIR=packages/inject"];
    let output = tree.program("make", &words).current_dir(outside).env("MAKEFLAGS", "w").output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("Entering directory"), "it says so elsewhere: {output:?}");
    let packed = tree.packed("inject");
    assert!(packed.starts_with("# Template parameters") && !packed.contains("directory"), "{packed}");
    assert_eq!(packed.lines().last().unwrap().split(':').next(), Some("Run"), "{packed}");
}

#[test]
fn a_production_without_an_alarm_topic_is_refused_before_anything_is_built() {
    let tree = Tree::new();
    for given in
        [&[][..], &["PARAMETERS=RateLimit=60"], &["PARAMETERS=AlarmTopicArn="], &["PARAMETERS=AlarmTopicArn=\"\""]]
    {
        let refused = tree.make(&[&["deploy", "ENVIRONMENT=production"], given].concat());
        assert_eq!(refused.status.code(), Some(2), "{refused:?}");
        assert!(error(&refused).contains("deploy: production has no alarm topic: name an SNS topic"), "{refused:?}");
        assert_eq!(tree.calls(), "", "{given:?}");
    }
    let given =
        tree.make(&["deploy", "ENVIRONMENT=production", &format!("PARAMETERS=RateLimit=60 AlarmTopicArn={TOPIC}")]);
    assert!(given.status.success() && tree.calls().contains("sam deploy"), "{given:?}");
    for written in [TOPIC.to_owned(), format!("\"{TOPIC}\"   # the team's")] {
        let tree = Tree::new();
        tree.set_in_production("AlarmTopicArn", &written);
        let deployed = tree.make(&["deploy", "ENVIRONMENT=production"]);
        assert!(deployed.status.success() && tree.calls().contains("sam deploy"), "{deployed:?}");
        let emptied = tree.make(&["deploy", "ENVIRONMENT=production", "PARAMETERS=AlarmTopicArn="]);
        assert_eq!((emptied.status.code(), tree.calls().as_str()), (Some(2), ""), "{emptied:?}");
    }
}

#[test]
fn an_environment_without_a_file_is_refused() {
    let tree = Tree::new();
    let refused = tree.make(&["deploy", "ENVIRONMENT=stagin"]);
    assert_eq!((refused.status.code(), tree.calls().as_str()), (Some(2), ""), "{refused:?}");
    assert!(error(&refused).contains("there is no environments/stagin.yaml"), "{refused:?}");
}

#[test]
fn the_routes_and_the_cases_beside_them_are_checked_as_the_environment_has_it() {
    const PROGRAM: &str = "cargo run --locked --quiet --package operator --bin contact-injection -- check";
    let tree = Tree::new();
    fs::create_dir_all(tree.path().join("tenant/cases")).unwrap();
    fs::create_dir_all(tree.path().join("bare")).unwrap();
    tree.set_in_production("CxoneProfile", "cxone");
    let shipped = "functions/inject-contacts";
    let checked = |words: &[&str]| {
        let output = tree.make(&[&["deployable"], words].concat());
        assert!(output.status.success(), "{output:?}");
        let calls = tree.calls();
        let arguments = calls.strip_prefix(PROGRAM).unwrap_or_else(|| unreachable!("{calls}"));
        arguments.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(
        checked(&[]),
        format!(
            "--cxone-profile guide --routes {shipped}/routes.json --schema tests/fixtures/upstream/schema.json \
             --boundary outside {shipped}/cases"
        )
    );
    let tenant = ["ENVIRONMENT=production", "ROUTES=tenant/routes.json"];
    let given = format!("PARAMETERS=AlarmTopicArn={TOPIC} ComplianceBoundary=inside");
    assert_eq!(
        checked(&[&tenant[..], &[&given]].concat()),
        "--cxone-profile cxone --routes tenant/routes.json --boundary inside tenant/cases"
    );
    let given = format!("PARAMETERS=CxoneProfile=guide AlarmTopicArn={TOPIC}");
    assert_eq!(
        checked(&[&tenant[..], &[&given, "CASES=other", "SCHEMA=schema.json"]].concat()),
        "--cxone-profile guide --routes tenant/routes.json --schema schema.json --boundary outside other"
    );
    assert_eq!(
        checked(&["ROUTES=bare/routes.json"]),
        "--cxone-profile guide --routes bare/routes.json --boundary outside",
        "without cases the routes are checked alone"
    );
}

#[test]
fn routes_that_do_not_keep_their_word_are_never_built() {
    let tree = Tree::new();
    let failed = tree.program("make", &["deploy"]).env("FAILING", "check").output().unwrap();
    assert_eq!(failed.status.code(), Some(2), "{failed:?}");
    let calls = tree.calls();
    assert!(calls.contains(" check ") && !calls.contains("sam"), "{calls}");
}

#[test]
fn a_production_is_protected_and_no_other_environment_is() {
    let tree = Tree::new();
    tree.set_in_production("AlarmTopicArn", TOPIC);
    for (environment, stack) in
        [("production", "contact-injection-production"), ("staging", "contact-injection-staging")]
    {
        let deployed = tree.make(&["deploy", &format!("ENVIRONMENT={environment}")]);
        assert!(deployed.status.success(), "{deployed:?}");
        let calls = tree.calls();
        let (before, after) = calls.split_once("sam deploy").unwrap();
        let protection = format!("--stack {stack} protect\n");
        assert_eq!((before.contains("protect"), after.contains(&protection)), (false, environment == "production"));
        assert!(after.ends_with(&format!("--stack {stack} versions --prune 10\n")), "{after}");
    }
    let failed =
        tree.program("make", &["deploy", "ENVIRONMENT=production"]).env("FAILING", "protect").output().unwrap();
    assert_eq!(failed.status.code(), Some(2), "nobody is told that it is protected: {failed:?}");
}

#[test]
fn old_versions_that_stay_do_not_make_a_deployment_fail() {
    let tree = Tree::new();
    let words = ["deploy", "KEEP=3"];
    let deployed = tree.program("make", &words).env("FAILING", "versions").output().unwrap();
    assert!(deployed.status.success(), "{deployed:?}");
    assert!(tree.calls().ends_with(" versions --prune 3\n"));
    assert!(error(&deployed).contains("deployed, and old versions are left"), "{deployed:?}");
}
