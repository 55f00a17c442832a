//! Changes of documents: of the structure of JSON, then of bytes.

use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::Value;

use super::tree::Tree;

/// One change.
#[derive(Debug, Clone)]
pub(crate) enum Op {
    /// Start from this seed; the first one counts.
    Seed(Index),
    Drop(Index),
    /// The same entry again, before or behind itself, with what is at another
    /// place or with its own value.
    Double(Index, Option<Index>, bool),
    /// The key in another spelling.
    Rename(Index, usize),
    Replace(Index, usize),
    /// A list or object around it, this often.
    Wrap(Index, u8, bool),
    /// The values of an object as a list.
    Flatten(Index),
    /// What is at one place also at another.
    Copy(Index, Index),
    /// A string with every character escaped.
    Escape(Index),
    /// A word inside a string.
    Into(Index, Index, usize),
    Flip(Index, u8),
    Cut(Index, u8),
    Truncate(Index),
    Repeat(Index, u8),
    Insert(Index, usize),
    /// The end of another seed from a place on.
    Splice(Index, Index),
}

/// What stands for any value.
const VALUES: &[&str] = &[
    "null",
    "true",
    "false",
    "0",
    "-1",
    "1e999",
    "-0.0",
    "18446744073709551616",
    "99999999999999999999999999999999",
    "\"\"",
    "\"x\"",
    "\" \"",
    "[]",
    "{}",
    "[[]]",
    "[null]",
    "{\"\":{}}",
    "\"\\ud800\"",
    "\"\\u0000\"",
    "\"\\ud83d\\ude00\"",
    "\"unverified\"",
    "\"warn\"",
    "\"off\"",
    "\"UPDATE\"",
    "\"DELETE\"",
    "\"scale\"",
    "\"ConfigMap\"",
    "\"Pod\"",
    "\"v1\"",
    "\"apps\"",
    "NaN",
    "01",
    "'x'",
    "//",
    "[1,2,3,4,5,6,7,8]",
    "[{},{},{},{}]",
];

/// What is put between bytes and into strings.
const WORDS: &[&str] = &[
    "\0",
    "\n",
    "\r\n",
    "\t",
    " ",
    "\u{feff}",
    "\u{202e}",
    "é",
    "/",
    "//",
    "@",
    ":",
    "..",
    "%2f",
    "-",
    "_",
    "A",
    "0",
    "\"",
    "\\",
    ",",
    "{",
    "}",
    "[",
    "]",
    "*",
    "**",
    "&a ",
    "*a",
    "<<: ",
    "---\n",
    "...\n",
    "!!str ",
    "? ",
    "- ",
    "#",
    "|",
    "=",
    "==",
    ";",
    "<",
    ">",
    "sha512:",
    "-----BEGIN PUBLIC KEY-----\n",
    "level: unverified\n",
    "enforcement: \"off\"",
    "localhost",
];

/// One to four changes of a seed.
pub(crate) fn changes() -> impl Strategy<Value = Vec<Op>> {
    let change = prop_oneof![
        4 => any::<Index>().prop_map(Op::Drop),
        4 => (any::<Index>(), any::<Option<Index>>(), any::<bool>())
            .prop_map(|(at, from, before)| Op::Double(at, from, before)),
        3 => (any::<Index>(), 0..RENAMES).prop_map(|(at, how)| Op::Rename(at, how)),
        6 => (any::<Index>(), 0..VALUES.len()).prop_map(|(at, what)| Op::Replace(at, what)),
        2 => (any::<Index>(), 1..90_u8, any::<bool>()).prop_map(|(at, n, l)| Op::Wrap(at, n, l)),
        2 => any::<Index>().prop_map(Op::Flatten),
        6 => (any::<Index>(), any::<Index>()).prop_map(|(from, to)| Op::Copy(from, to)),
        2 => any::<Index>().prop_map(Op::Escape),
        4 => (any::<Index>(), any::<Index>(), 0..WORDS.len())
            .prop_map(|(at, inside, what)| Op::Into(at, inside, what)),
        5 => (any::<Index>(), any::<u8>()).prop_map(|(at, bits)| Op::Flip(at, bits)),
        2 => (any::<Index>(), any::<u8>()).prop_map(|(at, n)| Op::Cut(at, n)),
        1 => any::<Index>().prop_map(Op::Truncate),
        2 => (any::<Index>(), any::<u8>()).prop_map(|(at, n)| Op::Repeat(at, n)),
        4 => (any::<Index>(), 0..WORDS.len()).prop_map(|(at, what)| Op::Insert(at, what)),
        1 => (any::<Index>(), any::<Index>()).prop_map(|(seed, at)| Op::Splice(seed, at)),
    ];
    (any::<Index>(), prop::collection::vec(change, 1..5)).prop_map(|(seed, mut ops)| {
        ops.insert(0, Op::Seed(seed));
        ops
    })
}

