//! `std::io::Error`, and tokio's `Elapsed`, classify themselves.

use std::borrow::Cow;
use std::io::{Error, ErrorKind};

use crate::error::registry;
use crate::{
    Classification, Classify, FieldError, Rejected, Sent, Severity, http::generic_message,
    taxonomy::Evidence,
};

/// By what is inside, if that classifies itself (a [`Rejected`], a ready-made error); else by the
/// condition:
///
/// | condition | classification |
/// |---|---|
/// | refused; a name that doesn't resolve; no address or port free; too many open files | transient, never sent, 503 |
/// | unreachable host or network, network down | transient, `CONNECT_FAILED`, 503 |
/// | reset, aborted, not connected, broken pipe, unexpected end, nothing written | transient, `CONNECTION_LOST`, 503 |
/// | timed out | transient, `NETWORK_TIMEOUT`, 504 |
/// | would block, interrupted, busy, deadlock, stale handle | transient, `RESOURCE_BUSY`, 503 |
/// | storage full | fatal, `STORAGE_FULL` |
/// | out of memory | fatal, `OUT_OF_MEMORY` |
/// | quota exceeded | permanent, `QUOTA_EXCEEDED`, 500, critical: one tenant's quota is no reason to stop the process |
/// | missing, forbidden, malformed, unsupported and the like | permanent, `IO_ERROR`, 500: our file isn't our client's 404 |
/// | anything else | unclassified |
///
/// ```
/// use resilience::{Category, Classify, Sent};
/// use std::io::{Error, ErrorKind};
///
/// let refused = Error::from(ErrorKind::ConnectionRefused).classify();
/// assert_eq!((refused.code(), refused.sent()), ("CONNECT_FAILED", Sent::Never));
/// assert_eq!(Error::from(ErrorKind::StorageFull).classify().category(), Some(Category::Fatal));
/// ```
impl Classify for Error {
    fn classify(&self) -> Classification {
        match inner(self) {
            Some(inner) => inner.classify(),
            None => by_condition(self),
        }
    }

    fn public_message(&self) -> Cow<'_, str> {
        match inner(self) {
            Some(inner) => inner.public_message(),
            None => Cow::Borrowed(generic_message(by_condition(self).status())),
        }
    }

    fn field_errors(&self) -> Cow<'_, [FieldError]> {
        inner(self).map_or(Cow::Borrowed(&[]), Classify::field_errors)
    }

    fn evidence(&self) -> Evidence<'_> {
        Evidence::of(self)
    }
}

/// Keeps the rejection, which the classification of the `io::Error` finds again.
///
/// ```
/// use resilience::{Classify, Rejected};
/// use std::io;
///
/// let rejected = Rejected::circuit_open("inventory", None);
/// assert_eq!(io::Error::from(rejected).classify(), rejected.classify());
/// ```
impl From<Rejected> for Error {
    fn from(rejected: Rejected) -> Self {
        let kind = if rejected.is_timed_out() { ErrorKind::TimedOut } else { ErrorKind::Other };
        Self::new(kind, rejected)
    }
}

#[cfg(feature = "tokio")]
#[cfg_attr(docsrs, doc(cfg(feature = "tokio")))]
impl Classify for tokio::time::error::Elapsed {
    fn classify(&self) -> Classification {
        Classification::transient("NETWORK_TIMEOUT")
    }

    fn evidence(&self) -> Evidence<'_> {
        Evidence::of(self)
    }
}

fn inner(error: &Error) -> Option<&dyn Classify> {
    let inner = error.get_ref()?;
    registry::find(inner)
}

fn by_condition(error: &Error) -> Classification {
    if let Some(classification) = error.raw_os_error().and_then(by_os_code) {
        return classification;
    }
    by_kind(error.kind()).unwrap_or_else(|| {
        if is_failed_lookup(error) {
            never_sent("CONNECT_FAILED")
        } else {
            Classification::unclassified()
        }
    })
}

