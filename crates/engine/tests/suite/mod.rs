//! One behaviour suite for all connectors (design, section 10): each behaviour once, as a function on a place, run on
//! every place bare and under every decorator. A failing test names behaviour and place.

/// One test per behaviour and place.
macro_rules! on_every_place {
    ($($behaviour:ident)*) => {
        on_every_place! { @brand memory, InMemory, [$($behaviour)*] }
        on_every_place! { @brand sqlite, InFile, [$($behaviour)*] }
        on_every_place! { @server postgres, InPostgres, [$($behaviour)*] }
        on_every_place! { @server mariadb, InMariadb, [$($behaviour)*] }
    };
    // A database each: what the decorators do is seen on the other places.
    (@server $brand:ident, $place:ident, $behaviours:tt) => {
        mod $brand {
            on_every_place! { @place bare, $place, BARE, $behaviours }
            on_every_place! { @place forgetting, $place, FORGETTING, $behaviours }
        }
    };
    (@brand $brand:ident, $place:ident, $behaviours:tt) => {
        mod $brand {
            on_every_place! { @place bare, $place, BARE, $behaviours }
            on_every_place! { @place retry, $place, RETRY, $behaviours }
            on_every_place! { @place limit, $place, LIMIT, $behaviours }
            on_every_place! { @place trace, $place, TRACE, $behaviours }
            on_every_place! { @place faultless, $place, FAULTLESS, $behaviours }
            on_every_place! { @place all, $place, ALL, $behaviours }
            on_every_place! { @place refusing, $place, REFUSING, $behaviours }
            on_every_place! { @place forgetting, $place, FORGETTING, $behaviours }
        }
    };
    (@place $name:ident, $place:ident, $decorated:ident, [$($behaviour:ident)*]) => {
        mod $name {
            use crate::suite::places::{Decorated, $place};
            $(
                // As in the product: SQLite blocks where it is called, and other tasks move on.
                #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
                async fn $behaviour() {
                    super::super::$behaviour(&$place::new(Decorated::$decorated)).await;
                }
            )*
        }
    };
}

/// The places by their names in the macro.
mod places {
    pub use crate::support::place::{Decorated, InFile, InMemory};
    pub use crate::support::place_mariadb::InMariadb;
    pub use crate::support::place_postgres::InPostgres;
}

// After the macro, which they use.
mod fencing;
mod files;
mod mapped;
mod names;
mod roundtrip;
mod sink;
mod source;
mod trouble;
