//! Writes what is known of phone numbers out of the phone-number library's metadata: which national numbers each region
//! has, and what is dialled before them.
//!
//! The library itself reads all of its metadata, every region's formats included, before it answers its first question:
//! 650 million instructions, nine tenths of a cold start, and half a megabyte in each binary. Here each region's
//! national numbers become an automaton, 48 KB for all of them, which needs nothing at run time; the prefixes stay
//! patterns, compiled when asked.

#![expect(clippy::disallowed_methods, reason = "a build script talks to cargo by these")]

use std::{env, fmt::Write as _, fs, path::Path};

use phonenumber::metadata::{DATABASE, Database, Metadata};
use regex_automata::{
    Anchored,
    dfa::{Automaton as _, StartKind, dense},
    nfa::thompson,
    util::{start, syntax},
};

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    println!("cargo::rerun-if-changed=build.rs");
    let out = env::var("OUT_DIR")?;
    fs::write(Path::new(&out).join("phone_regions.rs"), regions(&DATABASE)?)?;
    Ok(())
}

/// `Region`s by country code, the main one of each code before the others.
fn regions(database: &Database) -> Result<String, Failure> {
    let mut regions: Vec<&Metadata> = database.iter().collect();
    regions.sort_by_key(|region| (region.country_code(), !region.is_main_country_for_code(), region.id().to_owned()));
    let mut text = "[\n".to_owned();
    for region in regions {
        let trunk = region.national_prefix_for_parsing().map(|pattern| unspaced(pattern.as_str()));
        writeln!(
            text,
            "    Region {{ id: {:?}, code: {}, numbers: {}, international: {:?}, trunk: {:?}, transform: {:?} }},",
            region.id(),
            region.country_code(),
            automaton(&unspaced(region.descriptors().general().national_number().as_str()))?,
            region.international_prefix().map(|pattern| unspaced(pattern.as_str())).unwrap_or_default(),
            trunk.or_else(|| region.national_prefix().map(str::to_owned)).unwrap_or_default(),
            region.national_prefix_transform_rule().unwrap_or_default(),
        )?;
    }
    text.push(']');
    Ok(text)
}

/// `Numbers` that accept what the pattern matches as a whole.
fn automaton(pattern: &str) -> Result<String, Failure> {
    let dfa = dense::Builder::new()
        .configure(dense::Config::new().minimize(true).start_kind(StartKind::Anchored))
        .syntax(syntax::Config::new().unicode(false).utf8(false))
        .thompson(thompson::Config::new().utf8(false))
        .build(&format!("(?:{pattern})\\z"))?;
    let mut found = vec![dfa.start_state(&start::Config::new().anchored(Anchored::Yes))?];
    let mut states = Vec::new();
    while let Some(&state) = found.get(states.len()) {
        let mut next = [0_u8; 10];
        for (digit, next) in (b'0'..=b'9').zip(&mut next) {
            let to = dfa.next_state(state, digit);
            if dfa.is_dead_state(to) {
                continue;
            }
            let place = found.iter().position(|known| *known == to).unwrap_or(found.len());
            if place == found.len() {
                found.push(to);
            }
            *next = u8::try_from(place + 1)?;
        }
        states.push((dfa.is_match_state(dfa.next_eoi_state(state)), next));
    }
    Ok(format!("Numbers(&{states:?})"))
}

/// The metadata breaks its patterns into lines.
fn unspaced(pattern: &str) -> String {
    pattern.split_whitespace().collect()
}