fn by_kind(kind: ErrorKind) -> Option<Classification> {
    Some(match kind {
        // The last two are of local ports: none is free for this connection, or another holds the
        // one that is wanted.
        ErrorKind::ConnectionRefused | ErrorKind::AddrNotAvailable | ErrorKind::AddrInUse => {
            never_sent("CONNECT_FAILED")
        }
        // A connection that was alive reports these as well, and then the request may have arrived.
        ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable | ErrorKind::NetworkDown => {
            Classification::transient("CONNECT_FAILED")
        }
        ErrorKind::ConnectionReset
        | ErrorKind::ConnectionAborted
        | ErrorKind::NotConnected
        | ErrorKind::BrokenPipe
        | ErrorKind::UnexpectedEof
        | ErrorKind::WriteZero => Classification::transient("CONNECTION_LOST"),
        ErrorKind::TimedOut => Classification::transient("NETWORK_TIMEOUT"),
        ErrorKind::WouldBlock
        | ErrorKind::Interrupted
        | ErrorKind::ResourceBusy
        | ErrorKind::ExecutableFileBusy
        | ErrorKind::Deadlock
        | ErrorKind::StaleNetworkFileHandle => Classification::transient("RESOURCE_BUSY"),
        ErrorKind::StorageFull => Classification::fatal("STORAGE_FULL"),
        ErrorKind::OutOfMemory => Classification::fatal("OUT_OF_MEMORY"),
        ErrorKind::QuotaExceeded => {
            Classification::permanent("QUOTA_EXCEEDED").with_severity(Severity::Critical)
        }
        ErrorKind::NotFound
        | ErrorKind::PermissionDenied
        | ErrorKind::AlreadyExists
        | ErrorKind::NotADirectory
        | ErrorKind::IsADirectory
        | ErrorKind::DirectoryNotEmpty
        | ErrorKind::ReadOnlyFilesystem
        | ErrorKind::InvalidInput
        | ErrorKind::InvalidData
        | ErrorKind::NotSeekable
        | ErrorKind::FileTooLarge
        | ErrorKind::CrossesDevices
        | ErrorKind::TooManyLinks
        | ErrorKind::ArgumentListTooLong
        | ErrorKind::Unsupported => Classification::permanent("IO_ERROR"),
        // `ErrorKind::InvalidFilename`, which can be named since Rust 1.87.
        _ if kind.to_string() == "invalid filename" => Classification::permanent("IO_ERROR"),
        _ => return None,
    })
}

fn never_sent(code: &'static str) -> Classification {
    Classification::transient(code).with_sent(Sent::Never)
}

/// Conditions that no stable [`ErrorKind`] names.
fn by_os_code(code: i32) -> Option<Classification> {
    /// The process's and the system's limit of open files; no buffer left for a socket.
    const TOO_MANY_OPEN: &[i32] = if cfg!(windows) { &[4, 10_024, 10_055] } else { &[24, 23] };
    const NO_BUFFER: &[i32] = match () {
        () if cfg!(any(target_os = "linux", target_os = "android")) => &[105],
        () if cfg!(target_vendor = "apple") => &[55],
        () => &[],
    };
    /// Windows reports a failed lookup by a code of its own; elsewhere see [`is_failed_lookup`].
    const LOOKUP: &[i32] = if cfg!(windows) { &[11_001, 11_002, 11_003, 11_004] } else { &[] };

    if TOO_MANY_OPEN.contains(&code) {
        Some(never_sent("TOO_MANY_OPEN_FILES"))
    } else if NO_BUFFER.contains(&code) {
        Some(Classification::transient("RESOURCE_BUSY"))
    } else if LOOKUP.contains(&code) {
        Some(never_sent("CONNECT_FAILED"))
    } else {
        None
    }
}

