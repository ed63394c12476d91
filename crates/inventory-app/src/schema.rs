// @generated automatically by Diesel CLI.

diesel::table! {
    movies (id) {
        id -> Int8,
        title -> Text,
        description -> Nullable<Text>,
    }
}
