//! The rows of `beers` and their queries. Each query is one statement: it is done whole or not at all.

use diesel::{PgTextExpressionMethods, dsl::now, prelude::*};
use futures_util::{FutureExt, future::BoxFuture};
use platform::database::{Connection, DatabaseError, ReadByKey};
use rust_decimal::Decimal;
use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;

use crate::{schema::beers::beers, search::anywhere};

/// A beer, as it is kept and as it is answered.
#[derive(Debug, Clone, Serialize, Queryable, Selectable, ToSchema)]
#[diesel(table_name = beers)]
pub(crate) struct Beer {
    #[serde(skip)]
    pub(super) id: i64,
    /// Names it, and never changes.
    #[schema(example = "IPA-1", min_length = 1, max_length = 255)]
    pub(super) sku: String,
    /// Trimmed.
    #[schema(example = "India Pale Ale", min_length = 1, max_length = 255)]
    name: String,
    /// Exact, with two decimals.
    #[schema(example = "3.10", value_type = String, pattern = r"^[0-9]{1,6}\.[0-9]{2}$")]
    price: Decimal,
    /// An http(s) URL or a path.
    #[schema(required, example = "/images/ipa.png", max_length = 2_000)]
    image: Option<String>,
    /// When it was added.
    #[schema(example = "2026-12-01T12:00:00.000000Z")]
    #[serde(with = "platform::timestamp")]
    time_created: OffsetDateTime,
    /// When it was last replaced.
    #[schema(example = "2026-12-01T12:00:00.000000Z")]
    #[serde(with = "platform::timestamp")]
    time_modified: OffsetDateTime,
}

/// A beer's content, already checked.
#[derive(Debug, Clone, Insertable, AsChangeset)]
#[diesel(table_name = beers, treat_none_as_null = true)]
pub(super) struct Content {
    pub(super) name: String,
    pub(super) price: Decimal,
    pub(super) image: Option<String>,
}

/// Which beers; all of them by default.
#[derive(Debug, Clone, Default)]
pub(super) struct Filter {
    /// Those whose name has this in it.
    pub(super) name: Option<String>,
    /// Those with one of these skus.
    pub(super) skus: Option<Vec<String>>,
}

impl ReadByKey for Beer {
    type Key = String;

    fn key(&self) -> &String {
        &self.sku
    }

    async fn read(
        connection: &mut Connection,
        skus: Vec<String>,
    ) -> Result<Vec<Self>, DatabaseError> {
        let beers = beers::table.filter(beers::sku.eq_any(skus));
        connection.load(beers.select(Self::as_select())).await
    }
}

impl Beer {
    pub(super) async fn insert(
        connection: &mut Connection,
        sku: String,
        content: Content,
    ) -> Result<Self, DatabaseError> {
        let insert = diesel::insert_into(beers::table).values((beers::sku.eq(sku), content));
        connection.one(insert.returning(Self::as_returning())).await
    }

    pub(super) async fn update(
        connection: &mut Connection,
        sku: String,
        content: Content,
    ) -> Result<Option<Self>, DatabaseError> {
        let update = diesel::update(beers::table.filter(beers::sku.eq(sku)))
            .set((content, beers::time_modified.eq(now)));
        connection
            .optional(update.returning(Self::as_returning()))
            .await
    }

    /// Whether there was one.
    pub(super) async fn delete(
        connection: &mut Connection,
        sku: String,
    ) -> Result<bool, DatabaseError> {
        let delete = diesel::delete(beers::table.filter(beers::sku.eq(sku)));
        Ok(connection.execute(delete).await? > 0)
    }

    /// In the order in which they were added, from after `last`; those that pass `filter`.
    pub(super) fn after(
        connection: &mut Connection,
        Filter { name, skus }: Filter,
        last: Option<i64>,
        count: u16,
    ) -> BoxFuture<'_, Result<Vec<Self>, DatabaseError>> {
        let mut page = beers::table
            .order(beers::id)
            .limit(count.into())
            .select(Self::as_select())
            .into_boxed();
        if let Some(last) = last {
            page = page.filter(beers::id.gt(last));
        }
        if let Some(name) = name {
            page = page.filter(beers::name.ilike(anywhere(&name)));
        }
        if let Some(skus) = skus {
            page = page.filter(beers::sku.eq_any(skus));
        }
        // Boxed, as the query is: the compiler cannot prove a boxed query `Send` through an async closure.
        connection.load(page).boxed()
    }
}
