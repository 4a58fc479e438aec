//! Writes the JSON Schema of a routes file to standard output: the source of `routes.schema.json`.

use std::io::{self, Write};

use contact_injection::domain::routes::Routes;

fn main() -> io::Result<()> {
    writeln!(io::stdout(), "{:#}", Routes::json_schema())
}
