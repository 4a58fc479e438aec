//! Wildcards, as IAM reads them.

/// What an ARN is made of: `arn:partition:service:region:account:resource`.
const PARTS: usize = 6;

/// Whether a text is like a pattern: `*` stands for any characters, `?` for one.
pub fn is_like(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    // Where the last `*` was, and how much of the text it stands for so far.
    let (mut at, mut read, mut star) = (0, 0, None);
    while read < text.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, read));
                at += 1;
            }
            Some(one) if *one == '?' || *one == text[read] => {
                at += 1;
                read += 1;
            }
            _ => match star {
                Some((behind, stood_for)) => {
                    (at, read, star) = (behind + 1, stood_for + 1, Some((behind, stood_for + 1)));
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|rest| *rest == '*')
}

/// Whether an ARN is like a pattern. Each of the parts between its first five colons is compared by itself, so that no
/// wildcard reaches into the next one.
pub fn is_arn_like(pattern: &str, arn: &str) -> bool {
    let [pattern, arn] = [pattern, arn].map(|text| text.splitn(PARTS, ':').collect::<Vec<_>>());
    pattern.len() == arn.len() && pattern.iter().zip(arn).all(|(pattern, part)| is_like(pattern, part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_characters_and_a_question_mark_for_one() {
        for (pattern, text, expected) in [
            ("table/a-*", "table/a-LedgerTable-1", true),
            ("table/a-*", "table/a-", true),
            ("*-DeadLetterQueue-*", "a-DeadLetterQueue-1", true),
            ("*-DeadLetterQueue-*", "a-SyncDeadLetterQueue-1", false),
            ("a*b*c", "abbbc", true),
            ("a*b*c", "abbb", false),
            ("????-?", "0a1b-2", true),
            ("????-?", "0a1b-", false),
            ("", "", true),
            ("", "a", false),
            ("*", "", true),
        ] {
            assert_eq!(is_like(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn no_wildcard_reaches_into_another_part_of_an_arn() {
        let queue = "arn:aws:sqs:eu-west-1:000000000000:contacts";
        assert!(is_arn_like("arn:aws:sqs:*:*:contacts", queue));
        assert!(!is_arn_like("arn:aws:sqs:*:contacts", queue));
        assert!(!is_arn_like("arn:aws:*:contacts", queue));
        let function = "arn:aws:lambda:eu-west-1:000000000000:function:inject:live";
        assert!(is_arn_like("arn:aws:lambda:eu-west-1:000000000000:function:*", function));
    }
}