/// The standard library reports a name that doesn't resolve without a kind that can be named and
/// without an OS code; its text is all there is.
fn is_failed_lookup(error: &Error) -> bool {
    error.raw_os_error().is_none()
        && error.get_ref().is_some_and(|inner| {
            inner.to_string().starts_with("failed to lookup address information")
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Category;
    use crate::errors::NotFound;
    use std::net::ToSocketAddrs as _;
    use std::time::Duration;

    #[test]
    fn each_condition_has_its_classification() {
        use Category::{Fatal, Permanent, Transient};
        let table = [
            (ErrorKind::ConnectionRefused, Transient, "CONNECT_FAILED", Sent::Never),
            (ErrorKind::AddrNotAvailable, Transient, "CONNECT_FAILED", Sent::Never),
            (ErrorKind::HostUnreachable, Transient, "CONNECT_FAILED", Sent::Maybe),
            (ErrorKind::NetworkUnreachable, Transient, "CONNECT_FAILED", Sent::Maybe),
            (ErrorKind::ConnectionReset, Transient, "CONNECTION_LOST", Sent::Maybe),
            (ErrorKind::BrokenPipe, Transient, "CONNECTION_LOST", Sent::Maybe),
            (ErrorKind::UnexpectedEof, Transient, "CONNECTION_LOST", Sent::Maybe),
            (ErrorKind::TimedOut, Transient, "NETWORK_TIMEOUT", Sent::Maybe),
            (ErrorKind::Interrupted, Transient, "RESOURCE_BUSY", Sent::Maybe),
            (ErrorKind::StorageFull, Fatal, "STORAGE_FULL", Sent::Maybe),
            (ErrorKind::OutOfMemory, Fatal, "OUT_OF_MEMORY", Sent::Maybe),
            (ErrorKind::QuotaExceeded, Permanent, "QUOTA_EXCEEDED", Sent::Maybe),
            (ErrorKind::NotFound, Permanent, "IO_ERROR", Sent::Maybe),
            (ErrorKind::PermissionDenied, Permanent, "IO_ERROR", Sent::Maybe),
            (ErrorKind::InvalidData, Permanent, "IO_ERROR", Sent::Maybe),
        ];
        for (kind, category, code, sent) in table {
            let is = Error::from(kind).classify();
            assert_eq!(
                (is.category(), is.code(), is.sent()),
                (Some(category), code, sent),
                "{kind:?}"
            );
        }
        assert_eq!(Error::from(ErrorKind::TimedOut).classify().status(), 504);
        assert_eq!(Error::from(ErrorKind::NotFound).classify().status(), 500);
        assert_eq!(Error::other("?").classify(), Classification::unclassified());
    }

    #[cfg(unix)]
    #[test]
    fn a_name_that_no_file_can_have_is_permanent() {
        let error = std::fs::File::open("a".repeat(5000)).unwrap_err();
        assert_eq!(format!("{:?}", error.kind()), "InvalidFilename");
        assert_eq!(error.classify(), Classification::permanent("IO_ERROR"));
    }

    #[test]
    fn a_name_that_does_not_resolve_was_never_sent() {
        let error = ("does-not-exist.invalid", 80).to_socket_addrs().unwrap_err();
        let is = error.classify();
        assert_eq!((is.code(), is.sent()), ("CONNECT_FAILED", Sent::Never), "{error:?}");
        assert!(is.is_retryable());
    }

    #[test]
    #[cfg(unix)]
    fn too_many_open_files_pass() {
        for code in [23, 24] {
            let is = Error::from_raw_os_error(code).classify();
            assert_eq!(
                (is.code(), is.status(), is.is_retryable()),
                ("TOO_MANY_OPEN_FILES", 503, true)
            );
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn the_codes_of_linux_reach_the_table() {
        let table = [
            (28, "STORAGE_FULL"),
            (12, "OUT_OF_MEMORY"),
            (122, "QUOTA_EXCEEDED"),
            (111, "CONNECT_FAILED"),
            (104, "CONNECTION_LOST"),
            (110, "NETWORK_TIMEOUT"),
            (11, "RESOURCE_BUSY"),
            (105, "RESOURCE_BUSY"),
            (2, "IO_ERROR"),
        ];
        for (code, expected) in table {
            assert_eq!(Error::from_raw_os_error(code).classify().code(), expected, "{code}");
        }
    }

    #[test]
    fn what_is_inside_speaks_for_itself() {
        let timed_out = Rejected::timed_out("inventory", Duration::from_secs(5));
        for rejected in
            [timed_out, Rejected::circuit_open("inventory", Some(Duration::from_secs(3)))]
        {
            let error = Error::from(rejected);
            assert_eq!(error.classify(), rejected.classify());
            assert_eq!(error.classify().rejected(), Some(rejected));
        }
        assert_eq!(Error::from(timed_out).kind(), ErrorKind::TimedOut);
        let not_found = Error::other(NotFound::new("user", "42"));
        assert_eq!(not_found.classify().status(), 404);
        assert_eq!(not_found.public_message(), "user 42 not found");
        let nested = Error::other(Error::from(ErrorKind::ConnectionRefused));
        assert_eq!(nested.classify().code(), "CONNECT_FAILED");
    }
}
