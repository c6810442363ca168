use resilience::ServiceError;

#[derive(Debug, thiserror::Error, ServiceError)]
enum UserError {
    #[error("hidden")]
    #[service(validation, code = "HIDDEN", public = "{email} is taken")]
    Hidden { email: String },
    #[error("hidden in a tuple")]
    #[service(validation, code = "TUPLE", public = "{0} is taken by {1}")]
    Tuple(#[service(expose)] String, String),
    #[error("misspelt")]
    #[service(validation, code = "MISSPELT", public = "{emial} is taken")]
    Misspelt {
        #[service(expose)]
        email: String,
    },
    #[error("unit")]
    #[service(validation, code = "UNIT", public = "{email} is taken")]
    Unit,
    #[error("no name")]
    #[service(validation, code = "NO_NAME", public = "{} is taken")]
    NoName(#[service(expose)] String),
    #[error("expression")]
    #[service(validation, code = "EXPRESSION", public = "{0.email} is taken")]
    Expression(String),
    #[error("width")]
    #[service(validation, code = "WIDTH", public = "{0:1$} is taken")]
    Width(#[service(expose)] String, usize),
    #[error("open")]
    #[service(validation, code = "OPEN", public = "{0 is taken")]
    Open(String),
    #[error("closed")]
    #[service(validation, code = "CLOSED", public = "0} is taken")]
    Closed(String),
    #[error("a server's error is generic")]
    #[service(unavailable, public = "{shard} is down")]
    Server {
        #[service(expose)]
        shard: u8,
    },
    #[error("exposed for nothing")]
    #[service(forbidden)]
    ForNothing {
        #[service(expose)]
        role: String,
    },
}

// No error on the following lines.
fn no_second_error(error: UserError) {
    let error: &dyn ServiceError = &error;
    _ = (error.public_message(), error.classify(), UserError::CATALOG.len());
}

fn main() {}
