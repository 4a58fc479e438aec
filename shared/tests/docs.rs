//! What the sources cite of the documents is there: `docs/rules.md#conflicts` leads to a heading. And their comments
//! keep to the width of the code.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail anywhere in it")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use contact_injection::domain::reason::DeadLetterReason;
use regex_lite::Regex;

/// Files that may cite a document, by extension; a Makefile has none.
const SOURCES: [&str; 9] = ["rs", "md", "yaml", "yml", "toml", "py", "json", "sh", ""];

/// Directories that hold nothing of ours, beside those whose names begin with a dot.
const FOREIGN: [&str; 3] = ["target", "mutants.out", "mutants.out.old"];

/// The whole repository.
fn root() -> PathBuf {
    fs::canonicalize(Path::new(env!("CARGO_MANIFEST_DIR")).join("..")).unwrap()
}

/// Every source below this directory.
fn sources(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let (path, name) = entry.map(|entry| (entry.path(), entry.file_name().into_string().unwrap())).unwrap();
        if name.starts_with('.') || FOREIGN.contains(&name.as_str()) || path.is_symlink() {
            continue;
        }
        if path.is_dir() {
            sources(&path, found);
        } else if SOURCES.contains(&path.extension().map_or("", |extension| extension.to_str().unwrap())) {
            found.push(path);
        }
    }
}

/// The anchors of a document's headings, as GitHub makes them: lower case, hyphens for spaces, no punctuation.
fn anchors(document: &str) -> BTreeSet<String> {
    let mut code = false;
    let mut found = BTreeSet::new();
    for line in document.lines() {
        code ^= line.trim_start().starts_with("```");
        let heading = line.trim_start_matches('#');
        if code || heading.len() == line.len() || !heading.starts_with(' ') {
            continue;
        }
        let kept = heading.trim().chars().filter(|char| char.is_alphanumeric() || matches!(char, ' ' | '-' | '_'));
        let anchor: String =
            kept.flat_map(char::to_lowercase).map(|char| if char == ' ' { '-' } else { char }).collect();
        assert!(found.insert(anchor.clone()), "two headings of one document are #{anchor}");
    }
    found
}

/// What a text cites of the documents, each as the document's name and an anchor: by its path from the root anywhere,
/// and inside a document by a link to another or to itself.
fn citations(text: &str, document: Option<&str>) -> BTreeSet<(String, String)> {
    let found = |pattern: &str, own: &str| -> Vec<_> {
        let pattern = Regex::new(pattern).unwrap();
        let cited = pattern.captures_iter(text);
        cited.map(|parts| (parts.get(1).map_or(own, |name| name.as_str()).to_owned(), parts[2].to_owned())).collect()
    };
    let anywhere = found(r"docs/([\w-]+)\.md#([\w-]+)", "");
    let inside = document.map(|own| found(r"\]\((?:([\w-]+)\.md)?#([\w-]+)\)", own));
    anywhere.into_iter().chain(inside.into_iter().flatten()).collect()
}

#[test]
fn every_rule_that_is_cited_is_in_its_document() {
    let (root, mut files) = (root(), Vec::new());
    sources(&root, &mut files);
    let read = |path: &PathBuf| fs::read_to_string(path).unwrap();
    let name_of = |path: &Path| path.file_stem().unwrap().to_str().unwrap().to_owned();
    let documents: BTreeMap<String, (PathBuf, BTreeSet<String>)> = files
        .iter()
        .filter(|path| path.parent() == Some(&root.join("docs")))
        .map(|path| (name_of(path), (path.clone(), anchors(&read(path)))))
        .collect();
    assert!(documents.contains_key("rules") && documents.contains_key("wire"), "{:?}", documents.keys());

    let (mut missing, mut found) = (Vec::new(), 0);
    for path in &files {
        let name = name_of(path);
        let document = documents.get(&name).filter(|(document, _)| document == path).map(|_| name.as_str());
        for (document, anchor) in citations(&read(path), document) {
            found += 1;
            if !documents.get(&document).is_some_and(|(_, anchors)| anchors.contains(&anchor)) {
                missing.push(format!("{}: docs/{document}.md#{anchor}", path.display()));
            }
        }
    }
    assert!(missing.is_empty(), "cited and not there:\n{}", missing.join("\n"));
    assert!(found > 0, "citations are no longer found");
}

#[test]
fn a_citation_is_a_path_with_an_anchor_or_a_link_inside_a_document() {
    let text = "/// By (docs/rules.md#age) and [it](../docs/wire.md#key-memory). [Here](#age-2), [there](wire.md#a_b).";
    let cited = |document| -> Vec<_> {
        citations(text, document).into_iter().map(|(name, anchor)| format!("{name}#{anchor}")).collect()
    };
    assert_eq!(cited(None), ["rules#age", "wire#key-memory"]);
    assert_eq!(cited(Some("rules")), ["rules#age", "rules#age-2", "wire#a_b", "wire#key-memory"]);
}

#[test]
fn a_heading_is_an_anchor_unless_it_is_code() {
    let document = "# Rules\n\n## CXone's API: on_the wire\n\n```sh\n# a comment\n```\n#no heading\n";
    assert_eq!(anchors(document), BTreeSet::from(["rules".to_owned(), "cxones-api-on_the-wire".to_owned()]));
}

#[test]
fn no_comment_is_wider_than_120_columns() {
    let mut files = Vec::new();
    sources(&root(), &mut files);
    files.retain(|path| path.extension().is_some_and(|extension| extension == "rs"));
    assert!(files.len() > 100, "the sources are found");
    for path in files {
        let text = fs::read_to_string(&path).unwrap();
        let wide = text
            .lines()
            .enumerate()
            .find(|(_, line)| line.trim_start().starts_with("//") && line.chars().count() > 120);
        assert_eq!(wide, None, "{}", path.display());
    }
}

#[test]
fn every_reason_stands_in_the_readme_and_in_the_rules() {
    for document in ["README.md", "docs/rules.md"] {
        let text = fs::read_to_string(root().join(document)).unwrap();
        for reason in DeadLetterReason::ALL {
            let row = text.lines().any(|line| line.starts_with('|') && line.contains(&format!("`{reason}`")));
            assert!(row, "{document} has no row for {reason}");
        }
    }
}

#[test]
fn the_templates_query_and_the_rules_name_fields_that_the_log_line_has() {
    let line = fs::read_to_string(root().join("shared/src/batch/canonical_line.rs")).unwrap();
    let has = |field: &str| Regex::new(&format!(r"(?m)^\s+{field}(,| = )")).unwrap().is_match(&line);
    let template = fs::read_to_string(root().join("template.yaml")).unwrap();
    let query = Regex::new(r"filter (\w+) = '[\w-]+' \| fields @timestamp, ([\w, ]+) \|").unwrap();
    let query = query.captures(&template).expect("the dashboard's query");
    let asked = std::iter::once(&query[1]).chain(query[2].split(", ")).map(str::to_owned).collect::<Vec<_>>();
    assert!(asked.len() > 3 && asked.iter().all(|field| has(field)), "{asked:?}");
    let rules = fs::read_to_string(root().join("docs/rules.md")).unwrap();
    let section = rules.split("### Log line\n").nth(1).unwrap().split("\n### ").next().unwrap();
    let named: Vec<_> = Regex::new(r"`(\w+)`").unwrap().captures_iter(section).map(|name| name[1].to_owned()).collect();
    assert!(named.len() > 10 && named.iter().all(|field| has(field)), "{named:?}");
}
