use sqlx::Error;

/// An error type that can hold a failed `BEGIN` or `COMMIT`. Implemented for every type
/// that implements `From<sqlx::Error>`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no variant for the errors of BEGIN and COMMIT",
    label = "BEGIN and COMMIT can fail, but this error doesn't implement `From<sqlx::Error>`",
    note = "add a variant to your enum:\n    #[error(transparent)]\n    #[service(transparent)]\n    Database(#[from] sqlx::Error),"
)]
pub trait FromSqlx: Sized {
    /// Wraps the database's error.
    fn from_sqlx(error: Error) -> Self;
}

#[diagnostic::do_not_recommend]
impl<E: From<Error>> FromSqlx for E {
    fn from_sqlx(error: Error) -> Self {
        E::from(error)
    }
}
