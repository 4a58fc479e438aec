//! The secret's form, of which not a character is told.

use std::collections::BTreeMap;

use super::{
    Role,
    report::{Check, Findings},
};
use crate::{
    domain::{
        lane::{Lane, Lanes},
        secret_form::{ClientForm, SecretForm},
    },
    ports::Secrets,
};

pub(super) async fn check(secrets: &impl Secrets, workers: usize, role: Role) -> Check {
    match secrets.form().await {
        Ok(form) => judge(&form, workers, role),
        Err(error) => {
            let mut findings = Findings::new("secret");
            findings.fail(&format!("{error}: may the function read its secret, and has it a value?"));
            findings.into_check()
        }
    }
}

fn judge(form: &SecretForm, workers: usize, role: Role) -> Check {
    let mut findings = Findings::new("secret");
    let count = form.clients.len();
    for problem in &form.problems {
        findings.fail(problem);
    }
    if form.problems.is_empty() && count == 0 {
        findings.fail("it holds no client: write at least one");
    }
    tell_members(&mut findings, &form.clients);
    for (place, client) in form.clients.iter().enumerate() {
        if !client.stray.is_empty() {
            let words = "has white space in it, which was hardly part of it: write it anew";
            findings.warn(&format!("client {place}'s {} {words}", list(&client.stray)));
        }
        if !client.unpadded.is_empty() {
            let words = "seems to have lost `=` at its end, where key material has up to six: copy all of it";
            findings.warn(&format!("client {place}'s {} {words}", list(&client.unpadded)));
        }
    }
    let lanes = if let Role::Writes(lanes) = role { lanes } else { Lanes::One };
    let urgent = form.clients.iter().filter(|client| client.lane == Some(Lane::Urgent)).count();
    if role != Role::Reads && count > 0 {
        judge_lanes(&mut findings, lanes, urgent, count);
    }
    let (shared, which) = if lanes == Lanes::Two { (count - urgent, "standard ") } else { (count, "") };
    if (1..workers).contains(&shared) {
        let words = format!("{shared} client(s) for {workers} {which}workers, each of which needs one of its own");
        findings.warn(&format!("{words}: some will wait; write more, or lower MaximumConcurrency"));
    }
    findings.into_check()
}

/// Clients are told of one by one, or, of more than so many, together.
const TOLD: usize = 20;

/// Which members the clients have.
fn tell_members(findings: &mut Findings, clients: &[ClientForm]) {
    let members = |client: &ClientForm| match client.others {
        0 => list(&client.members),
        others => format!("{} and {others} that nobody reads", list(&client.members)),
    };
    if clients.len() <= TOLD {
        for (place, client) in clients.iter().enumerate() {
            findings.ok(&format!("client {place} has {}", members(client)));
        }
        return;
    }
    let mut alike = BTreeMap::<_, usize>::new();
    for client in clients {
        *alike.entry(members(client)).or_default() += 1;
    }
    for (members, count) in alike {
        findings.ok(&format!("{count} client(s) have {members}"));
    }
}

/// Whether the urgent clients and the urgent queue go together.
fn judge_lanes(findings: &mut Findings, lanes: Lanes, urgent: usize, count: usize) {
    match lanes {
        Lanes::Two if urgent == count => {
            let words = "every client is kept for urgent messages, so that no standard one is ever sent";
            findings.fail(&format!("{words}: write others, without `lane`"));
        }
        Lanes::Two if urgent == 0 => {
            let words = "there is an urgent queue, and no client is kept for it: both lanes share all of them";
            findings.warn(&format!("{words}; write `\"lane\": \"urgent\"` beside one's members"));
        }
        Lanes::One if urgent > 0 => {
            let words = format!("{urgent} client(s) would be kept for urgent messages, and there is no urgent queue");
            findings.warn(&format!("{words}: their `lane` says nothing; deploy with UrgentConcurrency"));
        }
        Lanes::One | Lanes::Two => {}
    }
}

fn list(names: &[&str]) -> String {
    if names.is_empty() { "no known member".to_owned() } else { names.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Grade;

    fn client() -> ClientForm {
        ClientForm { members: vec!["access_key_id", "client_id"], ..ClientForm::default() }
    }

    #[test]
    fn a_secret_that_cannot_be_used_fails_and_one_with_stray_spaces_or_lost_padding_warns() {
        let judged = |clients: Vec<ClientForm>, problem: Option<&str>| {
            let form = SecretForm { clients, problems: problem.map(str::to_owned).into_iter().collect() };
            judge(&form, 2, Role::Writes(Lanes::One)).verdict
        };
        assert_eq!(judged(vec![client(), client()], None), Grade::Ok);
        assert_eq!(judged(vec![client()], None), Grade::Warn, "fewer than workers");
        assert_eq!(judged(vec![], None), Grade::Fail);
        assert_eq!(
            judged(vec![client(), client()], Some("the secret: client 1 has no client_id; the others serve")),
            Grade::Fail
        );
        let strayed = ClientForm { stray: vec!["client_id"], ..client() };
        let unpadded = ClientForm { unpadded: vec!["access_key_id"], ..client() };
        for form in [strayed, unpadded] {
            assert_eq!(judged(vec![client(), form], None), Grade::Warn);
        }
    }

    #[test]
    fn of_many_clients_it_is_told_how_many_are_alike() {
        let judged = |clients| {
            let check = judge(&SecretForm { clients, problems: Vec::new() }, 2, Role::Writes(Lanes::One));
            serde_json::to_string(&check).unwrap()
        };
        assert!(judged(vec![client(); TOLD]).contains("client 19 has access_key_id, client_id"));
        let odd = ClientForm { others: 1, ..client() };
        let told = judged([vec![client(); TOLD], vec![odd]].concat());
        assert!(told.contains("20 client(s) have access_key_id, client_id"), "{told}");
        assert!(told.contains("1 client(s) have access_key_id, client_id and 1 that nobody reads"), "{told}");
    }

    #[test]
    fn urgent_clients_and_an_urgent_queue_go_together() {
        let urgent = || ClientForm { lane: Some(Lane::Urgent), ..client() };
        let judged = |clients: Vec<ClientForm>, role| {
            let check = judge(&SecretForm { clients, problems: Vec::new() }, 2, role);
            (check.verdict, serde_json::to_string(&check).unwrap())
        };
        let with = |clients| judged(clients, Role::Writes(Lanes::Two));
        let without = |clients| judged(clients, Role::Writes(Lanes::One));
        assert_eq!(with(vec![client(), client(), urgent()]).0, Grade::Ok);
        assert_eq!(without(vec![client(), client()]).0, Grade::Ok);
        let (grade, told) = with(vec![client(), client()]);
        assert!(grade == Grade::Warn && told.contains("no client is kept for it"), "{told}");
        let (grade, told) = without(vec![client(), urgent()]);
        assert!(grade == Grade::Warn && told.contains("there is no urgent queue"), "{told}");
        assert!(!told.contains("will wait"), "there are two: {told}");
        let (grade, told) = with(vec![client(), urgent()]);
        assert!(grade == Grade::Warn && told.contains("1 client(s) for 2 standard workers"), "{told}");
        let (grade, told) = with(vec![urgent(), urgent()]);
        assert!(grade == Grade::Fail && told.contains("no standard one is ever sent"), "{told}");
        assert!(!with(vec![]).1.contains("standard"), "of none nothing else is to be said");
        assert_eq!(judged(vec![client(), urgent()], Role::Reads).0, Grade::Ok, "the sync has no lanes");
    }
}
