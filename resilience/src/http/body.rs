use serde::ser::{Serialize, SerializeStruct, Serializer};

use super::format::BodyFormat;
use super::phrase::phrase;
use super::pointer::pointer;
use super::problem::Problem;
use crate::FieldError;

/// Serializes the body in the problem's [`BodyFormat`].
impl Serialize for Problem {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.format() {
            BodyFormat::Problem => serialize_problem(self, serializer),
            BodyFormat::Plain => serialize_plain(self, serializer),
        }
    }
}

fn serialize_problem<S: Serializer>(problem: &Problem, serializer: S) -> Result<S::Ok, S::Error> {
    let id = problem.request_id();
    let errors = problem.errors();
    let fields = 6 + usize::from(id.is_some()) + usize::from(!errors.is_empty());
    let mut body = serializer.serialize_struct("Problem", fields)?;
    body.serialize_field("type", &problem.type_uri())?;
    body.serialize_field("title", phrase(problem.status()))?;
    body.serialize_field("status", &problem.status())?;
    body.serialize_field("detail", problem.detail())?;
    body.serialize_field("code", problem.code())?;
    if let Some(id) = id {
        body.serialize_field("request_id", id.as_str())?;
    }
    body.serialize_field("retryable", &problem.is_retryable())?;
    if !errors.is_empty() {
        body.serialize_field("errors", &Fields(errors))?;
    }
    body.end()
}

fn serialize_plain<S: Serializer>(problem: &Problem, serializer: S) -> Result<S::Ok, S::Error> {
    let mut body = serializer.serialize_struct("Problem", 3)?;
    body.serialize_field("error", problem.code())?;
    body.serialize_field("message", problem.detail())?;
    body.serialize_field(
        "request_id",
        &problem.request_id().map(crate::request::RequestId::as_str),
    )?;
    body.end()
}

struct Fields<'f>(&'f [FieldError]);

impl Serialize for Fields<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(Field))
    }
}

/// Has the members that RFC 9457 uses in its example.
struct Field<'f>(&'f FieldError);

impl Serialize for Field<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut field = serializer.serialize_struct("FieldError", 2)?;
        field.serialize_field("detail", self.0.detail())?;
        field.serialize_field("pointer", &pointer(self.0.field()))?;
        field.end()
    }
}
