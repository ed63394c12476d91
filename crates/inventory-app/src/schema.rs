// @generated automatically by Diesel CLI.

diesel::table! {
    movies (id) {
        id -> Int8,
        title -> Text,
        description -> Nullable<Text>,
    }
}

pub(crate) mod beers {
    diesel::table! {
        beers.beers (id) {
            id -> Int8,
            sku -> Text,
            name -> Text,
            price -> Numeric,
            image -> Nullable<Text>,
            time_created -> Timestamptz,
            time_modified -> Timestamptz,
        }
    }
}
