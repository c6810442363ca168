//! The records of a spill file.
//!
//! A record is the length of its body and the checksum of its body, both in 4 bytes, little-endian;
//! one byte that becomes 1 when the letter is stored; and the body. The body is the length of a JSON
//! object, the object, and the payload.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;

use resilience::Category;
use resilience::dead_letter::{Letter, LetterFailure, Payload};
use serde_json::{Value, json};

use crate::sql::{from_micros, to_micros};

/// The bytes of a record before its body.
pub(crate) const HEADER: u64 = HEADER_BYTES as u64;
const HEADER_BYTES: usize = 9;

/// A letter in the file.
pub(crate) struct Record {
    pub(crate) letter: Letter,
    pub(crate) is_done: bool,
    pub(crate) at: u64,
    pub(crate) end: u64,
}

pub(crate) fn encode(letter: &Letter) -> Vec<u8> {
    let failure = &letter.failure;
    let fields = json!({
        "queue": letter.queue,
        "content_type": letter.payload.content_type,
        "reason": letter.reason.as_str(),
        "category": failure.category.map(Category::as_str),
        "code": failure.code,
        "error_type": failure.error_type,
        "error": failure.message,
        "causes": failure.causes,
        "attempts": letter.attempts,
        "first_failure": to_micros(letter.first_failure),
        "last_failure": to_micros(letter.last_failure),
        "request_id": letter.request_id,
        "trace_parent": letter.trace_parent,
        "dedupe_key": letter.dedupe_key,
        "metadata": letter.metadata,
    });
    let fields = fields.to_string().into_bytes();
    let mut body = Vec::with_capacity(4 + fields.len() + letter.payload.bytes.len());
    body.extend(length(&fields));
    body.extend(&fields);
    body.extend(&letter.payload.bytes);
    let mut record = Vec::with_capacity(HEADER_BYTES + body.len());
    record.extend(length(&body));
    record.extend(crc32fast::hash(&body).to_le_bytes());
    record.push(0);
    record.extend(body);
    record
}

/// A length in 4 bytes. A letter of more than 4 GiB can't be in memory twice, as it is here.
fn length(bytes: &[u8]) -> [u8; 4] {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_le_bytes()
}

/// Reads the record at this offset.
pub(crate) fn decode(file: &File, at: u64) -> io::Result<Record> {
    let (body, is_done) = body(file, at)?.ok_or_else(|| bad("a record is damaged"))?;
    let end = at + HEADER + body.len() as u64;
    let letter = letter(&body).ok_or_else(|| bad("a record has no letter"))?;
    Ok(Record { letter, is_done, at, end })
}

/// The length up to which the file has intact records.
pub(crate) fn intact(file: &File) -> io::Result<u64> {
    let mut end = 0;
    while let Some((body, _)) = body(file, end)? {
        end += HEADER + body.len() as u64;
    }
    Ok(end)
}

/// The body of the record at this offset, and whether its letter is stored. `None` if the record is
/// torn, or there is none.
fn body(file: &File, at: u64) -> io::Result<Option<(Vec<u8>, bool)>> {
    let left = file.metadata()?.len().saturating_sub(at);
    if left < HEADER {
        return Ok(None);
    }
    let mut header = [0; HEADER_BYTES];
    file.read_exact_at(&mut header, at)?;
    let [length @ .., _, _, _, _, state] = header;
    let [_, _, _, _, checksum @ .., _] = header;
    let (length, checksum) = (u32::from_le_bytes(length), u32::from_le_bytes(checksum));
    // After a crash the end of a file may be zeros.
    if length == 0 || u64::from(length) > left - HEADER {
        return Ok(None);
    }
    let mut body = vec![0; length as usize];
    file.read_exact_at(&mut body, at + HEADER)?;
    if crc32fast::hash(&body) == checksum {
        return Ok(Some((body, state != 0)));
    }
    // Only the last record can be torn. To cut off another would lose the letters after it.
    if follows(file, at + HEADER + u64::from(length))? {
        let message = format!("the record at byte {at} is damaged, and others follow it");
        return Err(io::Error::new(io::ErrorKind::InvalidData, message));
    }
    Ok(None)
}

/// Whether the file has anything but zeros from this offset on.
fn follows(file: &File, at: u64) -> io::Result<bool> {
    let mut rest = Vec::new();
    let mut file = file;
    file.seek(SeekFrom::Start(at))?;
    file.read_to_end(&mut rest)?;
    Ok(rest.iter().any(|byte| *byte != 0))
}

fn letter(body: &[u8]) -> Option<Letter> {
    let (length, rest) = body.split_first_chunk()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    let (fields, payload) = rest.split_at_checked(length)?;
    let fields: Value = serde_json::from_slice(fields).ok()?;
    let text = |name: &str| fields[name].as_str().map(str::to_owned);
    let time = |name: &str| fields[name].as_i64().map(from_micros);
    let category = crate::columns::category(fields["category"].as_str().unwrap_or_default());
    let mut failure =
        LetterFailure::new(text("code")?, category, text("error_type")?, text("error")?);
    failure.causes = text("causes");
    let payload = Payload::new(payload, text("content_type")?);
    let mut letter = Letter::new(text("queue")?, payload, text("reason")?.parse().ok()?, failure);
    letter.attempts = u32::try_from(fields["attempts"].as_u64()?).ok()?;
    letter.first_failure = time("first_failure")?;
    letter.last_failure = time("last_failure")?;
    letter.request_id = text("request_id");
    letter.trace_parent = text("trace_parent");
    letter.dedupe_key = text("dedupe_key");
    letter.metadata = serde_json::from_value(fields["metadata"].clone()).ok()?;
    Some(letter)
}

fn bad(message: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message)
}
