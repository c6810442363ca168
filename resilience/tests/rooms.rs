//! The runtime is a house of rooms, one above the other: no room imports from one above it, and no
//! two modules of a room import each other in a circle. ARCHITECTURE.md has the drawing.
//!
//! The test reads the source: each `crate::…` and `super::…` path, wherever it is, with the names
//! that `lib.rs` re-exports resolved to the modules that define them. Comments don't count, so doc
//! links may point anywhere.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// The rooms, each with those that it may import from.
const ROOMS: &[(&str, &[&str])] = &[
    ("support", &[]),
    ("error", &["support"]),
    ("observe", &["support", "error"]),
    ("layer", &["support", "error", "observe"]),
    ("boundary", &["support", "error", "observe", "layer"]),
    ("http", &["support", "error", "observe", "layer", "boundary"]),
    ("axum", &["support", "error", "observe", "layer", "boundary", "http"]),
    ("tonic", &["support", "error", "observe", "layer", "boundary", "http"]),
    ("testing", &["support", "error", "observe", "layer", "boundary"]),
    // What the expansion calls: nothing imports it.
    ("private", &["support", "error", "observe", "layer", "boundary", "http", "axum", "tonic"]),
];

/// Files outside of the rooms. They only re-export, so that everything may be named there and
/// nothing is imported from there.
const FACADES: &[&str] = &["lib", "sql"];

#[test]
fn no_room_imports_from_a_room_above_it() {
    let upward = House::read(&source()).upward();
    assert!(upward.is_empty(), "these imports go upward:\n{}", upward.join("\n"));
}

#[test]
fn no_modules_of_a_room_import_each_other_in_a_circle() {
    let circles = House::read(&source()).circles();
    assert!(circles.is_empty(), "these modules form a circle:\n{}", circles.join("\n"));
}

#[test]
fn an_import_upward_is_found() {
    let mut files = source();
    let timeout = files.get_mut("layer::timeout").expect("there is a layer for timeouts");
    timeout.push_str("\nuse crate::{Boundary, http::Problem};\n");
    assert_eq!(
        House::read(&files).upward(),
        [
            "layer::timeout imports boundary::builder (crate::Boundary)",
            "layer::timeout imports http::problem (crate::http::Problem)"
        ]
    );
}

#[test]
fn a_circle_in_a_room_is_found() {
    let mut files = source();
    let site = files.get_mut("layer::site").expect("there are sites");
    site.push_str("\nfn judge(_: &super::retry::Attempts) {}\n");
    let circles = House::read(&files).circles();
    assert!(circles.iter().any(|circle| circle.contains("layer::site -> ")), "{circles:?}");
}

/// The crate's files by their module: `layer::retry::attempts`.
fn source() -> BTreeMap<String, String> {
    fn walk(folder: &Path, module: &str, files: &mut BTreeMap<String, String>) {
        for entry in fs::read_dir(folder).expect("the source is here") {
            let path = entry.expect("the entry can be read").path();
            let name = path.file_stem().and_then(|name| name.to_str()).expect("names are UTF-8");
            let inside = match (module, name) {
                (_, "mod") => module.to_owned(),
                ("", _) => name.to_owned(),
                _ => format!("{module}::{name}"),
            };
            if path.is_dir() {
                walk(&path, &inside, files);
            } else if path.extension().is_some_and(|kind| kind == "rs") {
                files.insert(inside, fs::read_to_string(&path).expect("source is UTF-8"));
            }
        }
    }
    let mut files = BTreeMap::new();
    walk(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), "", &mut files);
    files
}

/// Which module imports which, and by what path.
struct House {
    imports: BTreeSet<(String, String, String)>,
}

impl House {
    fn read(files: &BTreeMap<String, String>) -> Self {
        let modules = files.keys().cloned().collect();
        let mut exports = Exports { modules, names: BTreeMap::new() };
        for (module, text) in files {
            for path in exported(&tokens(text)) {
                exports.add(module, &path);
            }
        }
        let mut imports = BTreeSet::new();
        for (module, text) in files.iter().filter(|(module, _)| !is_facade(module)) {
            for path in named(&tokens(text)) {
                let absolute = absolute(module, &path);
                if let Some(target) = exports.module_of(&absolute) {
                    imports.insert((module.clone(), target, path.join("::")));
                }
            }
        }
        Self { imports }
    }

