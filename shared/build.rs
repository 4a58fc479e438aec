//! Writes the numbering plans, which national numbers each country code has, out of the phone-number library's metadata.
//!
//! The library reads all of its metadata, every region's formats included, before it answers its first question: 650
//! million instructions, nine tenths of a cold start. The plans alone are 8 KB, and are compiled one by one, when asked.

#![expect(clippy::disallowed_methods, reason = "a build script talks to cargo by these")]

use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    fmt::Write as _,
    fs,
    path::Path,
};

use phonenumber::metadata::{DATABASE, Database};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    let database: &Database = &DATABASE;
    let mut plans = BTreeMap::<u16, BTreeSet<String>>::new();
    for region in database.iter() {
        let pattern = region.descriptors().general().national_number().as_str();
        plans.entry(region.country_code()).or_default().insert(pattern.split_whitespace().collect());
    }
    let mut text = "[\n".to_owned();
    for (code, regions) in plans {
        let pattern = regions.into_iter().collect::<Vec<_>>().join("|");
        writeln!(text, "    ({code}, {pattern:?}),")?;
    }
    text.push(']');
    fs::write(Path::new(&env::var("OUT_DIR")?).join("numbering_plans.rs"), text)?;
    Ok(())
}
