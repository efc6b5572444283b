//! What sqlx's tests expect of a crate of this name, which is not published: connections to `DATABASE_URL`, and tests of types.

use sqlx::pool::PoolOptions;
use sqlx::{Connection, Database, Pool};

#[doc(hidden)]
pub use paste;

/// Nothing has to be set up.
pub fn setup_if_needed() {}

fn url() -> anyhow::Result<String> {
    Ok(std::env::var("DATABASE_URL")?)
}

/// A connection of its own.
pub async fn new<DB: Database>() -> anyhow::Result<DB::Connection> {
    Ok(DB::Connection::connect(&url()?).await?)
}

/// A pool of a few connections.
pub async fn pool<DB: Database>() -> anyhow::Result<Pool<DB>> {
    Ok(PoolOptions::<DB>::new().max_connections(5).connect(&url()?).await?)
}

/// `name<Type>(Database, "SQL" == value, …)`: the SQL reads as the value, by the text and by the binary protocol, and the value comes back
/// as what was bound. Without a type, the name is the type; with a query ahead of the pairs, the binary protocol's test asks that.
#[macro_export]
macro_rules! test_type {
    ($name:ident<$type:ty>($database:ident, $query:literal, $($sql:literal == $value:expr),+ $(,)?)) => {
        $crate::paste::paste! {
            #[::sqlx::test]
            async fn [<test_unprepared_type_ $name>]() -> ::anyhow::Result<()> {
                use ::sqlx::{Executor, Row};
                let mut connection = $crate::new::<$database>().await?;
                $(
                    let row = connection.fetch_one(concat!("SELECT ", $sql, " AS _1")).await?;
                    assert!($value == row.try_get::<$type, _>(0)?, "{}", $sql);
                )+
                Ok(())
            }

            #[::sqlx::test]
            async fn [<test_prepared_type_ $name>]() -> ::anyhow::Result<()> {
                let mut connection = $crate::new::<$database>().await?;
                $(
                    let query = format!($query, $sql);
                    let row: (bool, $type, $type) =
                        ::sqlx::query_as(&query).bind($value).bind($value).fetch_one(&mut connection).await?;
                    assert!(row.0, "{}", $sql);
                    assert!($value == row.1, "{}", $sql);
                    assert!($value == row.2, "{}", $sql);
                )+
                Ok(())
            }
        }
    };
    ($name:ident<$type:ty>($database:ident, $($sql:literal == $value:expr),+ $(,)?)) => {
        $crate::test_type!($name<$type>($database, "SELECT {0} <=> ?, {0}, ?", $($sql == $value),+));
    };
    ($type:ident($($rest:tt)+)) => {
        $crate::test_type!($type<$type>($($rest)+));
    };
}
