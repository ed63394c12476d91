//! The invariants of the README that can be read from manifests and sources. `scripts/tests/credentials.sh` checks the
//! one that concerns credentials, the gateway's `tests/it/exact.rs` that it forwards bytes.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;
use testing::repository::read;

/// Their folders are contexts.
const SERVICES_WITH_A_DATABASE: [&str; 2] = ["inventory-app", "billing-app"];

/// A crate may depend on those with a lower number.
fn layer(name: &str) -> u8 {
    match name {
        "platform" | "messages" => 0,
        "broker" => 1,
        "api-gateway" | "inventory-app" | "billing-app" => 2,
        _ => panic!("{name}: a new crate needs a layer"),
    }
}

fn cargo(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO"))
        .args(arguments)
        .arg("--locked")
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "cargo {arguments:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn crates_depend_on_lower_layers_only() {
    let metadata = cargo(&["metadata", "--no-deps", "--format-version", "1"]);
    let metadata: Value = serde_json::from_str(&metadata).unwrap();
    for package in metadata["packages"].as_array().unwrap() {
        let name = package["name"].as_str().unwrap();
        let dependencies = package["dependencies"].as_array().unwrap().iter();
        let ours = dependencies.filter(|dependency| dependency["path"].is_string());
        for dependency in ours {
            let other = dependency["name"].as_str().unwrap();
            let dev = dependency["kind"] == "dev";
            let lower = if other == "testing" {
                dev
            } else {
                // A test may start another service.
                let bound = layer(name) + u8::from(dev);
                name != "testing" && layer(other) < bound
            };
            assert!(lower, "{name} must not depend on {other}");
        }
    }
}

#[test]
fn the_broker_knows_the_topology_and_no_conversation() {
    let contract = read("crates/messages/src/lib.rs");
    let modules = contract.lines().filter_map(|line| {
        let module = line.strip_prefix("pub mod ")?;
        module.strip_suffix(';')
    });
    let conversations: Vec<_> = modules.filter(|module| *module != "topology").collect();
    assert!(conversations.contains(&"payments"), "{conversations:?}");
    for (path, source) in sources("broker") {
        for conversation in &conversations {
            assert!(
                follows(&source, &format!("{conversation}::"))
                    .next()
                    .is_none(),
                "{} knows {conversation}",
                path.display()
            );
        }
    }
}

#[test]
fn the_gateway_is_built_without_a_database() {
    let drivers = |package| {
        let tree = cargo(&["tree", "-p", package, "-e", "normal", "--prefix", "none"]);
        tree.lines().any(|line| {
            ["diesel", "tokio-postgres", "postgres", "sqlx", "rusqlite"]
                .contains(&line.split(' ').next().unwrap_or_default())
        })
    };
    assert!(!drivers("api-gateway"), "the gateway has a database driver");
    assert!(drivers("billing-app"), "the drivers have other names now");
}

#[test]
fn a_context_reaches_another_only_through_its_mod_rs() {
    for service in SERVICES_WITH_A_DATABASE {
        let sources = sources(service);
        let src = source_folder(service);
        let folders = sources.iter().filter_map(|(path, _)| path.parent());
        let contexts: BTreeSet<_> = folders.filter(|folder| *folder != src).collect();
        assert!(!contexts.is_empty(), "{service} has no context");
        for context in contexts {
            let modules = sources.iter().filter(|(path, _)| path.starts_with(context));
            for module in modules.map(|(path, _)| stem(path)) {
                let inner = format!("{}::{module}::", stem(context));
                let reaching = sources.iter().find(|(path, source)| {
                    let other = !path.starts_with(context) && path.parent() != Some(&src);
                    other && follows(source, &inner).next().is_some()
                });
                assert_eq!(reaching.map(|(path, _)| path), None, "reaches {inner}");
            }
        }
    }
}

#[test]
fn a_table_is_imported_by_the_model_of_one_context() {
    for service in SERVICES_WITH_A_DATABASE {
        let all = sources(service);
        let (schemas, others): (Vec<_>, Vec<_>) = all
            .iter()
            .partition(|(path, _)| path.ends_with("schema.rs"));
        let lines = schemas.iter().flat_map(|(_, schema)| schema.lines());
        let tables = lines.filter(|line| line.ends_with(") {"));
        for table in tables.map(|line| line.trim().split(' ').next().unwrap()) {
            let importing = others.iter().filter(|(_, source)| imports(source, table));
            let contexts: BTreeSet<_> = importing.map(|(path, _)| context_of_model(path)).collect();
            assert!(
                contexts.len() < 2 && !contexts.contains(&None),
                "{service}: {table} is imported by {contexts:?}"
            );
        }
    }
}

/// The folder of a context, if the file is its `model.rs` or in its `model/`.
fn context_of_model(path: &Path) -> Option<PathBuf> {
    let mut folders = path.ancestors();
    let model = folders.find(|path| path.file_stem().is_some_and(|stem| stem == "model"))?;
    model.parent().map(Path::to_owned)
}

/// Whether a source names a table, `name` or `schema.name`, by its path.
fn imports(source: &str, table: &str) -> bool {
    let (module, table) = table.rsplit_once('.').unwrap_or(("", table));
    let path = match module {
        "" => "schema::".to_owned(),
        module => format!("schema::{module}::"),
    };
    follows(source, &path).any(|path| {
        let group = path
            .strip_prefix('{')
            .and_then(|path| path.split('}').next());
        let named = group.unwrap_or(path);
        let mut words = named.split(|letter| !is_of_a_name(letter));
        named.starts_with('*')
            || if group.is_some() {
                words.any(|word| word == table)
            } else {
                // What goes on is a module of the same name.
                words.next() == Some(table) && !named[table.len()..].starts_with("::")
            }
    })
}

/// What follows a path in a source, wherever the path is not the end of a longer name.
fn follows<'a>(source: &'a str, path: &'a str) -> impl Iterator<Item = &'a str> {
    let places = source.match_indices(path);
    places
        .filter(|(start, _)| !source[..*start].ends_with(is_of_a_name))
        .map(move |(start, _)| &source[start + path.len()..])
}

fn is_of_a_name(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

fn stem(path: &Path) -> String {
    path.file_stem().unwrap().to_string_lossy().into_owned()
}

fn source_folder(name: &str) -> PathBuf {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    crates.join(name).join("src")
}

/// The sources of a crate without their comments.
fn sources(name: &str) -> Vec<(PathBuf, String)> {
    let mut folders = vec![source_folder(name)];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                let code = text.lines().filter(|line| !line.trim().starts_with("//"));
                found.push((path, code.collect::<Vec<_>>().join("\n")));
            }
        }
    }
    found
}
