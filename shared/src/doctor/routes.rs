//! What the routes file alone says: how large its contacts may be, and what becomes of those in doubt.

use super::{
    report::{Check, Findings, Grade},
    targets::has_work_item,
};
use crate::{
    dialects::{Dialect, survey::Payload},
    domain::routes::{Address, OnDoubt, Route, Routes},
};

/// Texts of a flattened object that should have room, however long.
const FLATTENED: usize = 10;

/// How payloads are counted, for whoever wonders about the number.
const COUNTED: &str = "every attribute there, each text at its longest and four bytes a character";

pub(super) fn payload(dialect: &dyn Dialect, routes: &Routes) -> Check {
    let Some(survey) = dialect.survey() else {
        return Check::skipped("payload", "this API takes attributes one by one, and names no limit of the whole");
    };
    let of_route = |(place, route): (usize, &Route)| {
        let payload = survey.payload(route);
        let (grade, words) = judge(payload);
        (grade, payload.largest, place, format!("route {}: {words}", route.name()))
    };
    let of_items = routes.iter().enumerate().filter(|(_, route)| has_work_item(route));
    let judged: Vec<_> = of_items.map(of_route).collect();
    let mut findings = Findings::new("payload");
    for (grade, _, _, words) in judged.iter().filter(|(grade, ..)| *grade > Grade::Ok) {
        findings.add(*grade, words);
    }
    let largest = judged.iter().max_by_key(|(grade, largest, ..)| (*grade, *largest));
    let Some((grade, _, place, words)) = largest else { return Check::skipped("payload", "no route makes work items") };
    if *grade == Grade::Ok {
        findings.ok(words);
    }
    findings.add(*grade, COUNTED);
    findings.into_check().at(format!("/routes/{place}"))
}

fn judge(payload: Payload) -> (Grade, String) {
    let Payload { largest, cut, flattened, limit } = payload;
    let of = format!("{largest} of {limit} bytes at most");
    if cut > limit {
        let advice = "a longer one is dead-lettered: map less, or let texts be cut with \"overflow\": \"truncate\"";
        return (Grade::Warn, format!("{of}, {cut} once cut; {advice}"));
    }
    let Some(each) = flattened else {
        let cuts = if largest > limit { ", and what is too long is cut" } else { "" };
        return (Grade::Ok, format!("{of}{cuts}"));
    };
    let room = (limit - cut) / each;
    let words = format!("{of}, and room for {room} texts of its flattened object");
    if room < FLATTENED {
        return (Grade::Warn, format!("{words}: one with more is dead-lettered; flatten a smaller object"));
    }
    (Grade::Ok, words)
}

pub(super) fn doubt(dialect: &dyn Dialect, routes: &Routes) -> Check {
    let mut findings = Findings::new("doubt");
    if let Some(memory) = dialect.facts().key_memory {
        let hours = memory.as_secs() / 3600;
        let words = "what is in doubt is asked for again under its idempotency key, which CXone remembers for";
        findings.ok(&format!("{words} {hours} h"));
        return findings.into_check();
    }
    let is_call = |address: &Address| matches!(address, Address::Callback(_));
    let of = |on_doubt: OnDoubt| move |address: &Address| address.on_doubt() == on_doubt;
    let resent = of(OnDoubt::Resend);
    let groups = [
        ("what may have been created is parked for a person to decide, at", pointers(routes, of(OnDoubt::Park))),
        (
            "what may have been created is sent again, and its script has to end what comes twice, at",
            pointers(routes, |address| resent(address) && !is_call(address)),
        ),
        (
            "what may have been queued is sent again, and the customer may be called twice, at",
            pointers(routes, |address| resent(address) && is_call(address)),
        ),
        (
            "what may have been taken is looked for, and sent again once it is sure not to be there, at",
            pointers(routes, of(OnDoubt::LookUp)),
        ),
    ];
    for (words, pointers) in groups.iter().filter(|(_, pointers)| !pointers.is_empty()) {
        findings.ok(&format!("{words} {}", pointers.join(", ")));
    }
    findings.into_check()
}

/// The places of the targets with such addresses.
fn pointers(routes: &Routes, is_such: impl Fn(&Address) -> bool) -> Vec<String> {
    let mut pointers = Vec::new();
    for (place, route) in routes.iter().enumerate() {
        let targets = route.targets().iter().enumerate();
        let such = targets.filter(|(_, target)| is_such(target.address()));
        pointers.extend(such.map(|(index, _)| format!("/routes/{place}/targets/{index}")));
    }
    pointers
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialects::{
        guide::{self, Guide},
        nice::{self, Nice},
    };

    fn tenant(change: impl Fn(&mut serde_json::Value)) -> (Nice, Routes) {
        let text = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/cxone/routes.json"));
        let mut file = serde_json::from_str(text).unwrap();
        change(&mut file);
        let routes = Routes::from_json(file.to_string(), nice::FACTS.routes).unwrap();
        (Nice::new("https://cxone.niceincontact.com", "v34.0", None, &routes).unwrap(), routes)
    }

    #[test]
    fn the_largest_payload_is_told_with_its_route_and_how_it_is_counted() {
        let (nice, routes) = tenant(|_| ());
        let check = payload(&nice, &routes);
        assert_eq!((check.verdict, check.pointer.as_deref()), (Grade::Ok, Some("/routes/0")), "{check:?}");
        assert!(check.detail.contains("of 51200 bytes at most, and room for") && check.detail.ends_with(COUNTED));
    }

    #[test]
    fn a_payload_that_no_cut_makes_small_enough_may_keep_events_out() {
        let small = |file: &mut serde_json::Value| file["cxone"]["workItemPayloadBytes"] = 1024.into();
        let (nice, routes) = tenant(small);
        let check = payload(&nice, &routes);
        assert!(check.verdict == Grade::Warn && check.detail.contains("route payments"), "{check:?}");
    }

    #[test]
    fn only_work_items_have_a_payload() {
        let (nice, routes) = tenant(|file| {
            let routes = file["routes"].as_array_mut().unwrap();
            routes.drain(..2);
        });
        let check = payload(&nice, &routes);
        assert_eq!((check.verdict, check.detail.as_str()), (Grade::Skipped, "no route makes work items"));
    }

    #[test]
    fn every_target_is_under_what_becomes_of_a_doubt_at_it() {
        let (nice, routes) = tenant(|_| ());
        let check = doubt(&nice, &routes);
        let parked = "decide, at /routes/0/targets/0, /routes/0/targets/1, /routes/2/targets/0; ";
        let resent = "comes twice, at /routes/1/targets/0; ";
        let looked_for = "looked for, and sent again once it is sure not to be there, at /routes/2/targets/1";
        assert!([parked, resent, looked_for].iter().all(|words| check.detail.contains(words)), "{check:?}");
        let (nice, routes) = tenant(|file| {
            file["routes"][2]["targets"][0]["callback"]["onDoubt"] = "resend".into();
            file["routes"][2]["targets"][1]["digital"]["onDoubt"] = "park".into();
        });
        let detail = doubt(&nice, &routes).detail;
        assert!(detail.contains("the customer may be called twice, at /routes/2/targets/0"), "{detail}");
        assert!(
            detail.contains("/routes/0/targets/1, /routes/2/targets/1; ") && !detail.contains("looked"),
            "{detail}"
        );
        let shipped = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../functions/inject-contacts/routes.json"));
        let routes = Routes::from_json(shipped, guide::FACTS.routes).unwrap();
        assert!(doubt(&Guide, &routes).detail.ends_with("for 24 h"));
        assert_eq!(payload(&Guide, &routes).verdict, Grade::Skipped);
    }
}
