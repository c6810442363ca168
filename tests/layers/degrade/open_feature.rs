//! Flags that OpenFeature decides.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use open_feature::provider::{FeatureProvider, ProviderMetadata, ResolutionDetails};
use open_feature::{
    EvaluationContext, EvaluationError, EvaluationErrorCode, EvaluationResult, OpenFeature,
    StructValue, async_trait,
};
use resilience::degrade::OpenFeatureFlags;
use resilience::{Flag, degrade, flags, secs};
use resilience_test_support::{CallError, Events};
use tokio::time::sleep;

/// Its flags in memory. One that is `None` has no Boolean value.
struct InMemory {
    metadata: ProviderMetadata,
    flags: Values,
}

type Values = Arc<Mutex<HashMap<&'static str, Option<bool>>>>;

fn error<T>(code: EvaluationErrorCode) -> EvaluationResult<T> {
    Err(EvaluationError { code, message: None })
}

#[async_trait]
impl FeatureProvider for InMemory {
    fn metadata(&self) -> &ProviderMetadata {
        &self.metadata
    }

    async fn resolve_bool_value(
        &self,
        flag: &str,
        _: &EvaluationContext,
    ) -> EvaluationResult<ResolutionDetails<bool>> {
        match self.flags.lock().unwrap().get(flag) {
            Some(Some(on)) => Ok(ResolutionDetails::new(*on)),
            Some(None) => error(EvaluationErrorCode::TypeMismatch),
            None => error(EvaluationErrorCode::FlagNotFound),
        }
    }

    async fn resolve_int_value(
        &self,
        _: &str,
        _: &EvaluationContext,
    ) -> EvaluationResult<ResolutionDetails<i64>> {
        error(EvaluationErrorCode::TypeMismatch)
    }

    async fn resolve_float_value(
        &self,
        _: &str,
        _: &EvaluationContext,
    ) -> EvaluationResult<ResolutionDetails<f64>> {
        error(EvaluationErrorCode::TypeMismatch)
    }

    async fn resolve_string_value(
        &self,
        _: &str,
        _: &EvaluationContext,
    ) -> EvaluationResult<ResolutionDetails<String>> {
        error(EvaluationErrorCode::TypeMismatch)
    }

    async fn resolve_struct_value(
        &self,
        _: &str,
        _: &EvaluationContext,
    ) -> EvaluationResult<ResolutionDetails<StructValue>> {
        error(EvaluationErrorCode::TypeMismatch)
    }
}

#[tokio::test(start_paused = true)]
async fn flag_is_as_the_provider_says() {
    static FLAG: Flag = Flag::new("of open feature");
    #[degrade(fallback = false, flag = FLAG)]
    async fn is_called() -> Result<bool, CallError> {
        Ok(true)
    }
    let values = Values::default();
    let set = |value: Option<bool>| values.lock().unwrap().insert(FLAG.name(), value);
    set(Some(false));
    let mut api = OpenFeature::default();
    let metadata = ProviderMetadata::new("in memory");
    api.set_provider(InMemory { metadata, flags: Arc::clone(&values) }).await;
    let events = Events::capture();
    let following = OpenFeatureFlags::new(api.create_client()).flag(&FLAG).refresh_every(secs(10));
    assert!(flags().get("of open feature").is_some());
    assert_eq!(is_called().await, Ok(true), "before the first answer");

    sleep(secs(1)).await;
    assert_eq!(is_called().await, Ok(false));
    set(Some(true));
    sleep(secs(10)).await;
    assert_eq!(is_called().await, Ok(true));
    set(None);
    sleep(secs(30)).await;
    assert_eq!(is_called().await, Ok(true), "an error changes nothing");
    values.lock().unwrap().clear();
    sleep(secs(10)).await;
    assert_eq!(is_called().await, Ok(false), "an unknown flag is off");

    FLAG.set(true);
    sleep(secs(10)).await;
    assert_eq!(is_called().await, Ok(true), "operators win");
    FLAG.reset();
    assert_eq!(is_called().await, Ok(false));
    following.abort();

    let failed = events.named("flag_not_refreshed");
    assert_eq!(failed.len(), 1, "{failed:?}");
    assert_eq!(
        (failed[0].field("flag"), failed[0].field("code")),
        ("of open feature", "TYPE_MISMATCH")
    );
}

#[tokio::test]
async fn flag_stays_as_it_is_without_a_provider() {
    static FLAG: Flag = Flag::new("without provider");
    let client = OpenFeature::default().create_client();
    OpenFeatureFlags::new(client).flag(&FLAG).refresh().await;
    assert!(FLAG.is_on());
}
