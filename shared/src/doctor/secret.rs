//! The secret's form, of which not a character is told.

use super::report::{Check, Findings};
use crate::{domain::secret_form::SecretForm, ports::Secrets};

pub(super) async fn check(secrets: &impl Secrets, workers: usize) -> Check {
    match secrets.form().await {
        Ok(form) => judge(&form, workers),
        Err(error) => {
            let mut findings = Findings::new("secret");
            findings.fail(&format!("{error}: may the function read its secret, and has it a value?"));
            findings.into_check()
        }
    }
}

fn judge(form: &SecretForm, workers: usize) -> Check {
    let mut findings = Findings::new("secret");
    let count = form.clients.len();
    match &form.problem {
        Some(problem) => findings.fail(&format!("{problem}; a function doesn't start with it")),
        None if count == 0 => findings.fail("it holds no client: write at least one"),
        None => {}
    }
    for (place, client) in form.clients.iter().enumerate() {
        let others = match client.others {
            0 => String::new(),
            others => format!(" and {others} that nobody reads"),
        };
        findings.ok(&format!("client {place} has {}{others}", list(&client.members)));
        if !client.stray.is_empty() {
            let words = "has white space in it, which was hardly part of it: write it anew";
            findings.warn(&format!("client {place}'s {} {words}", list(&client.stray)));
        }
        if !client.unpadded.is_empty() {
            let words = "seems to have lost `=` at its end, where key material has up to six: copy all of it";
            findings.warn(&format!("client {place}'s {} {words}", list(&client.unpadded)));
        }
    }
    if (1..workers).contains(&count) {
        let words = format!("{count} client(s) for {workers} workers, each of which needs one of its own");
        findings.warn(&format!("{words}: some will wait; write more, or lower MaximumConcurrency"));
    }
    findings.into_check()
}

fn list(names: &[&str]) -> String {
    if names.is_empty() { "no known member".to_owned() } else { names.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{doctor::Grade, domain::secret_form::ClientForm};

    fn client() -> ClientForm {
        ClientForm { members: vec!["access_key_id", "client_id"], ..ClientForm::default() }
    }

    #[test]
    fn a_secret_that_cannot_be_used_fails_and_one_with_stray_spaces_or_lost_padding_warns() {
        let judged = |clients: Vec<ClientForm>, problem: Option<&str>| {
            judge(&SecretForm { clients, problem: problem.map(str::to_owned) }, 2).verdict
        };
        assert_eq!(judged(vec![client(), client()], None), Grade::Ok);
        assert_eq!(judged(vec![client()], None), Grade::Warn, "fewer than workers");
        assert_eq!(judged(vec![], None), Grade::Fail);
        assert_eq!(judged(vec![client(), client()], Some("client 1 of the secret has no client_id")), Grade::Fail);
        let strayed = ClientForm { stray: vec!["client_id"], ..client() };
        let unpadded = ClientForm { unpadded: vec!["access_key_id"], ..client() };
        for form in [strayed, unpadded] {
            assert_eq!(judged(vec![client(), form], None), Grade::Warn);
        }
    }
}
