//! A Merkle tree and its inclusion proofs (RFC 6962, section 2.1), written from
//! the recursive definition.

use aws_lc_rs::digest;

/// SHA-256.
pub(crate) type Hash = [u8; 32];

/// SHA-256 of parts behind one another.
pub(crate) fn sha256(parts: &[&[u8]]) -> Hash {
    let mut context = digest::Context::new(&digest::SHA256);
    for part in parts {
        context.update(part);
    }
    context.finish().as_ref().try_into().expect("32 bytes")
}

/// The hash of a leaf.
pub(crate) fn leaf(entry: &[u8]) -> Hash {
    sha256(&[&[0], entry])
}

/// The hash of a tree of these leaves.
pub(crate) fn root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => sha256(&[]),
        [one] => *one,
        _ => {
            let (left, right) = leaves.split_at(split(leaves.len()));
            sha256(&[&[1], &root(left), &root(right)])
        }
    }
}

/// The path from leaf `index` to the root, lowest sibling first.
pub(crate) fn path(index: usize, leaves: &[Hash]) -> Vec<Hash> {
    if leaves.len() == 1 {
        return Vec::new();
    }
    let at = split(leaves.len());
    let (left, right) = leaves.split_at(at);
    let (mut path, sibling) = if index < at {
        (self::path(index, left), root(right))
    } else {
        (self::path(index - at, right), root(left))
    };
    path.push(sibling);
    path
}

/// The largest power of two below `length`.
fn split(length: usize) -> usize {
    length.next_power_of_two() / 2
}
