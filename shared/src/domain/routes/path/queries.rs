//! The queries of a file that the library compiles, each once: routes are much alike, and one takes long and much
//! memory.

use std::{collections::HashMap, sync::Arc};

use serde_json_path::JsonPath;

use super::{PathError, shape::Shape};
use crate::domain::routes::footprint::MOST_MEMORY;

/// What the library makes of a short path, in bytes, and of each further byte of it: nobody can ask it, so that these
/// are more than any path was seen to take.
const COMPILED: (usize, usize) = (1024, 192);

/// General queries by their texts.
#[derive(Clone, Debug, Default)]
pub(crate) struct Queries {
    compiled: HashMap<Box<str>, Arc<JsonPath>>,
    /// Bytes that they take at most.
    footprint: usize,
}

impl Queries {
    /// The query of this text, which is one of these from now on. What is shared isn't changed, but copied.
    pub(super) fn query(known: &mut Arc<Self>, text: &str) -> Result<Arc<JsonPath>, PathError> {
        if let Some(query) = known.compiled.get(text) {
            return Ok(Arc::clone(query));
        }
        if known.footprint > MOST_MEMORY {
            return Err(PathError::Memory);
        }
        Shape::of(text)?;
        let query = Arc::new(JsonPath::parse(text)?);
        let known = Arc::make_mut(known);
        known.compiled.insert(text.into(), Arc::clone(&query));
        known.footprint += COMPILED.0 + COMPILED.1 * text.len();
        Ok(query)
    }

    /// Bytes that they take at most.
    pub(crate) fn footprint(&self) -> usize {
        self.footprint
    }
}
