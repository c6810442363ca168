//! How this service may fail.

use std::borrow::Cow;
use std::fmt;

use resilience::{Classification, Classify, FieldError, ServiceError, sql};

/// What can go wrong with a user.
#[derive(Debug, thiserror::Error, ServiceError)]
#[service(domain = "users")]
pub(crate) enum UserError {
    /// Nobody has this id.
    #[error("there is no user {id}")]
    #[service(not_found, public = "There is no user {id}")]
    NotFound {
        #[service(expose)]
        id: i64,
    },

    /// Somebody has this address already.
    #[error("the address is taken")]
    #[service(conflict, public = "This address is taken")]
    EmailTaken { source: sql::Diagnosis },

    /// The database classifies its own errors, with the state of the pool.
    #[error(transparent)]
    #[service(transparent)]
    Database(#[from] sql::Diagnosis),

    /// What the layers themselves report: a timeout.
    #[error(transparent)]
    #[service(transparent)]
    Rejected(#[from] resilience::Rejected),
}

/// A request for a user that can't be: which of its fields are wrong, for the client to read.
#[derive(Debug)]
pub(crate) struct InvalidUser {
    pub(crate) fields: Vec<FieldError>,
}

impl fmt::Display for InvalidUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} fields are wrong", self.fields.len())
    }
}

impl Classify for InvalidUser {
    fn classify(&self) -> Classification {
        Classification::permanent("VALIDATION_ERROR")
    }

    fn field_errors(&self) -> Cow<'_, [FieldError]> {
        Cow::Borrowed(&self.fields)
    }
}

/// Why the service doesn't start.
#[derive(Debug, thiserror::Error, ServiceError)]
pub(crate) enum StartError {
    #[error("the database can't be opened")]
    #[service(fatal)]
    Database(#[from] sqlx::Error),

    #[error("the address can't be listened on")]
    #[service(fatal)]
    Listen(#[from] std::io::Error),
}
