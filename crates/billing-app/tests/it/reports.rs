//! Reports against a plain reference, which is computed here over the same random events.

use proptest::{prelude::*, strategy::ValueTree, test_runner::TestRunner};
use serde_json::{Value, json};

use crate::{
    helpers::{Billing, Servers},
    reports_reference::{Ask, DIMENSIONS, Sample, expected},
};

/// Events around leap day, many at midnight; posted with all kinds of offsets.
async fn with_samples(count: usize) -> (Servers, Billing, Vec<Sample>) {
    let servers = Servers::prepare().await;
    let billing = servers.start().await;
    let mut runner = TestRunner::deterministic();
    let strategy = proptest::collection::vec(Sample::any(), count);
    let samples = strategy.new_tree(&mut runner).unwrap().current();
    let bodies: Vec<_> = samples.iter().map(Sample::body).collect();
    for thousand in bodies.chunks(1_000) {
        let added = billing.client.post("/api/events", &json!(thousand)).await;
        added.json(201);
    }
    (servers, billing, samples)
}

async fn check(billing: &Billing, samples: &[Sample], ask: &Ask) {
    let path = format!("/api/reports?{}", ask.query());
    let answer = billing.client.get(&path).await.json(200);
    assert_eq!(answer, expected(samples, ask), "{path}");
}

