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

pub(crate) mod bikes {
    diesel::table! {
        bikes.bikes (number) {
            number -> Int8,
            id -> Text,
            status -> Text,
            longitude -> Float8,
            latitude -> Float8,
            located_at -> Nullable<Timestamptz>,
        }
    }

    diesel::table! {
        bikes.position_changes (sequence) {
            sequence -> Int8,
            bike_id -> Text,
            longitude -> Float8,
            latitude -> Float8,
            recorded_at -> Timestamptz,
            changed_at -> Timestamptz,
        }
    }
}

pub(crate) mod trips {
    diesel::table! {
        trips.locations (trip_id, recorded_at) {
            trip_id -> Uuid,
            recorded_at -> Timestamptz,
            longitude -> Float8,
            latitude -> Float8,
        }
    }

    diesel::table! {
        trips.trips (id) {
            id -> Uuid,
            bike_id -> Text,
            user_id -> Nullable<Uuid>,
            started_at -> Timestamptz,
            ended_at -> Nullable<Timestamptz>,
        }
    }
}
