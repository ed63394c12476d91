//! The rows of `customers.customers` and their queries.

use std::collections::BTreeMap;

use diesel::prelude::*;
use platform::database::{Connection, DatabaseError};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::schema::customers::customers;

/// A customer, as it is kept and as it is answered.
#[derive(Debug, Clone, Serialize, Queryable, Selectable, Insertable, ToSchema)]
#[diesel(table_name = customers)]
pub(super) struct Customer {
    /// Given by the billing; the user's, for a registered user.
    #[schema(example = "0198c0de-0000-7000-8000-000000000002")]
    pub(super) id: Uuid,
    /// Several customers may have the same.
    #[schema(example = "ann@example.org", min_length = 1, max_length = 254)]
    pub(super) email: String,
    /// Empty for a user who has given none.
    #[schema(example = "1 Mill Lane, Oxford", max_length = 500)]
    pub(super) address: String,
}

impl Customer {
    pub(super) async fn insert(self, connection: &mut Connection) -> Result<(), DatabaseError> {
        let insert = diesel::insert_into(customers::table).values(self);
        connection.execute(insert).await.map(drop)
    }

    pub(super) async fn find(
        connection: &mut Connection,
        id: Uuid,
    ) -> Result<Option<Self>, DatabaseError> {
        let customer = customers::table.find(id).select(Self::as_select());
        connection.optional(customer).await
    }

    /// Those of `ids` that there are.
    pub(super) async fn find_all(
        connection: &mut Connection,
        ids: Vec<Uuid>,
    ) -> Result<BTreeMap<Uuid, Self>, DatabaseError> {
        let found = customers::table.filter(customers::id.eq_any(ids));
        let found = connection.load(found.select(Self::as_select())).await?;
        let by_id = found
            .into_iter()
            .map(|customer: Self| (customer.id, customer));
        Ok(by_id.collect())
    }

    /// In the order of their ids, which is that of their making, from after `last`.
    pub(super) async fn after(
        connection: &mut Connection,
        last: Option<Uuid>,
        count: u16,
    ) -> Result<Vec<Self>, DatabaseError> {
        let page = customers::table
            .filter(customers::id.gt(last.unwrap_or(Uuid::nil())))
            .order(customers::id)
            .limit(count.into());
        connection.load(page.select(Self::as_select())).await
    }
}
