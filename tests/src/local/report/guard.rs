//! A last look at the finished page: what must not be in it isn't.

/// Digits after a plus sign from which on it is a phone number: the shortest that the country codes leave.
const PHONE_DIGITS: usize = 7;

/// Looks for secrets, word for word, and for anything that has the form of a phone number or an e-mail address.
///
/// # Errors
/// What was found, in words that don't repeat it.
pub(super) fn look_over<'a>(page: &str, secrets: impl IntoIterator<Item = &'a str>) -> Result<(), &'static str> {
    if secrets.into_iter().any(|secret| !secret.is_empty() && page.contains(secret)) {
        return Err("a token, a secret or a phone number");
    }
    let has_phone = page.split('+').skip(1).any(|after| {
        let digits = after.chars().take(PHONE_DIGITS).filter(char::is_ascii_digit).count();
        digits == PHONE_DIGITS
    });
    if has_phone {
        return Err("a phone number");
    }
    let is_word = |character: Option<char>| character.is_some_and(|character| character.is_ascii_alphanumeric());
    let has_address = page
        .match_indices('@')
        .any(|(at, _)| is_word(page[..at].chars().last()) && is_word(page[at + 1..].chars().next()));
    if has_address { Err("an e-mail address") } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_without_any_passes() {
        assert_eq!(look_over("<style>@media (width > 1px) {}</style> 1 + 2000000", ["hush", ""]), Ok(()));
    }

    #[test]
    fn a_secret_a_phone_number_and_an_address_are_found_wherever_they_are() {
        assert!(look_over("<p>hush</p>", ["hush"]).is_err());
        assert_eq!(look_over("<p title=\"+15550100101\">", []), Err("a phone number"));
        assert_eq!(look_over("write to pat@example.com", []), Err("an e-mail address"));
    }
}