/// Values of each parameter.
fn choices() -> Vec<Vec<Ask>> {
    let ask = |name: &'static str, values: &[&str]| {
        let asks = values.iter().map(|value| Ask::of(&[(name, value)]));
        asks.collect::<Vec<_>>()
    };
    vec![
        ask(
            "group_by",
            &[
                "client",
                "date",
                "valid,category",
                "date,client_group,device_type",
            ],
        ),
        ask(
            "order_by",
            &["-mean", "sum", "-count,client", "-date,valid"],
        ),
        ask("offset", &["0", "3", "100000"]),
        ask("limit", &["1", "7", "1000"]),
        ask("clients", &["1", "-2,3,9223372036854775807"]),
        ask("client_groups", &["0", "1,2"]),
        ask("device_types", &["phone", "tablet,%C3%A9%20%22x%22"]),
        ask("categories", &["view", "a;b,click"]),
        ask("valid", &["true", "false", "true,false"]),
        ask(
            "start_date",
            &[
                "2024-02-29",
                "2024-02-29T12:00:00.000001Z",
                "2024-03-01T00:30:00%2B01:00",
            ],
        ),
        ask(
            "end_date",
            &[
                "2024-02-29",
                "2024-02-28T23:59:59.999999Z",
                "0001-01-01",
                "9999-12-31",
            ],
        ),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_parameter_alone_and_in_pairs_agrees_with_the_reference() {
    let (_servers, billing, samples) = with_samples(700).await;
    check(&billing, &samples, &Ask::default()).await;
    let choices = choices();
    for (place, asks) in choices.iter().enumerate() {
        for ask in asks {
            check(&billing, &samples, ask).await;
            for other in choices[place + 1..].iter().flatten() {
                if let Some(both) = ask.and(other) {
                    check(&billing, &samples, &both).await;
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_parameters_together_agree_with_the_reference() {
    let (_servers, billing, samples) = with_samples(300).await;
    let parameter = |asks: Vec<Ask>| proptest::option::of(proptest::sample::select(asks));
    let all: Vec<_> = choices().into_iter().map(parameter).collect();
    let mut runner = TestRunner::deterministic();
    for _ in 0..200 {
        let asks = all.new_tree(&mut runner).unwrap().current();
        let combined = asks
            .iter()
            .flatten()
            .try_fold(Ask::default(), |all, ask| all.and(ask));
        if let Some(ask) = combined {
            check(&billing, &samples, &ask).await;
        }
    }
}

#[tokio::test]
async fn a_report_on_nothing_is_empty() {
    let servers = Servers::prepare().await;
    let billing = servers.start().await;
    let answer = billing
        .client
        .get("/api/reports?group_by=date&offset=5&limit=7")
        .await;
    let pagination = json!({ "offset": 5, "page_size": 7, "total_count": 0 });
    assert_eq!(
        answer.json(200),
        json!({ "data": [], "pagination": pagination })
    );
    let csv = billing
        .client
        .request("GET", "/api/reports")
        .header("accept", "text/csv");
    let csv = testing::send(csv).await;
    let names = format!("{},mean,sum,count\r\n", DIMENSIONS.join(","));
    assert_eq!((csv.status, &csv.body[..]), (200, names.as_bytes()));
}

#[tokio::test]
async fn means_are_rounded_half_away_from_zero() {
    let servers = Servers::prepare().await;
    let billing = servers.start().await;
    let of = |client: i64, values: &[&str]| {
        let events = values.iter().map(|value| {
            let mut event = crate::events::event_with("value", *value);
            event["client"] = client.into();
            event
        });
        events.collect::<Vec<_>>()
    };
    let events = [
        of(1, &["0.000001", "0"]),
        of(2, &["-0.000001", "0"]),
        of(3, &["1", "1", "0"]),
        of(4, &["-0.000001", "0", "0"]),
        of(5, &["99999999999999.999999", "99999999999999.999998"]),
    ];
    let added = billing
        .client
        .post("/api/events", &json!(events.concat()))
        .await;
    added.json(201);
    let report = billing
        .client
        .get("/api/reports?group_by=client")
        .await
        .json(200);
    let groups = report["data"].as_array().unwrap();
    let means: Vec<_> = groups
        .iter()
        .map(|group| group["mean"].as_str().unwrap())
        .collect();
    let expected = [
        "0.000001",
        "-0.000001",
        "0.666667",
        "0.000000",
        "99999999999999.999999",
    ];
    assert_eq!(means, expected);
    assert_eq!(groups[4]["sum"], "199999999999999.999997");
}

#[tokio::test]
async fn a_page_as_csv_has_what_the_page_as_json_has() {
    let (_servers, billing, _) = with_samples(200).await;
    let path = "/api/reports?group_by=date,device_type,valid&order_by=-sum&offset=2&limit=5";
    let json = billing.client.get(path).await;
    assert_eq!(json.header("vary"), "accept");
    let request = billing.client.request("GET", path);
    let csv = testing::send(request.header("accept", "application/json;q=0.1, text/csv")).await;
    assert_eq!(
        csv.header("content-type"),
        "text/csv; charset=utf-8; header=present"
    );
    assert_eq!(csv.header("vary"), "accept");
    let quoted = |text: &str| match text.contains('"') {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text.to_owned(),
    };
    let mut expected = "date,device_type,valid,mean,sum,count\r\n".to_owned();
    for group in json.json(200)["data"].as_array().unwrap() {
        let field = |name: &str| match &group[name] {
            Value::String(text) => quoted(text),
            other => other.to_string(),
        };
        let names = ["date", "device_type", "valid", "mean", "sum", "count"];
        expected += &(names.map(field).join(",") + "\r\n");
    }
    assert_eq!(String::from_utf8(csv.body.to_vec()).unwrap(), expected);
}

#[tokio::test]
async fn whatever_is_wrong_is_a_400_that_names_the_parameter() {
    let servers = Servers::prepare().await;
    let billing = servers.start().await;
    for (query, named) in [
        ("group_by=", "group_by"),
        ("group_by=value", "group_by"),
        ("group_by=Client", "group_by"),
        ("group_by=client,", "group_by"),
        ("group_by=client,client", "group_by"),
        ("group_by=client&group_by=date", "group_by"),
        ("order_by=", "order_by"),
        ("order_by=value", "order_by"),
        ("order_by=--sum", "order_by"),
        ("order_by=sum,-sum", "order_by"),
        ("order_by=sum%20desc", "order_by"),
        ("order_by=1;DROP%20TABLE%20orders", "order_by"),
        ("group_by=client&order_by=date", "order_by"),
        ("offset=-1", "offset"),
        ("offset=1.5", "offset"),
        ("offset=4294967296", "offset"),
        ("limit=0", "limit"),
        ("limit=-1", "limit"),
        ("limit=1001", "limit"),
        ("limit=x", "limit"),
        ("clients=", "clients"),
        ("clients=1,", "clients"),
        ("clients=x", "clients"),
        ("clients=9223372036854775808", "clients"),
        ("clients=1,1", "clients"),
        ("client_groups=1.0", "client_groups"),
        ("device_types=", "device_types"),
        ("device_types=a,,b", "device_types"),
        ("categories=a,a", "categories"),
        ("valid=yes", "valid"),
        ("valid=true,true", "valid"),
        ("start_date=yesterday", "start_date"),
        ("start_date=2026-02-29", "start_date"),
        ("start_date=2026-01-01T00:00:00+01:00", "start_date"),
        ("end_date=", "end_date"),
        ("end_date=2026-13-01", "end_date"),
        ("end_date=10000-01-01", "end_date"),
        ("start_date=2026-01-02&end_date=2026-01-01", "start_date"),
        (
            "start_date=2026-01-01T00:00:01Z&end_date=2026-01-01T00:00:00Z",
            "start_date",
        ),
        ("client=1", "client"),
        ("page=1", "page"),
        ("LIMIT=1", "LIMIT"),
    ] {
        let refused = billing.client.get(&format!("/api/reports?{query}")).await;
        let problem = refused.problem(400);
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains(&format!("`{named}`")), "{query}: {detail}");
    }
    billing
        .client
        .get("/api/reports?device_types=%00")
        .await
        .problem(400);
    let many: Vec<_> = (0..1_001).map(|number| number.to_string()).collect();
    let path = format!("/api/reports?clients={}", many.join(","));
    billing.client.get(&path).await.problem(400);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reports_that_wait_keep_no_other_request_waiting() {
    let servers = Servers::prepare().await;
    let billing = servers.start().await;
    billing.client.get("/api/reports").await.json(200);
    let holder = servers.database.connect().await;
    let lock = "BEGIN; LOCK TABLE events.events IN ACCESS EXCLUSIVE MODE";
    holder.batch_execute(lock).await.unwrap();
    let asking = (0..30).map(|_| billing.client.get("/api/reports"));
    let asking = futures_util::future::join_all(asking);
    let others = async {
        servers.until_waiting(2).await;
        billing.client.get("/api/billing").await.json(200);
        billing.client.get("/api/customers").await.json(200);
    };
    let (answers, ()) = tokio::join!(asking, others);
    holder.batch_execute("ROLLBACK").await.unwrap();
    for answer in &answers {
        answer.problem(503);
        assert_eq!(answer.header("retry-after"), "1");
    }
    let told = |text: &str| {
        answers
            .iter()
            .filter(|a| String::from_utf8_lossy(&a.body).contains(text))
            .count()
    };
    assert_eq!(told("too many reports wait"), 12);
    billing.client.get("/api/reports").await.json(200);
}
