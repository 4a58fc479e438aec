use super::*;

fn given_up(receive_count: u32, claimed: bool) -> Option<GivenUp> {
    let message = Message {
        message_id: "m".to_owned(),
        receipt_handle: "r".to_owned(),
        body: String::new(),
        attributes: Vec::new(),
        receive_count,
        sent: None,
    };
    match panicked(&message, claimed) {
        Conclusion::GivenUp(given_up) => Some(given_up),
        Conclusion::Outcome(outcome) => {
            assert_eq!(outcome, Outcome::deferred(DeferralReason::InProgress));
            None
        }
    }
}

#[test]
fn a_panic_before_any_claim_ends_a_message_from_its_third_delivery_on_and_says_which_it_was() {
    assert_eq!((given_up(1, false), given_up(2, false)), (None, None));
    for receives in [3, 17] {
        let GivenUp { reason, detail } = given_up(receives, false).unwrap();
        assert_eq!(reason, DeadLetterReason::CrashLoop);
        assert!(detail.contains(&format!("a panic before it was claimed, at delivery {receives} of")), "{detail}");
    }
    assert_eq!(given_up(17, true), None, "its claim counts");
}
