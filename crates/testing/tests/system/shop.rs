//! Checkouts under load, beside the payments: users who fill an order and check it out, again and again.
//!
//! The tables judge. Every order that was checked out must end SHIPPED or CANCELLED; it has one payment, and one refund if it
//! was cancelled. An order that is OPEN has neither. What a user was told by a 200 must have been checked out.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use testing::Shopper;
use tokio::{sync::Mutex, task::JoinSet};
use tokio_util::sync::CancellationToken;

use crate::parts::{gateway, psql, until};

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

/// Users who shop until they are told to stop.
pub(crate) struct Shop {
    users: Vec<String>,
    accepted: Arc<Mutex<BTreeSet<String>>>,
    shoppers: JoinSet<()>,
}

impl Shop {
    pub(crate) async fn open(stop: &CancellationToken) -> Self {
        let (mut users, mut shoppers, accepted) = (Vec::new(), JoinSet::new(), Arc::default());
        for _ in 0..SHOPPERS {
            let shopper = Shopper::register(gateway()).await;
            users.push(shopper.id.clone());
            shoppers.spawn(shop(shopper, Arc::clone(&accepted), stop.clone()));
        }
        Self {
            users,
            accepted,
            shoppers,
        }
    }

    /// Waits until every order has come to its end, and judges. The shoppers were told to stop.
    pub(crate) async fn judge(mut self) {
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
        ] {
            assert_eq!(self.orders(&wrong).await, BTreeSet::new(), "orders {what}");
        }
        self.compare_with_the_promises().await;
    }

    async fn compare_with_the_promises(&self) {
        let checked_out = self.orders("o.status <> 'OPEN'").await;
        let cancelled = self.orders("o.status = 'CANCELLED'").await.len();
        let accepted = self.accepted.lock().await;
        println!(
            "checkouts: accepted {}, orders {}, cancelled {cancelled}",
            accepted.len(),
            checked_out.len()
        );
        let lost: Vec<_> = accepted.difference(&checked_out).collect();
        assert!(lost.is_empty(), "lost: {lost:?}");
        assert!(!accepted.is_empty(), "nothing was checked out");
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

async fn shop(shopper: Shopper, accepted: Arc<Mutex<BTreeSet<String>>>, stop: CancellationToken) {
    while !stop.is_cancelled() {
        let order = shopper.buy().await;
        accepted.lock().await.extend(order);
        tokio::time::sleep(PAUSE).await;
    }
}