/// A seed after these changes.
pub(crate) fn apply(seeds: &[Vec<u8>], ops: &[Op]) -> Vec<u8> {
    let mut bytes = match ops.first() {
        Some(Op::Seed(at)) => at.get(seeds).clone(),
        _ => Vec::new(),
    };
    for op in ops {
        let mut tree = Tree::parse(&bytes);
        match tree.as_mut().is_some_and(|tree| restructure(tree, op)) {
            true => bytes = tree.map(|tree| tree.to_string()).unwrap_or_default().into(),
            false => rewrite(&mut bytes, op, seeds),
        }
    }
    bytes
}

/// How many spellings [`renamed`] knows.
const RENAMES: usize = 7;

fn renamed(key: &str, how: usize) -> String {
    let quoted = Value::from(key).to_string();
    match how {
        0 => key.to_uppercase(),
        1 => {
            let mut characters = key.chars();
            characters.next().map_or_else(String::new, |first| {
                first.to_uppercase().chain(characters).collect()
            })
        }
        2 => format!("\0{}", escaped(key)),
        3 => format!("{key} "),
        4 => key.replace('e', "E"),
        5 => format!("{key}\u{200b}"),
        _ => format!("\0{}", quoted.replacen('"', "\"x", 1)),
    }
}

fn escaped(text: &str) -> String {
    let units: String = text
        .encode_utf16()
        .map(|unit| format!("\\u{unit:04x}"))
        .collect();
    format!("\"{units}\"")
}

/// Whether `op` was one of the structure.
fn restructure(tree: &mut Tree, op: &Op) -> bool {
    let places = tree.places();
    let place = |at: &Index| at.get(&places).clone();
    let parent_of = |at: &Index| {
        let mut place = place(at);
        place.pop().map(|last| (place, last))
    };
    match op {
        Op::Drop(at) => {
            let Some((parent, last)) = parent_of(at) else {
                return true;
            };
            match tree.at(&parent) {
                Tree::Object(entries) => drop(entries.remove(last)),
                Tree::List(items) => drop(items.remove(last)),
                Tree::Leaf(_) | Tree::Raw(_) => {}
            }
        }
        Op::Double(at, from, before) => {
            let Some((parent, last)) = parent_of(at) else {
                return true;
            };
            let other = from.as_ref().map(|from| tree.at(&place(from)).clone());
            let to = last + usize::from(!before);
            match tree.at(&parent) {
                Tree::Object(entries) => {
                    let (key, value) = entries[last].clone();
                    entries.insert(to, (key, other.unwrap_or(value)));
                }
                Tree::List(items) => {
                    let value = items[last].clone();
                    items.insert(to, other.unwrap_or(value));
                }
                Tree::Leaf(_) | Tree::Raw(_) => {}
            }
        }
        Op::Rename(at, how) => {
            let Some((parent, last)) = parent_of(at) else {
                return true;
            };
            if let Tree::Object(entries) = tree.at(&parent) {
                entries[last].0 = renamed(&entries[last].0, *how);
            }
        }
        Op::Replace(at, what) => *tree.at(&place(at)) = Tree::Raw(VALUES[*what].to_owned()),
        Op::Wrap(at, times, list) => {
            let node = tree.at(&place(at));
            for _ in 0..*times {
                let inner = std::mem::replace(node, Tree::Leaf(Value::Null));
                *node = match list {
                    true => Tree::List(vec![inner]),
                    false => Tree::Object(vec![("a".to_owned(), inner)]),
                };
            }
        }
        Op::Flatten(at) => {
            let node = tree.at(&place(at));
            if let Tree::Object(entries) = node {
                *node = Tree::List(entries.drain(..).map(|(_, value)| value).collect());
            }
        }
        Op::Copy(from, to) => {
            let copy = tree.at(&place(from)).clone();
            *tree.at(&place(to)) = copy;
        }
        Op::Escape(at) => {
            let node = tree.at(&place(at));
            if let Tree::Leaf(Value::String(text)) = node {
                *node = Tree::Raw(escaped(text));
            }
        }
        Op::Into(at, inside, what) => {
            if let Tree::Leaf(Value::String(text)) = tree.at(&place(at)) {
                let places: Vec<_> = text.char_indices().map(|(at, _)| at).collect();
                let at = if places.is_empty() {
                    0
                } else {
                    *inside.get(&places)
                };
                text.insert_str(at, WORDS[*what]);
            }
        }
        Op::Seed(_)
        | Op::Flip(..)
        | Op::Cut(..)
        | Op::Truncate(_)
        | Op::Repeat(..)
        | Op::Insert(..)
        | Op::Splice(..) => return false,
    }
    true
}

