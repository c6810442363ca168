// The derive complements thiserror's, and doesn't replace it.

use resilience::ServiceError;

#[derive(Debug, ServiceError)]
#[service(not_found)]
struct NoDisplay;

fn main() {}
