//! `check`: the routes file, and cases against it, in the very code of the function and without any network.

mod explain;
mod junit;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{Args, ValueEnum};
use contact_injection::adapters::cases::{self, UnreadableCases};
use contact_injection::adapters::dynamodb::DynamoRegistry;
use contact_injection::adapters::environment::System;
use contact_injection::cases::{Case, Checked};
use contact_injection::dialects::{self, HttpReply, HttpResponse, RegisteredAttributes};
use contact_injection::domain::attributes::{AttributeDefinition, AttributeKey, Schema};
use contact_injection::domain::drift::Registers;
use contact_injection::domain::mapping::ComplianceBoundary;
use contact_injection::domain::routes::{Profile, Route, Routes, RoutesError};
use contact_injection::dry_run::Check;
use contact_injection::ports::{Environment as _, Registry as _, Wanted};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Value, json};

use crate::answer::{Answer, End, count, plain};
use crate::cli::Target;
use crate::commands::read;
use crate::error::Error;
use crate::stack::Stack;

/// Checks the routes file, and cases against it, offline: an event each, and what is expected to become of it.
///
/// A case is {"event": …, "expect": {"route": …, "request": {a part of it}}} or {"event": …, "expect": {"problem": …,
/// "pointer": …}}; a file holds one or a list. An event's age is not judged. Exits with 1 where the routes file has
/// problems or a case differs.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Files of cases, or folders of such files.
    cases: Vec<PathBuf>,
    /// The routes file.
    #[arg(long, value_name = "FILE", default_value = "functions/inject-contacts/routes.json")]
    routes: PathBuf,
    /// Which of CXone's APIs the routes are for.
    #[arg(long, value_name = "API", default_value = Profile::Guide.name(), value_parser = profiles())]
    cxone_profile: Profile,
    /// The registered attributes, or a tenant's custom fields, as CXone answers them or as --save-schema wrote them.
    /// Without it every attribute that a route names counts as registered.
    #[arg(long, value_name = "FILE")]
    schema: Option<PathBuf>,
    /// On which side of a HIPAA or PCI-DSS boundary the deployment is.
    #[arg(long, value_name = "SIDE", default_value = "outside")]
    boundary: Boundary,
    /// Print which data an event of each route must carry, and which it may.
    #[arg(long)]
    explain: bool,
    /// Write the cases' results as XML for CI systems too, as unit test runners do.
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Show values where a case differs: they are the event's.
    #[arg(long)]
    show_request: bool,
    /// Fetch the registered attributes that a stack knows into a file for --schema, and check nothing.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["cases", "schema", "explain", "junit"])]
    save_schema: Option<PathBuf>,
}

