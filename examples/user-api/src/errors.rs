//! How this service can fail.

use std::borrow::Cow;
use std::fmt;

use resilience::{Classification, Classify, FieldError, ServiceError, sql};

/// An error of an operation on users.
#[derive(Debug, thiserror::Error, ServiceError)]
#[service(domain = "users")]
pub(crate) enum UserError {
    /// There is no user with this id.
    #[error("there is no user {id}")]
    #[service(not_found, public = "There is no user {id}")]
    NotFound {
        #[service(expose)]
        id: i64,
    },

    /// Another user has this address.
    #[error("the address is taken")]
    #[service(conflict, public = "This address is taken")]
    EmailTaken { source: sql::Diagnosis },

    /// Classified by the database's code and the state of the pool.
    #[error(transparent)]
    #[service(transparent)]
    Database(#[from] sql::Diagnosis),

    /// The layers' own failures: a timeout.
    #[error(transparent)]
    #[service(transparent)]
    Rejected(#[from] resilience::Rejected),
}

/// An invalid request, with the invalid fields for the client.
#[derive(Debug)]
pub(crate) struct InvalidUser {
    pub(crate) fields: Vec<FieldError>,
}

impl fmt::Display for InvalidUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} fields are invalid", self.fields.len())
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

/// Why the service couldn't start.
#[derive(Debug, thiserror::Error, ServiceError)]
pub(crate) enum StartError {
    #[error("the database can't be opened")]
    #[service(fatal)]
    Database(#[from] sqlx::Error),

    #[error("the address can't be listened on")]
    #[service(fatal)]
    Listen(#[from] std::io::Error),
}
