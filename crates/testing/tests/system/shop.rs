//! Checkouts under load, beside the payments: users who fill an order and check it out, again and again.
//!
//! The tables judge. Every order that was checked out must end SHIPPED or CANCELLED; it has one payment, and one refund if it
//! was cancelled. An order that is OPEN has neither. What a user was told by a 200 must have been checked out. No fault here lasts
//! as long as an order waits, so each of these orders must be SHIPPED.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use testing::Shopper;
use tokio::{sync::Mutex, task::JoinSet};
use tokio_util::sync::CancellationToken;

use crate::{
    parts::{gateway, psql, until},
    report::Explain,
};

/// Users who shop at the same time.
const SHOPPERS: usize = 2;

/// The pause of a shopper between two orders.
const PAUSE: Duration = Duration::from_millis(50);

/// How many payments an order has.
const PAYMENTS: &str =
    "(SELECT count(*) FROM public.orders p WHERE p.message_id = o.id AND p.order_id = o.id)";

/// How many refunds it has.
const REFUNDS: &str = "(SELECT count(*) FROM public.refunds r WHERE r.order_id = o.id)";

/// How many refunds it should have.
const CANCELLED: &str = "(CASE o.status WHEN 'CANCELLED' THEN 1 ELSE 0 END)";

/// How many shippings have another end than the order.
const OTHER_ENDS: &str = "(SELECT count(*) FROM shippings.shippings s WHERE s.order_id = o.id \
    AND s.status <> (CASE o.status WHEN 'SHIPPED' THEN 'SUCCESS' WHEN 'CANCELLED' THEN 'FAIL' END))";

/// The orders that were answered 200, with the phase in which they were.
#[derive(Default)]
struct Book {
    phase: String,
    accepted: BTreeMap<String, String>,
}

/// Users who shop until they are told to stop.
pub(crate) struct Shop {
    users: Vec<String>,
    book: Arc<Mutex<Book>>,
    shoppers: JoinSet<()>,
}

impl Shop {
    pub(crate) async fn open(stop: &CancellationToken) -> Self {
        let (mut users, mut shoppers, book) = (Vec::new(), JoinSet::new(), Arc::default());
        for _ in 0..SHOPPERS {
            let shopper = Shopper::register(gateway()).await;
            users.push(shopper.id.clone());
            shoppers.spawn(shop(shopper, Arc::clone(&book), stop.clone()));
        }
        Self {
            users,
            book,
            shoppers,
        }
    }

    pub(crate) async fn phase(&self, name: &str) {
        name.clone_into(&mut self.book.lock().await.phase);
    }

    /// Waits until every order has come to its end, and judges. The shoppers were told to stop.
    ///
    /// Where there was a phase before and one after the fault, something must have been checked out in each.
    pub(crate) async fn judge(mut self, phases: &[&str]) {
        while self.shoppers.join_next().await.is_some() {}
        for (what, unfinished) in [
            ("ended", "o.status = 'PROCESSING'".to_owned()),
            ("paid", format!("o.status <> 'OPEN' AND {PAYMENTS} = 0")),
            ("refunded if cancelled", format!("{REFUNDS} < {CANCELLED}")),
        ] {
            let done = async || self.orders(&unfinished).await.is_empty();
            until(done, &format!("every order is {what}")).await;
        }
        for (what, wrong) in [
            (
                "paid while open",
                format!("o.status = 'OPEN' AND {PAYMENTS} > 0"),
            ),
            ("paid twice", format!("{PAYMENTS} > 1")),
            ("refunded too often", format!("{REFUNDS} > {CANCELLED}")),
            (
                "with another end than their shipping",
                format!("{OTHER_ENDS} > 0"),
            ),
            ("cancelled", "o.status = 'CANCELLED'".to_owned()),
        ] {
            assert_eq!(self.orders(&wrong).await, BTreeSet::new(), "orders {what}");
        }
        self.compare_with_the_promises(phases).await;
    }

    async fn compare_with_the_promises(&self, phases: &[&str]) {
        let checked_out = self.orders("o.status <> 'OPEN'").await;
        let accepted = &self.book.lock().await.accepted;
        println!(
            "checkouts: accepted {}, orders {}",
            accepted.len(),
            checked_out.len()
        );
        let lost: Vec<_> = accepted
            .keys()
            .filter(|order| !checked_out.contains(*order))
            .collect();
        assert!(lost.is_empty(), "lost: {lost:?}");
        for phase in ["before", "after"]
            .iter()
            .filter(|phase| phases.contains(phase))
        {
            assert!(
                accepted.values().any(|accepted| accepted == phase),
                "nothing was checked out {phase} the fault"
            );
        }
    }

    /// The ids of these users' orders for which this holds.
    async fn orders(&self, condition: &str) -> BTreeSet<String> {
        let users = self.users.join("','");
        let sql = format!(
            "SELECT o.id FROM orders.orders o WHERE o.customer_id IN ('{users}') AND {condition}"
        );
        let ids = psql("billing", &sql).await;
        ids.lines().map(ToOwned::to_owned).collect()
    }
}

async fn shop(shopper: Shopper, book: Arc<Mutex<Book>>, stop: CancellationToken) {
    while !stop.is_cancelled() {
        if let Some(order) = shopper.buy().await {
            let mut book = book.lock().await;
            let phase = book.phase.clone();
            book.accepted.insert(order, phase);
        }
        tokio::time::sleep(PAUSE).await;
    }
}

#[tokio::test]
async fn an_order_of_an_unknown_customer_is_cancelled_and_refunded_once() {
    let _explain = Explain;
    let shopper = Shopper::register(gateway()).await;
    let sql = format!(
        "DELETE FROM customers.customers WHERE id = '{}'",
        shopper.id
    );
    psql("billing", &sql).await;
    let id = shopper.buy().await.unwrap();
    let ended = format!(
        "SELECT o.status, {PAYMENTS}, {REFUNDS}, s.status FROM orders.orders o \
         JOIN shippings.shippings s ON s.order_id = o.id WHERE o.id = '{id}'"
    );
    let done = async || psql("billing", &ended).await == "CANCELLED|1|1|FAIL";
    until(done, "it is cancelled, with its payment and a refund").await;
}
