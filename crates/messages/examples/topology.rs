//! Prints `topology.json`.

#![expect(clippy::print_stdout, reason = "the file is what it is for")]

fn main() -> Result<(), serde_json::Error> {
    let definitions = serde_json::to_string_pretty(&messages::topology::definitions())?;
    println!("{definitions}");
    Ok(())
}