    fn upward(&self) -> Vec<String> {
        let allowed = |from: &str, to: &str| {
            let below =
                ROOMS.iter().find(|(room, _)| *room == from).map_or(&[][..], |(_, below)| below);
            from == to || below.contains(&to)
        };
        self.imports
            .iter()
            .filter(|(from, to, _)| !allowed(room(from), room(to)))
            .map(|(from, to, path)| format!("{from} imports {to} ({path})"))
            .collect()
    }

    /// Circles between files, and between the direct children of one room with all that they hold.
    ///
    /// A module and its own children are one thing, and may import each other.
    fn circles(&self) -> Vec<String> {
        let mut circles = self.circles_between(str::to_owned);
        circles.extend(self.circles_between(cell));
        circles
    }

    fn circles_between(&self, unit: impl Fn(&str) -> String) -> Vec<String> {
        let mut edges: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (from, to, _) in &self.imports {
            let (from, to) = (unit(from), unit(to));
            if !contains(&from, &to) && !contains(&to, &from) {
                edges.entry(from).or_default().insert(to);
            }
        }
        let reaches = |from: &str, to: &str| {
            let (mut seen, mut next) = (BTreeSet::new(), vec![from.to_owned()]);
            while let Some(module) = next.pop() {
                for neighbour in edges.get(&module).into_iter().flatten() {
                    if neighbour == to {
                        return true;
                    }
                    if seen.insert(neighbour.clone()) {
                        next.push(neighbour.clone());
                    }
                }
            }
            false
        };
        let all = edges.iter().flat_map(|(from, to)| to.iter().map(move |to| (from, to)));
        all.filter(|(from, to)| reaches(to, from))
            .map(|(from, to)| format!("{from} -> {to}"))
            .collect()
    }
}

/// Where a name that is re-exported is defined.
struct Exports {
    modules: BTreeSet<String>,
    names: BTreeMap<String, String>,
}

impl Exports {
    /// `use` in `module` of a path, whose last segment may be `original as new`.
    fn add(&mut self, module: &str, path: &[String]) {
        let (last, parents) = path.split_last().expect("a path has a segment");
        let (original, new) = match last.split_once(" as ") {
            Some(renamed) => renamed,
            None if last == "self" => (parents.last().map_or("self", String::as_str), ""),
            None => (last.as_str(), last.as_str()),
        };
        let (original, new) = match new {
            "" => (parents.to_vec(), original),
            _ => ([parents, &[original.to_owned()]].concat(), new),
        };
        let mut original = original;
        if !matches!(original[0].as_str(), "crate" | "super" | "self") {
            original.insert(0, "self".to_owned());
            let child = absolute(module, &original[..2]).join("::");
            if !self.modules.iter().any(|module| contains(&child, module)) {
                return; // Another crate's.
            }
        }
        let name = if module == "lib" { new.to_owned() } else { format!("{module}::{new}") };
        let target = absolute(module, &original).join("::");
        // A function may have the name of its module: what is inside is reached through the module.
        if self.modules.contains(&target) {
            self.names.insert(name, target);
        } else {
            self.names.entry(name).or_insert(target);
        }
    }

    /// The module that a path leads to, or `None` if it isn't one of the crate's modules: a macro,
    /// or an item of the root.
    fn module_of(&self, path: &[String]) -> Option<String> {
        let mut path = path.to_vec();
        for _ in 0..8 {
            // A module may have the name of a function beside it: then it is what leads on.
            let leads_on =
                |length: usize, name: &String| length < path.len() && self.modules.contains(name);
            let Some((length, target)) = (1..=path.len()).rev().find_map(|length| {
                let name = path[..length].join("::");
                let target = self.names.get(&name).filter(|_| !leads_on(length, &name))?;
                Some((length, target))
            }) else {
                break;
            };
            let rest = path.split_off(length);
            path = target.split("::").map(str::to_owned).chain(rest).collect();
        }
        (1..=path.len())
            .rev()
            .map(|length| path[..length].join("::"))
            .find(|module| self.modules.contains(module))
    }
}

/// The path from the crate's root.
fn absolute(module: &str, path: &[String]) -> Vec<String> {
    let mut at: Vec<_> =
        module.split("::").filter(|name| *name != "lib").map(str::to_owned).collect();
    let mut rest = path;
    while let [first, others @ ..] = rest {
        match first.as_str() {
            "crate" => at.clear(),
            "self" => {}
            "super" => _ = at.pop(),
            _ => break,
        }
        rest = others;
    }
    at.extend(rest.iter().cloned());
    at
}

