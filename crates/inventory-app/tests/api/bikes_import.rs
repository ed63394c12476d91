//! `import-bikes`: what it takes, what it skips, and that it can be run again.

use std::{
    env::temp_dir,
    path::PathBuf,
    process::{Command, Output},
};

use serde_json::json;
use testing::{TestDatabase, settings::variables};

use crate::helpers::Inventory;

/// A file that is removed at the end of the test.
struct File(PathBuf);

impl File {
    fn with(text: &str) -> Self {
        let path = temp_dir().join(format!("bikes-{}.json", uuid::Uuid::new_v4()));
        std::fs::write(&path, text).unwrap();
        Self(path)
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Exit code, standard output, standard error.
async fn import(database: &TestDatabase, text: &str) -> (i32, String, String) {
    let file = File::with(text);
    let mut command = Command::new(env!("CARGO_BIN_EXE_inventory-app"));
    command
        .envs(variables(database.settings("movies-db")))
        .arg("import-bikes")
        .arg(&file.0);
    let output = tokio::task::spawn_blocking(move || command.output());
    let Output {
        status,
        stdout,
        stderr,
    } = output.await.unwrap().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code().unwrap(), text(stdout), text(stderr))
}

fn bikes(count: usize) -> String {
    let bike = |number: usize| json!({ "id": format!("bike-{number}"), "location": { "type": "Point", "coordinates": [number % 180, 1] } });
    json!((0..count).map(bike).collect::<Vec<_>>()).to_string()
}

#[tokio::test]
async fn bikes_keep_their_ids_and_a_second_run_changes_nothing() {
    let database = TestDatabase::create().await;
    let (code, out, _) = import(&database, &bikes(2_500)).await;
    assert_eq!(
        (code, out.trim()),
        (0, "2500 imported, 0 there already, 0 wrong and skipped")
    );
    let inventory = Inventory::start_with(database, &[]).await;
    inventory
        .database
        .execute("UPDATE bikes.bikes SET status = 'in_use', longitude = 7 WHERE id = 'bike-2'")
        .await;
    let before = inventory.client.get("/api/bikes").await.json(200);
    let (code, out, _) = import(&inventory.database, &bikes(2_501)).await;
    assert_eq!(
        (code, out.trim()),
        (0, "1 imported, 2500 there already, 0 wrong and skipped")
    );
    let after = inventory.client.get("/api/bikes").await.json(200);
    assert_eq!(
        after.as_array().unwrap()[..2_500],
        before.as_array().unwrap()[..]
    );
    inventory.client.get("/api/bikes/bike-2500").await.json(200);
}

#[tokio::test]
async fn documents_of_mongodb_are_taken() {
    let database = TestDatabase::create().await;
    let text = r#"[
        {"_id": {"$oid": "507f1f77bcf86cd799439011"}, "location": {"type": "Point", "coordinates": [13.4, 52.5]}, "status": 1, "battery": {"$numberInt": "3"}},
        {"_id": "plain", "location": {"type": "Point", "coordinates": [0, 0]}, "status": "available"}
    ]"#;
    let (code, out, _) = import(&database, text).await;
    assert_eq!(
        (code, out.trim()),
        (0, "2 imported, 0 there already, 0 wrong and skipped")
    );
    let inventory = Inventory::start_with(database, &[]).await;
    let bike = inventory
        .client
        .get("/api/bikes/507f1f77bcf86cd799439011")
        .await
        .json(200);
    assert_eq!(
        (&bike["status"], &bike["location"]["coordinates"]),
        (&json!("available"), &json!([13.4, 52.5]))
    );
    inventory.client.get("/api/bikes/plain").await.json(200);
}

#[tokio::test]
async fn what_is_wrong_is_told_with_its_place_and_skipped() {
    let database = TestDatabase::create().await;
    let place = r#""location": {"type": "Point", "coordinates": [1, 2]}"#;
    let text = format!(
        r#"[{{"id": "good", {place}}}, {{{place}}}, {{"id": "far", "location": {{"type": "Point", "coordinates": [1, 91]}}}},
        {{"id": "taken", {place}, "status": 2}}, {{"id": "a/b", {place}}}, 7, {{"id": "no place"}}, {{"id": "stream", {place}}},
        {{"id": "no-place"}}, {{"id": "x\u0000", {place}}}, {{"id": {{"$oid": 7}}, {place}}}, ["twice", 1], {{"id": "named", {place}, "status": "in_use"}},
        {{"id": "last", {place}, "status": null}}, {{"id": "last", {place}}}]"#
    );
    let (code, out, told) = import(&database, &text).await;
    assert_eq!(
        (code, out.trim()),
        (1, "2 imported, 1 there already, 12 wrong and skipped"),
        "{told}"
    );
    let lines: Vec<_> = told
        .lines()
        .filter(|line| line.starts_with("bike "))
        .collect();
    for (line, begin) in lines.iter().zip([
        "bike 1: has no id",
        "bike 2: \"far\": location: must be a latitude",
        "bike 3: \"taken\": status: must be 1",
        "bike 4: \"a/b\": must not contain /",
        "bike 5: is no object",
        "bike 6: \"no place\": must have visible",
        "bike 7: \"stream\": id: must not be the name",
        "bike 8: \"no-place\": has no location",
        "bike 9: \"x\\0\": must have visible",
        "bike 10: id: ",
        "bike 11: is no object",
        "bike 12: \"named\": status",
    ]) {
        assert!(
            line.starts_with(begin),
            "{line} does not start with {begin}"
        );
    }
    assert_eq!(
        database
            .value("SELECT string_agg(id, ' ' ORDER BY number) FROM bikes.bikes")
            .await,
        "good last"
    );
}

#[tokio::test]
async fn a_file_that_breaks_off_says_where_and_keeps_what_was_before() {
    let database = TestDatabase::create().await;
    for (text, told) in [
        (
            r#"[{"id":"a","location":{"type":"Point","coordinates":[1,2]}},{"id""#,
            "line 1",
        ),
        ("{}", "an array of bikes"),
        ("", "line 1"),
    ] {
        let (code, _, error) = import(&database, text).await;
        assert_eq!(code, 1);
        assert!(error.contains(told), "{error}");
    }
    assert_eq!(
        database.value("SELECT count(*) FROM bikes.bikes").await,
        "1"
    );
}
