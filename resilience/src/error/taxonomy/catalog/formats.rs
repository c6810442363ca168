use std::fmt::Write as _;

use serde::ser::{Serialize, SerializeStruct, Serializer};

use super::{CatalogEntry, PublicMessage};

/// Renders all entries as one JSON array, in the given order.
///
/// ```
/// use resilience::catalog::{self, CatalogEntry};
///
/// let entries: Vec<CatalogEntry> = Vec::new();
/// assert_eq!(catalog::to_json(&[&entries]), "[]");
/// ```
pub fn to_json(catalogs: &[&[CatalogEntry]]) -> String {
    let entries: Vec<&CatalogEntry> = catalogs.iter().copied().flatten().collect();
    // Strings and numbers under fixed names always serialize.
    serde_json::to_string_pretty(&entries).unwrap_or_default()
}

/// Renders all entries as one Markdown table, in the given order, with a header and a trailing
/// newline.
///
/// The table contains only the first paragraph of each doc comment. Pipes, backslashes and angle
/// brackets are escaped, and line breaks become spaces.
///
/// ```
/// assert!(resilience::catalog::to_markdown(&[]).starts_with("| code | status |"));
/// ```
pub fn to_markdown(catalogs: &[&[CatalogEntry]]) -> String {
    let mut table = String::from(
        "| code | status | category | severity | clients read | meaning |\n|---|---|---|---|---|---|\n",
    );
    for entry in catalogs.iter().copied().flatten() {
        let (PublicMessage::Template(public) | PublicMessage::Generic(public)) = entry.public;
        let domain = entry.domain.map(|domain| format!("`{}` ", cell(domain))).unwrap_or_default();
        let summary = entry.doc.split("\n\n").next().unwrap_or_default();
        let (public, summary) = (cell(public), cell(summary));
        let space = if summary.is_empty() { "" } else { " " };
        // Writing to a `String` can't fail.
        let _ = writeln!(
            table,
            "| {domain}`{}` | {} | {} | {} | {public} |{space}{summary} |",
            entry.code, entry.status, entry.category, entry.severity,
        );
    }
    table
}

/// Escapes a text for a table cell.
fn cell(text: &str) -> String {
    let mut cell = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        if !cell.is_empty() {
            cell.push(' ');
        }
        for char in word.chars() {
            match char {
                '|' => cell.push_str("\\|"),
                '\\' => cell.push_str("\\\\"),
                '<' => cell.push_str("&lt;"),
                '>' => cell.push_str("&gt;"),
                other => cell.push(other),
            }
        }
    }
    cell
}

/// Serializes `variant`, `code`, `domain`, `category`, `severity`, `status`, `public`, `generic`
/// (whether `public` is the generic text of the status rather than the error's template) and `doc`.
#[cfg_attr(docsrs, doc(cfg(feature = "http")))]
impl Serialize for CatalogEntry {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (public, generic) = match self.public {
            PublicMessage::Template(text) => (text, false),
            PublicMessage::Generic(text) => (text, true),
        };
        let mut entry = serializer.serialize_struct("CatalogEntry", 9)?;
        entry.serialize_field("variant", self.variant)?;
        entry.serialize_field("code", self.code)?;
        entry.serialize_field("domain", &self.domain)?;
        entry.serialize_field("category", self.category.as_str())?;
        entry.serialize_field("severity", self.severity.as_str())?;
        entry.serialize_field("status", &self.status)?;
        entry.serialize_field("public", public)?;
        entry.serialize_field("generic", &generic)?;
        entry.serialize_field("doc", self.doc)?;
        entry.end()
    }
}
