//! Which module may know which: no two know each other, decisions know nothing of what is around them, and what CXone
//! says on the wire is known by a few.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail anywhere in it")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use regex_lite::Regex;

/// A module and what it knows: at the top level, and inside `domain`, each module with all that is below it.
type Arrows = BTreeMap<String, BTreeSet<String>>;

fn files(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else if !path.to_string_lossy().contains("tests") {
            found.push(path);
        }
    }
}

/// The paths of a `use`, its braces resolved.
fn expand(prefix: &str, tree: &str, found: &mut Vec<String>) {
    let tree = tree.trim();
    let Some((before, inside)) = tree.split_once('{') else {
        if !tree.is_empty() {
            found.push(format!("{prefix}{tree}"));
        }
        return;
    };
    let (mut depth, mut from) = (0, 0);
    let inside = &inside[..inside.rfind('}').unwrap()];
    for (at, char) in inside.char_indices().chain([(inside.len(), ',')]) {
        match char {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                expand(&format!("{prefix}{before}"), &inside[from..at], found);
                from = at + 1;
            }
            _ => {}
        }
    }
}

/// The module that a path from the crate's root is in, as coarse as the arrows are.
fn module(path: &[&str]) -> String {
    match path {
        ["domain", inside, ..] => format!("domain::{inside}"),
        [top, ..] => (*top).to_owned(),
        [] => String::new(),
    }
}

fn arrows() -> Arrows {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let (mut found, mut sources) = (Arrows::new(), Vec::new());
    files(&root, &mut sources);
    let (uses, absolute) =
        (Regex::new(r"(?m)^ *(?:pub(?:\([^)]*\))? )?use ([^;]+);").unwrap(), Regex::new(r"crate::[\w:]+").unwrap());
    for source in sources {
        let relative = source.strip_prefix(&root).unwrap().with_extension("");
        let mut own: Vec<_> = relative.iter().map(|part| part.to_str().unwrap()).collect();
        own.retain(|part| *part != "mod");
        if own == ["lib"] {
            continue;
        }
        let text = fs::read_to_string(&source).unwrap();
        let code = text.split("#[cfg(test)]").next().unwrap();
        let mut paths: Vec<_> = absolute.find_iter(code).map(|found| found.as_str().to_owned()).collect();
        uses.captures_iter(code).for_each(|tree| expand("", &tree[1], &mut paths));
        for path in &paths {
            let parts: Vec<_> = path.split("::").collect();
            let up = parts.iter().take_while(|part| **part == "super").count();
            let known: Vec<_> = match parts[0] {
                "crate" => parts[1..].to_vec(),
                "super" => own[..own.len() - up].iter().chain(&parts[up..]).copied().collect(),
                _ => continue,
            };
            let (from, to) = (module(&own), module(&known));
            if !to.is_empty() && from != to {
                found.entry(from).or_default().insert(to);
            }
        }
    }
    found
}

#[test]
fn no_two_modules_know_each_other() {
    let mut left = arrows();
    // Whoever knows nobody that is left is no part of a ring.
    loop {
        let before = left.len();
        let names: BTreeSet<_> = left.keys().cloned().collect();
        left.retain(|_, known| known.iter().any(|one| names.contains(one)));
        if left.len() == before {
            break;
        }
    }
    assert!(left.is_empty(), "these know each other: {left:#?}");
}

#[test]
fn decisions_know_nothing_of_what_is_around_them() {
    for (module, known) in arrows().iter().filter(|(module, _)| module.starts_with("domain::")) {
        let outside: Vec<_> = known.iter().filter(|one| !one.starts_with("domain")).collect();
        assert!(outside.is_empty(), "{module} knows {outside:?}");
    }
}

#[test]
fn the_wire_is_known_by_few_and_knows_decisions_only() {
    let arrows = arrows();
    let whoever = arrows.iter().filter(|(_, known)| known.contains("dialects")).map(|(module, _)| module.as_str());
    assert_eq!(
        whoever.collect::<Vec<_>>(),
        ["adapters", "doctor", "drafts", "dry_run", "pipeline", "placement", "ports", "worker"]
    );
    assert!(arrows["dialects"].iter().all(|known| known.starts_with("domain")), "{:?}", arrows["dialects"]);
}
