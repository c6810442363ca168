use resilience::ServiceError;

#[derive(ServiceError)]
union Bits {
    small: u8,
    large: u64,
}

impl std::fmt::Debug for Bits {
    fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        Ok(())
    }
}

impl std::fmt::Display for Bits {
    fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        Ok(())
    }
}

impl std::error::Error for Bits {}

#[derive(Debug, thiserror::Error, ServiceError)]
enum ContextId<T> {
    #[error("too short a code")]
    #[service(permanent)]
    A,
    #[error("not ASCII")]
    #[service(transient)]
    Größe,
    #[error("generic, with a mistake")]
    Generic(T),
}

// No error on the following lines.
fn no_second_error(bits: Bits, named: ContextId<u8>) {
    let errors: [&dyn ServiceError; 2] = [&bits, &named];
    _ = (errors[0].classify(), Bits::CATALOG.len(), ContextId::<u8>::CATALOG);
}

fn main() {}
