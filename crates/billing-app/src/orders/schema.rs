// @generated automatically by Diesel CLI.

pub(crate) mod orders {
    diesel::table! {
        orders.order_history (order_id, status) {
            order_id -> Uuid,
            status -> Text,
            at -> Timestamptz,
        }
    }

    diesel::table! {
        orders.order_lines (order_id, sku) {
            order_id -> Uuid,
            sku -> Text,
            name -> Text,
            quantity -> Int4,
            price -> Numeric,
            position -> Int8,
        }
    }

    diesel::table! {
        orders.orders (id) {
            id -> Uuid,
            user_id -> Nullable<Uuid>,
            customer_id -> Uuid,
            status -> Text,
            total -> Nullable<Numeric>,
            created_at -> Timestamptz,
            asks -> Int4,
            ask_again_at -> Nullable<Timestamptz>,
        }
    }

    diesel::joinable!(order_history -> orders (order_id));
    diesel::joinable!(order_lines -> orders (order_id));

    diesel::allow_tables_to_appear_in_same_query!(order_history, order_lines, orders,);
}
