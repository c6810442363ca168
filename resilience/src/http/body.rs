use serde::ser::{Serialize, SerializeStruct, Serializer};

use super::format::BodyFormat;
use super::phrase::phrase;
use super::pointer::pointer;
use super::problem::Problem;
use crate::FieldError;

/// In the form that the problem is in; see [`BodyFormat`].
impl Serialize for Problem {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.format() {
            BodyFormat::Problem => problem(self, serializer),
            BodyFormat::Plain => plain(self, serializer),
        }
    }
}

fn problem<S: Serializer>(it: &Problem, serializer: S) -> Result<S::Ok, S::Error> {
    let id = it.request_id();
    let errors = it.errors();
    let fields = 6 + usize::from(id.is_some()) + usize::from(!errors.is_empty());
    let mut body = serializer.serialize_struct("Problem", fields)?;
    body.serialize_field("type", &it.type_uri())?;
    body.serialize_field("title", phrase(it.status()))?;
    body.serialize_field("status", &it.status())?;
    body.serialize_field("detail", it.detail())?;
    body.serialize_field("code", it.code())?;
    if let Some(id) = id {
        body.serialize_field("request_id", id.as_str())?;
    }
    body.serialize_field("retryable", &it.is_retryable())?;
    if !errors.is_empty() {
        body.serialize_field("errors", &Fields(errors))?;
    }
    body.end()
}

fn plain<S: Serializer>(it: &Problem, serializer: S) -> Result<S::Ok, S::Error> {
    let mut body = serializer.serialize_struct("Problem", 3)?;
    body.serialize_field("error", it.code())?;
    body.serialize_field("message", it.detail())?;
    body.serialize_field("request_id", &it.request_id().map(crate::request::RequestId::as_str))?;
    body.end()
}

struct Fields<'f>(&'f [FieldError]);

impl Serialize for Fields<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(Field))
    }
}

/// As in RFC 9457's own example.
struct Field<'f>(&'f FieldError);

impl Serialize for Field<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut field = serializer.serialize_struct("FieldError", 2)?;
        field.serialize_field("detail", self.0.detail())?;
        field.serialize_field("pointer", &pointer(self.0.field()))?;
        field.end()
    }
}