/// Changes bytes. An operation of the structure, for what has none, is one of
/// lines: YAML and PEM consist of them.
fn rewrite(bytes: &mut Vec<u8>, op: &Op, seeds: &[Vec<u8>]) {
    let end = bytes.len();
    let at = |index: &Index| index.index(end + 1);
    match op {
        Op::Seed(_) => {}
        Op::Flip(index, bits) if end > 0 => bytes[index.index(end)] ^= bits,
        Op::Cut(index, many) => {
            let from = at(index);
            bytes.drain(from..end.min(from + usize::from(*many)));
        }
        Op::Truncate(index) => bytes.truncate(at(index)),
        Op::Repeat(index, many) => {
            let from = at(index);
            let again = bytes[from..end.min(from + usize::from(*many))].to_vec();
            bytes.splice(from..from, again);
        }
        Op::Insert(index, what) => drop(bytes.splice(at(index)..at(index), WORDS[*what].bytes())),
        Op::Splice(seed, index) => {
            let other = seed.get(seeds);
            let from = index.index(other.len().min(end) + 1);
            bytes.truncate(from);
            bytes.extend_from_slice(&other[from..]);
        }
        Op::Drop(index) => drop(bytes.drain(line(bytes, index))),
        Op::Double(index, from, _) => {
            let copied = bytes[line(bytes, from.as_ref().unwrap_or(index))].to_vec();
            let to = line(bytes, index).end;
            bytes.splice(to..to, copied);
        }
        Op::Copy(from, to) => {
            let copied = bytes[line(bytes, from)].to_vec();
            bytes.splice(line(bytes, to), copied);
        }
        Op::Replace(index, what) => {
            let place = line(bytes, index);
            let from = bytes[place.clone()]
                .iter()
                .position(|b| *b == b':')
                .map_or(place.start, |colon| place.start + colon + 1);
            let value = format!(" {}\n", VALUES[*what]);
            bytes.splice(from..place.end, value.bytes());
        }
        Op::Into(index, _, what) => {
            let to = line(bytes, index).start;
            bytes.splice(to..to, WORDS[*what].bytes());
        }
        Op::Wrap(index, times, list) => {
            let to = at(index);
            let bracket = if *list { "[" } else { "{a: " };
            bytes.splice(to..to, bracket.repeat((*times).into()).bytes());
        }
        Op::Flip(..) | Op::Rename(..) | Op::Flatten(_) | Op::Escape(_) => {}
    }
}

fn line(bytes: &[u8], index: &Index) -> std::ops::Range<usize> {
    let mut starts = vec![0];
    starts.extend(
        bytes
            .iter()
            .enumerate()
            .filter(|(_, b)| **b == b'\n')
            .map(|(at, _)| at + 1),
    );
    let which = index.index(starts.len());
    let end = starts.get(which + 1).copied().unwrap_or(bytes.len());
    starts[which]..end
}
