//! `Classify` for `garde::Report`.

use std::borrow::Cow;

use garde::Report;

use super::MAX_FIELDS;
use crate::{Classification, Classify, FieldError, ServiceError, taxonomy::Evidence};

/// The request is invalid. Permanent, `VALIDATION_ERROR`, 422, with each invalid field in
/// [`field_errors`](Classify::field_errors), named like `items[0].sku`, at most 100.
///
/// ```
/// use garde::{Path, Report};
/// use resilience::{Classify, FieldError};
///
/// // What `form.validate()` returns.
/// let mut report = Report::new();
/// report.append(Path::new("email"), garde::Error::new("not a valid email"));
/// assert_eq!(*report.field_errors(), [FieldError::new("email", "not a valid email")]);
/// assert_eq!(report.classify().status(), 422);
/// ```
#[cfg_attr(docsrs, doc(cfg(feature = "garde")))]
impl Classify for Report {
    fn classify(&self) -> Classification {
        Classification::permanent("VALIDATION_ERROR")
    }

    fn field_errors(&self) -> Cow<'_, [FieldError]> {
        self.iter()
            .take(MAX_FIELDS)
            .map(|(path, error)| FieldError::new(path.to_string(), error.message().to_owned()))
            .collect()
    }

    fn evidence(&self) -> Evidence<'_> {
        Evidence::of(self)
    }
}

impl ServiceError for Report {}