/// Which of CXone's APIs there are.
fn profiles() -> impl TypedValueParser<Value = Profile> {
    let named = |profile: Profile| PossibleValue::new(profile.name()).help(profile.api());
    let meant = |name: String| Profile::ALL.into_iter().find(|profile| profile.name() == name).ok_or("there is none");
    PossibleValuesParser::new(Profile::ALL.map(named)).try_map(meant)
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Boundary {
    Outside,
    Inside,
}

/// Checks, or fetches what is needed for it.
pub(super) async fn run(target: &Target, arguments: Arguments) -> Result<Answer, Error> {
    if let Some(file) = &arguments.save_schema {
        return save_schema(target, file).await;
    }
    let text = read(&arguments.routes)?;
    let routes = match Routes::from_json(&*text, dialects::facts(arguments.cxone_profile).routes) {
        Ok(routes) => routes,
        Err(error) => return Ok(refused(&arguments.routes, &error)),
    };
    let file: Value = serde_json::from_str(&text).unwrap_or_default();
    let cases = cases::read(&arguments.cases).map_err(unreadable)?;
    if cases.is_empty() && !arguments.cases.is_empty() {
        return Err(Error::Usage(
            "no cases: a case is a file whose name ends in .json, there or right in a folder".to_owned(),
        ));
    }
    let offline = dialects::offline(arguments.cxone_profile, &routes);
    let dialect = offline.map_err(|error| Error::Usage(error.to_string()))?;
    let registered = dialect.registered_attributes();
    let known =
        arguments.schema.as_deref().map(|path| schema(path, arguments.cxone_profile, registered)).transpose()?;
    let assumed = if registered.is_some() { Schema::new(named(&file)) } else { Schema::unrestricted() };
    let check = Check {
        routes: &routes,
        boundary: match arguments.boundary {
            Boundary::Outside => ComplianceBoundary::Outside,
            Boundary::Inside => ComplianceBoundary::Inside,
        },
        schema: known.as_ref().unwrap_or(&assumed),
        dialect: &*dialect,
        now: System::new().now(),
    };
    if let (None, Some(registered)) = (&known, registered) {
        refuse_flattened(&cases, &routes, registered, &file)?;
    }
    let checked: Vec<_> = cases.iter().map(|case| case.check(check)).collect();
    if let Some(path) = &arguments.junit {
        let report = junit::report(&checked, arguments.show_request);
        std::fs::write(path, report).map_err(|error| unwritable(path, &error))?;
    }
    // A tenant's contact is taken without a field that it calls required.
    let demanded = known.as_ref().filter(|_| dialect.facts().every_attribute_registered);
    let explained = arguments.explain.then(|| explain::routes(&file, demanded, check.boundary));
    let unchecked = known.is_none() && routes.has_digital();
    Ok(answer((&routes, unchecked), &checked, explained, arguments.show_request))
}

/// A routes file that has problems.
fn refused(path: &Path, error: &RoutesError) -> Answer {
    let problems = error
        .problems
        .iter()
        .map(|problem| json!({ "pointer": problem.pointer, "message": problem.message, "hint": problem.hint }));
    let json = json!({ "problems": problems.collect::<Vec<_>>(), "cases": [] });
    Answer::done(format!("{}:\n{error}", path.display()), json).ending(End::Problems)
}

/// What is told of routes, of which may be said that their custom fields are not checked.
fn answer(
    (routes, unchecked): (&Routes, bool),
    checked: &[Checked<'_>],
    explained: Option<(String, Value)>,
    values: bool,
) -> Answer {
    let differing = checked.iter().filter(|one| !one.differences.is_empty()).count();
    let (mut text, explained) = explained.unwrap_or_default();
    for one in checked {
        let verdict = if one.differences.is_empty() { "ok" } else { "differs" };
        let route = one.route.as_deref().unwrap_or("-");
        text.extend([format!("{verdict:7}  {}  route {}\n", plain(&one.case.name), plain(route))]);
        text.extend(one.differences.iter().map(|difference| format!("         {}\n", plain(&difference.told(values)))));
    }
    let of_cases = match checked.len() {
        0 => "no cases".to_owned(),
        all => format!("{}: {} as expected, {differing} different", count(all, "case"), all - differing),
    };
    let routes = count(routes.count(), "route");
    if unchecked {
        text.push_str("custom fields are not checked: give the tenant's own with --schema\n");
    }
    text.extend([format!("the routes file is good: {routes}; {of_cases}")]);
    let cases = checked.iter().map(|one| {
        let differences = one.differences.iter().map(|difference| difference.json(values)).collect::<Vec<_>>();
        let verdict = if differences.is_empty() { "ok" } else { "differs" };
        json!({ "case": one.case.name, "route": one.route, "verdict": verdict, "differences": differences })
    });
    let mut json = json!({ "problems": [], "cases": cases.collect::<Vec<_>>() });
    if !explained.is_null() {
        json["routes"] = explained;
    }
    Answer::done(text, json).ending(if differing == 0 { End::Done } else { End::Problems })
}

/// What a route flattens is typed by the registered attributes: without them nobody knows what becomes of it.
fn refuse_flattened(cases: &[Case], routes: &Routes, registers: &dyn Registers, file: &Value) -> Result<(), Error> {
    let flattening: BTreeSet<_> = members(file)
        .filter(|route| route.get("flatten").is_some())
        .filter_map(|route| route["name"].as_str())
        .collect();
    for case in cases {
        let Ok(event) = &case.event else { continue };
        let flattens = |route: &&Route| registers.concern(route) && flattening.contains(route.name());
        if let Some(route) = routes.select(event).filter(flattens) {
            return Err(Error::Usage(format!(
                "{}: its route {:?} flattens an object by the registered attributes: give them with --schema",
                plain(&case.name),
                route.name()
            )));
        }
    }
    Ok(())
}

/// The routes of a file that is known to be good.
fn members(file: &Value) -> impl Iterator<Item = &Value> {
    file["routes"].as_array().into_iter().flatten()
}

/// Every attribute that a route names, as if it were registered so.
fn named(file: &Value) -> Vec<AttributeDefinition> {
    let keys = members(file).filter_map(|route| route["attributes"].as_object()).flat_map(|rules| rules.keys());
    let keys = keys.filter_map(|key| key.parse::<AttributeKey>().ok());
    keys.map(|key| AttributeDefinition {
        key: key.name().to_owned(),
        attribute_type: key.kind(),
        max_length: None,
        required: false,
    })
    .collect()
}

/// What a file has of the attributes that an API registers.
fn schema(path: &Path, profile: Profile, registered: Option<&dyn RegisteredAttributes>) -> Result<Schema, Error> {
    let Some(registered) = registered else {
        let why = "registers no attributes for these routes, as none leads into a digital channel";
        return Err(Error::Usage(format!("--schema: {} {why}", profile.api())));
    };
    let text = read(path)?;
    super::json::<IgnoredAny>(path, &text)?;
    let response = HttpResponse::new(200, None, text.as_bytes(), System::new().now());
    match (registered.read_schema(&HttpReply::Answered(response)).meaning, profile) {
        (Ok(schema), _) => Ok(schema),
        (Err(unread), Profile::Guide) => Err(super::unreadable(path, &unread)),
        (Err(_), Profile::Cxone) => {
            let saved = serde_json::from_str::<Saved>(&text).map(|saved| Schema::new(saved.attributes));
            let words = "neither a list of custom fields, each with ident and type, nor what --save-schema wrote";
            saved.map_err(|_| super::unreadable(path, &words))
        }
    }
}

/// What `--save-schema` writes.
#[derive(Deserialize)]
struct Saved {
    attributes: Vec<AttributeDefinition>,
}

async fn save_schema(target: &Target, file: &Path) -> Result<Answer, Error> {
    let stack = Stack::find(target).await?;
    let table = stack.output("RegistryTableName")?.to_owned();
    let registry = DynamoRegistry::new(stack.dynamodb(), table.clone(), System::new());
    let registered = registry.load(&Wanted::schema()).await;
    let registered = registered.map_err(|error| Error::ledger("dynamodb:BatchGetItem", &table, &error))?;
    let Some(snapshot) = registered.schema else {
        let why = "the stack has not synced the registered attributes yet: run its sync";
        let tenant = "a tenant's has some to save only where a route leads into a digital channel";
        return Err(Error::NotDone(format!("{why}; {tenant}")));
    };
    let attributes = snapshot.schema.definitions();
    let text = format!("{:#}\n", json!({ "attributes": attributes }));
    std::fs::write(file, text).map_err(|error| unwritable(file, &error))?;
    let said = format!("{} of {} in {}", count(attributes.len(), "attribute"), snapshot.fetched, file.display());
    Ok(Answer::done(said, json!({ "attributes": attributes.len(), "fetched": snapshot.fetched.to_string() })))
}

fn unreadable(error: UnreadableCases) -> Error {
    Error::Unreadable { path: error.path, why: error.why.to_string() }
}

fn unwritable(path: &Path, error: &std::io::Error) -> Error {
    Error::Usage(format!("cannot write {}: {error}", path.display()))
}
