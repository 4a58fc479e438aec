//! `template.yaml` and `outcomes.yaml` as JSON, so that whatever is created or checked locally is what gets deployed.
//!
//! Short intrinsic functions are written out (`!Ref X` is `{"Ref": "X"}`, `!GetAtt A.B` is `{"Fn::GetAtt": "A.B"}`).

mod conditions;
mod sam;

use std::collections::BTreeSet;
use std::path::PathBuf;

use saphyr::{LoadableYamlNode, Scalar, Yaml};
use serde_json::{Map, Number, Value, json};
use thiserror::Error;

/// Why the template can't be used.
#[derive(Debug, Error)]
pub enum TemplateError {
    /// The file can't be read.
    #[error("cannot read {path}")]
    Unreadable {
        /// Where it was looked for.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is no YAML.
    #[error("the template is no YAML")]
    Syntax(#[from] saphyr::ScanError),
    /// The file holds no document, or a node that no template has.
    #[error("the template holds something other than mappings, lists and scalars")]
    Shape,
    /// A rule of the template does not take these parameters.
    #[error("refused: {0}")]
    Refused(String),
    /// SAM makes nothing of it.
    #[error("SAM can't translate the template: {0}")]
    Untranslated(String),
    /// A resource is missing, or one of its properties.
    #[error("the template has no {0}")]
    Missing(String),
}

/// A template: one of this workspace's, or one built from it.
#[derive(Debug, Clone)]
pub struct Template(Value);

impl Template {
    /// Reads `template.yaml` from the workspace.
    pub fn read() -> Result<Self, TemplateError> {
        Self::read_from(crate::workspace_root().join("template.yaml"))
    }

    /// Reads `outcomes.yaml` from the workspace: the stack that `template.yaml` includes where there is an outcome bus.
    pub fn read_outcomes() -> Result<Self, TemplateError> {
        Self::read_from(crate::workspace_root().join("outcomes.yaml"))
    }

    /// What SAM makes of a template of the workspace, with its parameters' defaults: as `CloudFormation` gets it.
    pub fn translated(file: &str) -> Result<Self, TemplateError> {
        sam::translated(Some(file)).map(Self)
    }

    /// The template by which SAM makes the bucket for its packages.
    pub fn of_sams_bucket() -> Result<Self, TemplateError> {
        sam::translated(None).map(Self)
    }

    /// Reads a template from elsewhere.
    pub fn read_from(path: PathBuf) -> Result<Self, TemplateError> {
        let text = std::fs::read_to_string(&path).map_err(|source| TemplateError::Unreadable { path, source })?;
        let documents = Yaml::load_from_str(&text)?;
        documents.first().and_then(to_json).map(Self).ok_or(TemplateError::Shape)
    }

    /// What is deployed of it with these parameters, the others at their defaults: no resource and no output whose
    /// condition doesn't hold, one branch of every `Fn::If`, and no `AWS::NoValue`. The partition is given by
    /// `AWS::Partition`. Parameters that a rule refuses are an error.
    pub fn deployed_with(&self, parameters: &[(&str, &str)]) -> Result<Self, TemplateError> {
        conditions::deployed_with(&self.0, parameters).map(Self)
    }

    /// The whole of it.
    pub fn document(&self) -> &Value {
        &self.0
    }

    /// The value at a JSON pointer.
    pub fn at(&self, pointer: &str) -> Result<&Value, TemplateError> {
        self.0.pointer(pointer).ok_or_else(|| TemplateError::Missing(pointer.to_owned()))
    }

    /// Gives a parameter another default.
    pub fn set_default(&mut self, parameter: &str, value: &str) -> Result<(), TemplateError> {
        let pointer = format!("/Parameters/{parameter}/Default");
        let default = self.0.pointer_mut(&pointer).ok_or(TemplateError::Missing(pointer))?;
        *default = Value::from(value);
        Ok(())
    }

    /// Takes out the resources that aren't to be kept.
    pub fn retain_resources(&mut self, keep: impl Fn(&Value) -> bool) {
        if let Some(resources) = self.0.get_mut("Resources").and_then(Value::as_object_mut) {
            resources.retain(|_, resource| keep(resource));
        }
    }

    /// A property of a resource, by its name.
    pub fn property(&self, resource: &str, property: &str) -> Result<&Value, TemplateError> {
        self.at(&format!("/Resources/{resource}/Properties/{property}"))
    }

    /// Every resource of a type, with its logical name.
    pub fn resources_of<'a>(&'a self, resource_type: &'a str) -> impl Iterator<Item = (&'a str, &'a Value)> {
        let resources = self.0.get("Resources").and_then(Value::as_object);
        resources
            .into_iter()
            .flatten()
            .filter(move |(_, resource)| resource.get("Type").and_then(Value::as_str) == Some(resource_type))
            .map(|(name, resource)| (name.as_str(), resource))
    }
}

/// The names that a value refers to: parameters, resources, and those of AWS.
pub fn references(value: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    refer(value, &mut found);
    found
}

fn refer(value: &Value, found: &mut BTreeSet<String>) {
    let mut of_path = |path: &str| found.extend(path.split('.').next().map(str::to_owned));
    match value {
        Value::Object(members) => {
            for (function, argument) in members {
                match (function.as_str(), argument) {
                    ("Ref" | "Fn::GetAtt", Value::String(path)) => of_path(path),
                    ("Fn::GetAtt", Value::Array(path)) => path[0].as_str().into_iter().for_each(&mut of_path),
                    ("Fn::Sub", text) => {
                        let text = text.as_str().or(text[0].as_str()).unwrap_or_default();
                        let named = text.split("${").skip(1).filter_map(|rest| rest.split('}').next());
                        named.for_each(&mut of_path);
                    }
                    _ => {}
                }
            }
            members.values().for_each(|value| refer(value, found));
        }
        Value::Array(items) => items.iter().for_each(|item| refer(item, found)),
        _ => {}
    }
}

fn to_json(node: &Yaml<'_>) -> Option<Value> {
    match node {
        Yaml::Value(scalar) => Some(scalar_to_json(scalar)),
        Yaml::Sequence(items) => items.iter().map(to_json).collect::<Option<Vec<_>>>().map(Value::Array),
        Yaml::Mapping(members) => {
            let members = members.iter().map(|(key, value)| Some((key.as_str()?.to_owned(), to_json(value)?)));
            members.collect::<Option<Map<_, _>>>().map(Value::Object)
        }
        Yaml::Tagged(tag, inner) => {
            let name = match tag.suffix.as_str() {
                plain @ ("Ref" | "Condition") => plain.to_owned(),
                function => format!("Fn::{function}"),
            };
            to_json(inner).map(|argument| json!({ name: argument }))
        }
        Yaml::Representation(..) | Yaml::Alias(_) | Yaml::BadValue => None,
    }
}

fn scalar_to_json(scalar: &Scalar<'_>) -> Value {
    match scalar {
        Scalar::Null => Value::Null,
        Scalar::Boolean(value) => Value::Bool(*value),
        Scalar::Integer(value) => Value::from(*value),
        Scalar::FloatingPoint(value) => Number::from_f64(value.into_inner()).map_or(Value::Null, Value::Number),
        Scalar::String(value) => Value::String(value.to_string()),
    }
}
