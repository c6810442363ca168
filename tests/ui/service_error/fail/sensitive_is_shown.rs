// A sensitive field must not be in a text that is logged or answered.

use resilience::ServiceError;

#[derive(Debug, thiserror::Error, ServiceError)]
enum LoginError {
    #[error("wrong password {password}")]
    #[service(unauthenticated, code = "NAMED")]
    ContextId {
        #[service(sensitive)]
        password: String,
    },
    #[error("wrong password {password:?} for {user}")]
    #[service(unauthenticated, code = "DEBUG")]
    Debug {
        user: String,
        #[service(sensitive)]
        password: String,
    },
    #[error("wrong password {0} for {1:>1$}")]
    #[service(unauthenticated, code = "TUPLE")]
    Tuple(#[service(sensitive)] String, #[service(sensitive)] usize),
    #[error("wrong password {}", .0)]
    #[service(unauthenticated, code = "POSITION")]
    Position(#[service(sensitive)] String),
    #[error("wrong password {}, of {length} letters", hide(.password), length = .password.len())]
    #[service(unauthenticated, code = "ARGUMENTS")]
    Arguments {
        #[service(sensitive)]
        password: String,
    },
    #[error("wrong password {}", self.shown())]
    #[service(unauthenticated, code = "METHOD")]
    Method {
        #[service(sensitive)]
        password: String,
    },
    #[error("wrong password {}", format!("{password}"))]
    #[service(unauthenticated, code = "NESTED")]
    Nested {
        #[service(sensitive)]
        password: String,
    },
    #[error(fmt = write_it)]
    #[service(unauthenticated, code = "FUNCTION")]
    Function {
        #[service(sensitive)]
        password: String,
    },
    #[error("wrong password")]
    #[service(unauthenticated, code = "PUBLIC", public = "{password} is wrong")]
    Public {
        #[service(sensitive)]
        password: String,
    },
    #[error("wrong password")]
    #[service(unauthenticated, code = "EXPOSED", public = "{password} is wrong")]
    Exposed {
        #[service(sensitive, expose)]
        password: String,
    },
    #[error("no wait for anybody")]
    #[service(rate_limited)]
    Wait {
        #[service(sensitive, retry_after)]
        wait: std::time::Duration,
    },
    #[error("no source for anybody")]
    #[service(internal)]
    Source(
        #[from]
        #[service(sensitive)]
        std::num::ParseIntError,
    ),
    #[error("by its name")]
    #[service(internal, code = "BY_ITS_NAME")]
    ByItsName {
        #[service(sensitive)]
        source: std::fmt::Error,
    },
    #[error(transparent)]
    #[service(transparent)]
    Transparent(#[service(sensitive)] resilience::Rejected),
}

// As with displaydoc, which makes the doc comments texts, and derive_more, which writes the only
// field.
#[derive(Debug, ServiceError)]
enum TokenError {
    /// The token {token} has expired
    #[service(unauthenticated, code = "DOC")]
    Doc {
        user: u64,
        #[service(sensitive)]
        token: String,
    },
    #[service(unauthenticated, code = "ONLY_FIELD")]
    OnlyField(#[service(sensitive)] String),
}

impl std::fmt::Display for TokenError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the token has expired")
    }
}

impl std::error::Error for TokenError {}

fn hide(_: &str) -> &str {
    "…"
}

fn write_it(password: &str, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
    formatter.write_str(password)
}

// Nothing is wrong with these.
#[derive(Debug, thiserror::Error, ServiceError)]
#[error("{user} gave a wrong {{password}}, {password} and {}", .user.len(), password = "a secret")]
#[service(unauthenticated)]
struct Hidden {
    user: String,
    #[service(sensitive)]
    #[allow(dead_code)]
    password: String,
}

// No error on the following lines.
fn no_second_error(error: LoginError) {
    let error: &dyn ServiceError = &error;
    _ = (error.classify(), LoginError::CATALOG.len(), Hidden::CATALOG);
}

fn main() {}

impl LoginError {
    fn shown(&self) -> &str {
        "with all that it has"
    }
}
