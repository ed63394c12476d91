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
