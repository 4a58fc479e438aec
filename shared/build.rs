//! Writes what is known of phone numbers out of the phone-number library's metadata: which national numbers each region
//! has, and what is dialled before them.
//!
//! The library itself reads all of its metadata, every region's formats included, before it answers its first question:
//! 650 million instructions, nine tenths of a cold start, and half a megabyte in each binary. This table is 35 KB, and its
//! patterns are compiled one by one, when asked.

#![expect(clippy::disallowed_methods, reason = "a build script talks to cargo by these")]

use std::{env, fmt::Write as _, fs, path::Path};

use phonenumber::metadata::{DATABASE, Database, Metadata};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    let out = env::var("OUT_DIR")?;
    fs::write(Path::new(&out).join("phone_regions.rs"), regions(&DATABASE)?)?;
    Ok(())
}

/// `Region`s by country code, the main one of each code before the others.
fn regions(database: &Database) -> Result<String, std::fmt::Error> {
    let mut regions: Vec<&Metadata> = database.iter().collect();
    regions.sort_by_key(|region| (region.country_code(), !region.is_main_country_for_code(), region.id().to_owned()));
    let mut text = "[\n".to_owned();
    for region in regions {
        let trunk = region.national_prefix_for_parsing().map(|pattern| unspaced(pattern.as_str()));
        writeln!(
            text,
            "    Region {{ id: {:?}, code: {}, numbers: {:?}, international: {:?}, trunk: {:?}, transform: {:?} }},",
            region.id(),
            region.country_code(),
            unspaced(region.descriptors().general().national_number().as_str()),
            region.international_prefix().map(|pattern| unspaced(pattern.as_str())).unwrap_or_default(),
            trunk.or_else(|| region.national_prefix().map(str::to_owned)).unwrap_or_default(),
            region.national_prefix_transform_rule().unwrap_or_default(),
        )?;
    }
    text.push(']');
    Ok(text)
}

/// The metadata breaks its patterns into lines.
fn unspaced(pattern: &str) -> String {
    pattern.split_whitespace().collect()
}