/// All paths that begin with `crate` or `super`, those of nested `use` trees one by one.
///
/// `super` in an inline module counts from the file, so that it leads one module too far up: what
/// it then names isn't found, and so isn't an import of another file.
fn named(tokens: &[String]) -> Vec<Vec<String>> {
    let mut paths = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let begins = matches!(tokens[at].as_str(), "crate" | "super")
            && (at == 0 || !matches!(tokens[at - 1].as_str(), "::" | "$" | "("));
        if begins && tokens.get(at + 1).is_some_and(|next| next == "::") {
            at = tree(tokens, at, &[], &mut paths);
        } else {
            at += 1;
        }
    }
    paths
}

/// The paths of all `use` items: what they name may be named in their module, by children too.
fn exported(tokens: &[String]) -> Vec<Vec<String>> {
    let mut paths = Vec::new();
    for at in 0..tokens.len() {
        if tokens[at] == "use" {
            tree(tokens, at + 1, &[], &mut paths);
        }
    }
    paths
}

/// Reads one `use` tree, or a plain path, and returns the position after it.
fn tree(
    tokens: &[String],
    mut at: usize,
    parents: &[String],
    paths: &mut Vec<Vec<String>>,
) -> usize {
    let mut path = parents.to_vec();
    while let Some(token) = tokens.get(at) {
        if token == "{" && path.len() > parents.len() {
            at += 1;
            while tokens.get(at).is_some_and(|token| token != "}") {
                at = tree(tokens, at, &path, paths);
                at += usize::from(tokens.get(at).is_some_and(|token| token == ","));
            }
            return at + 1;
        }
        if !token.starts_with(|first: char| first.is_alphabetic() || first == '_') {
            break;
        }
        path.push(token.clone());
        at += 1;
        if tokens.get(at).is_some_and(|token| token == "::") {
            at += 1;
        } else {
            break;
        }
    }
    if tokens.get(at).is_some_and(|token| token == "as") {
        if let (Some(last), Some(new)) = (path.last_mut(), tokens.get(at + 1)) {
            last.push_str(" as ");
            last.push_str(new);
        }
        at += 2;
    }
    if path.len() > parents.len() {
        paths.push(path);
        at
    } else {
        at + 1
    }
}

/// Words, `::`, and single characters, without comments and the insides of literals.
fn tokens(text: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if let Some(raw) = raw_string(rest) {
            raw
        } else if first == '"' {
            string(rest)
        } else if rest.starts_with("'\"'") {
            3
        } else if first.is_alphanumeric() || first == '_' {
            let end = |c: char| !c.is_alphanumeric() && c != '_';
            let length = rest.find(end).unwrap_or(rest.len());
            tokens.push(rest[..length].to_owned());
            length
        } else if rest.starts_with("::") {
            tokens.push("::".to_owned());
            2
        } else {
            if !first.is_whitespace() {
                tokens.push(first.to_string());
            }
            first.len_utf8()
        };
        rest = &rest[length..];
    }
    tokens
}

fn raw_string(text: &str) -> Option<usize> {
    let marks = text.strip_prefix('r')?;
    let marks = &marks[..marks.len() - marks.trim_start_matches('#').len()];
    let inside = text.strip_prefix('r')?.strip_prefix(marks)?.strip_prefix('"')?;
    let end = format!("\"{marks}");
    let begin = text.len() - inside.len();
    Some(begin + inside.find(&end).expect("a literal ends") + end.len())
}

fn string(text: &str) -> usize {
    let mut escaped = false;
    for (at, character) in text.char_indices().skip(1) {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

fn is_facade(module: &str) -> bool {
    FACADES.contains(&module)
}

fn room(module: &str) -> &str {
    module.split("::").next().unwrap_or(module)
}

/// Whether a module is the other one, or has it inside.
fn contains(module: &str, other: &str) -> bool {
    other.strip_prefix(module).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// A direct child of a room, such as `layer::retry`; the room itself stays the room.
fn cell(module: &str) -> String {
    module.splitn(3, "::").take(2).collect::<Vec<_>>().join("::")
}
