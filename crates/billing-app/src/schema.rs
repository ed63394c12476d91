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

pub mod accounts {
    diesel::table! {
        accounts.failed_logins (name_hash) {
            name_hash -> Bytea,
            failures -> Int4,
            failed_at -> Timestamptz,
            blocked_until -> Timestamptz,
        }
    }

    diesel::table! {
        accounts.sessions (id) {
            id -> Uuid,
            user_id -> Uuid,
            token_hash -> Bytea,
            created_at -> Timestamptz,
            expires_at -> Timestamptz,
        }
    }

    diesel::table! {
        accounts.users (id) {
            id -> Uuid,
            username -> Text,
            username_key -> Text,
            email -> Text,
            email_key -> Text,
            password_hash -> Text,
            first_name -> Nullable<Text>,
            last_name -> Nullable<Text>,
            address -> Nullable<Text>,
            registered_at -> Timestamptz,
        }
    }

    diesel::joinable!(sessions -> users (user_id));

    diesel::allow_tables_to_appear_in_same_query!(failed_logins, sessions, users,);
}

pub mod customers {
    diesel::table! {
        customers.customers (id) {
            id -> Uuid,
            email -> Text,
            address -> Text,
            created_at -> Timestamptz,
        }
    }
}

pub mod events {
    diesel::table! {
        events.events (id, timestamp) {
            id -> Uuid,
            timestamp -> Timestamptz,
            client -> Int8,
            client_group -> Int8,
            valid -> Bool,
            device_type -> Text,
            category -> Text,
            value -> Numeric,
        }
    }
}

pub mod shippings {
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
