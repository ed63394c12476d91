//! The table exists once as text, and as a migration in each service that uses the outbox.

use broker::outbox::TABLE;
use testing::repository;

#[test]
fn the_migration_of_the_billing_creates_this_table() {
    let migration = repository::read("crates/billing-app/migrations/20261123000001_outbox/up.sql");
    assert_eq!(migration, TABLE);
}
