//! Enums that a text column keeps by their names.

/// Lets diesel write and read an enum as a text: by its `name(self) -> &'static str` and its
/// `of(name: &str) -> Option<Self>`. The enum itself derives `FromSqlRow`, and `AsExpression` where it is bound to queries.
///
/// A macro, because neither diesel's traits nor the enum belong to this crate.
#[macro_export]
macro_rules! text_column {
    ($named:ty) => {
        impl<B: ::diesel::backend::Backend> ::diesel::serialize::ToSql<::diesel::sql_types::Text, B>
            for $named
        where
            str: ::diesel::serialize::ToSql<::diesel::sql_types::Text, B>,
        {
            fn to_sql<'b>(
                &'b self,
                out: &mut ::diesel::serialize::Output<'b, '_, B>,
            ) -> ::diesel::serialize::Result {
                self.name().to_sql(out)
            }
        }

        impl<B: ::diesel::backend::Backend>
            ::diesel::deserialize::FromSql<::diesel::sql_types::Text, B> for $named
        where
            String: ::diesel::deserialize::FromSql<::diesel::sql_types::Text, B>,
        {
            fn from_sql(bytes: B::RawValue<'_>) -> ::diesel::deserialize::Result<Self> {
                let name = String::from_sql(bytes)?;
                let unknown = || format!("no {} is called {name}", stringify!($named)).into();
                Self::of(&name).ok_or_else(unknown)
            }
        }
    };
}
