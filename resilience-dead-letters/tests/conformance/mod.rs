//! What each store does alike.

mod bad_input;
mod claims;
mod listing;
mod retention;
mod storing;

/// Runs each of these functions on each store.
macro_rules! on_each_store {
    ($($test:ident),* $(,)?) => {
        mod memory {$(
            #[tokio::test]
            async fn $test() {
                super::$test(&resilience_dead_letters::MemoryStore::new()).await;
            }
        )*}

        mod sqlite {$(
            #[tokio::test]
            async fn $test() {
                let scratch = resilience_test_support::databases::Scratch::new();
                super::$test(&crate::support::sqlite(&scratch).await).await;
            }
        )*}

        mod postgres {$(
            #[tokio::test]
            async fn $test() {
                let Some(store) = crate::support::postgres().await else { return };
                super::$test(&store).await;
            }
        )*}

        mod mysql {$(
            #[tokio::test]
            async fn $test() {
                let Some(store) = crate::support::mysql().await else { return };
                super::$test(&store).await;
            }
        )*}
    };
}

pub(crate) use on_each_store;
