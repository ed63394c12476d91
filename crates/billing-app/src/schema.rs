// @generated automatically by Diesel CLI.

diesel::table! {
    orders (id) {
        id -> Int8,
        user_id -> Text,
        number_of_items -> Int4,
        total_amount -> Numeric,
        message_id -> Uuid,
        recorded_at -> Timestamptz,
        fingerprint -> Nullable<Bytea>,
        order_id -> Nullable<Uuid>,
    }
}

diesel::table! {
    refunds (order_id) {
        order_id -> Uuid,
        user_id -> Uuid,
        total_amount -> Numeric,
        recorded_at -> Timestamptz,
    }
}

diesel::table! {
    rejections (message_id) {
        message_id -> Uuid,
        reason -> Text,
        rejected_at -> Timestamptz,
    }
}

diesel::allow_tables_to_appear_in_same_query!(orders, refunds, rejections,);

pub(crate) mod customers {
    diesel::table! {
        customers.customers (id) {
            id -> Uuid,
            email -> Text,
            address -> Text,
            created_at -> Timestamptz,
        }
    }
}

pub(crate) mod shippings {
    diesel::table! {
        shippings.shippings (id) {
            id -> Uuid,
            order_id -> Uuid,
            customer_id -> Uuid,
            status -> Text,
            beers -> Jsonb,
            email -> Nullable<Text>,
            address -> Nullable<Text>,
            asks -> Int4,
            ask_again_at -> Nullable<Timestamptz>,
            created_at -> Timestamptz,
        }
    }
}
