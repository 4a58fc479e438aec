//! The points of contact of a tenant, by the names that a routes file gives them, and the skills that they are for.

use crate::domain::routes::{DefaultSkills, QueueId};

/// A point of contact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PointOfContact {
    /// Its number.
    pub code: String,
    /// Its name.
    pub name: String,
    /// Whether it takes contacts; nothing where it doesn't say.
    pub active: Option<bool>,
    /// The kind of contacts that it takes.
    pub media_type: Option<u64>,
    /// The skill that its contacts are for.
    pub default_skill: DefaultSkill,
    /// The name of its script.
    pub script: Option<String>,
}

/// Which skill a point of contact is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DefaultSkill {
    /// This one.
    Skill(QueueId),
    /// None.
    None,
    /// It isn't told, or can't be read.
    Unknown,
}

/// How a text names a point of contact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spelling {
    /// As the tenant shows it: `number - name`.
    Whole,
    /// By its name alone, which no other has.
    Name,
    /// As several are called.
    Several,
    /// By its number alone, or with another name.
    Number,
    /// But for case or white space.
    Similar,
}

impl Spelling {
    /// Whether a text names a point of contact so.
    fn fits(self, text: &str, point: &PointOfContact) -> bool {
        let whole = || format!("{} - {}", point.code, point.name);
        match self {
            Self::Whole => whole() == text,
            Self::Name => point.name == text,
            Self::Similar => [&whole(), &point.name].iter().any(|shown| folded(shown) == folded(text)),
            Self::Number => point.code == text.split_once(" - ").map_or(text, |(number, _)| number).trim(),
            Self::Several => false,
        }
    }
}

fn folded(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_whitespace()).flat_map(char::to_lowercase).collect()
}

/// The point of contact that a text names, and how; the first of them where there are several.
pub fn named<'p>(text: &str, points: &'p [PointOfContact]) -> Option<(&'p PointOfContact, Spelling)> {
    let ways = [Spelling::Whole, Spelling::Name, Spelling::Similar, Spelling::Number];
    ways.into_iter().find_map(|way| {
        let mut meant = points.iter().filter(|point| way.fits(text, point));
        let first = meant.next()?;
        Some((first, if meant.next().is_some() { Spelling::Several } else { way }))
    })
}

/// Which skill the point of contact is for that a text names: unknown where that could be several.
pub fn default_skill<'p>(text: &str, points: &'p [PointOfContact]) -> &'p DefaultSkill {
    match named(text, points) {
        None | Some((_, Spelling::Several)) => &DefaultSkill::Unknown,
        Some((point, Spelling::Whole | Spelling::Name | Spelling::Number | Spelling::Similar)) => &point.default_skill,
    }
}

/// The default skill of each of these points of contact of which it is known.
pub fn default_skills(spelled: &[String], points: &[PointOfContact]) -> DefaultSkills {
    let known = |text: &String| match default_skill(text, points) {
        DefaultSkill::Skill(skill) => Some((text.clone(), Some(skill.clone()))),
        DefaultSkill::None => Some((text.clone(), None)),
        DefaultSkill::Unknown => None,
    };
    spelled.iter().filter_map(known).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_of_contact_is_found_by_every_spelling_that_cxone_may_take() {
        let point = |code, name| point(code, name, DefaultSkill::None);
        let points = [
            point("123456", "Orders"),
            point("7", "Twin"),
            point("8", "Twin"),
            point("9", "99"),
            point("24", "Night"),
            point("25", "Case"),
            point("26", "CASE"),
        ];
        let spelling = |text: &str| named(text, &points).map(|(point, spelling)| (point.code.as_str(), spelling));
        for (text, expected) in [
            ("123456 - Orders", ("123456", Spelling::Whole)),
            ("Orders", ("123456", Spelling::Name)),
            ("Twin", ("7", Spelling::Several)),
            ("8 - Twin", ("8", Spelling::Whole)),
            ("123456", ("123456", Spelling::Number)),
            ("123456 - Sales", ("123456", Spelling::Number)),
            ("123456-Orders", ("123456", Spelling::Similar)),
            ("123456 -  orders", ("123456", Spelling::Similar)),
            (" ORDERS", ("123456", Spelling::Similar)),
            ("99", ("9", Spelling::Name)),
            ("Case", ("25", Spelling::Name)),
            ("case", ("25", Spelling::Several)),
        ] {
            assert_eq!(spelling(text), Some(expected), "{text}");
        }
        for nowhere in ["Sales", "12345", "12345 - Orders", "", "24-7 Support"] {
            assert_eq!(spelling(nowhere), None, "{nowhere}");
        }
    }

    fn id(text: &str) -> QueueId {
        QueueId::new(text.to_owned()).unwrap()
    }

    fn point(code: &str, name: &str, default_skill: DefaultSkill) -> PointOfContact {
        PointOfContact {
            code: code.to_owned(),
            name: name.to_owned(),
            active: None,
            media_type: None,
            default_skill,
            script: None,
        }
    }

    #[test]
    fn each_point_of_contact_is_known_as_the_routes_spell_it_and_one_that_could_be_two_is_not() {
        let points = [
            point("1", "Orders", DefaultSkill::Skill(id("4012"))),
            point("2", "Twice", DefaultSkill::Skill(id("4013"))),
            point("3", "Twice", DefaultSkill::Skill(id("4014"))),
            point("4", "Nobody", DefaultSkill::None),
            point("5", "Garbled", DefaultSkill::Unknown),
        ];
        let spelled = ["1 - Orders", "Orders", "1", " orders", "Twice", "3 - Twice", "Nobody", "Gone", "Garbled"]
            .map(str::to_owned);
        let known = default_skills(&spelled, &points);
        for text in ["1 - Orders", "Orders", "1", " orders"] {
            assert_eq!(known.skill_of(text), Some(&id("4012")), "{text}");
        }
        assert_eq!(known.skill_of("3 - Twice"), Some(&id("4014")));
        assert_eq!((known.knows("Nobody"), known.skill_of("Nobody")), (true, None));
        assert_eq!(["Twice", "Gone", "Garbled"].map(|text| known.knows(text)), [false; 3]);
    }
}
