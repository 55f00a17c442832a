//! The architecture, held by reading the code: imports point down only, and the
//! structural promises that everything else rests on.
//!
//! Each check is a function from files to problems, so that a test can show it a
//! bad file.

mod bad;
mod reader;

use std::collections::{BTreeMap, BTreeSet};

use reader::{SourceFile, sources};

const PAGE: &str = include_str!("../../docs/architecture.md");

/// No clock, async runtime, socket, file or environment in here.
const PURE: &[&str] = &["oci", "evidence", "trust", "verdict", "policy"];

/// Lines of a file, above which nobody holds it in mind.
const MAX_LINES: usize = 600;

/// What each module may import, from the page.
type Table<'p> = BTreeMap<&'p str, BTreeSet<&'p str>>;

fn table(page: &str) -> Table<'_> {
    let rows: Vec<(&str, &str)> = page
        .lines()
        .skip_while(|line| *line != "| Module | May import |")
        .skip(2)
        .map_while(|line| {
            line.strip_prefix("| ")?
                .strip_suffix(" |")?
                .split_once(" | ")
        })
        .map(|(module, imports)| (module.trim_matches('`'), imports))
        .collect();
    let all: BTreeSet<_> = rows.iter().map(|(module, _)| *module).collect();
    rows.into_iter()
        .map(|(module, imports)| {
            let imports = match imports {
                "–" => BTreeSet::new(),
                "anything" => all
                    .iter()
                    .copied()
                    .filter(|other| *other != module)
                    .collect(),
                named => named
                    .split(' ')
                    .map(|name| name.trim_matches('`'))
                    .collect(),
            };
            (module, imports)
        })
        .collect()
}

/// What each top-level module imports, with a file that does so.
fn imports(files: &[SourceFile]) -> BTreeMap<&str, BTreeMap<&str, &str>> {
    let mut graph: BTreeMap<&str, BTreeMap<&str, &str>> = BTreeMap::new();
    for file in files {
        if matches!(file.module.as_str(), "lib" | "main") {
            continue;
        }
        let edges = graph.entry(&file.module).or_default();
        for import in &file.code.imports {
            if *import != file.module {
                edges.insert(import, &file.name);
            }
        }
    }
    graph
}

/// Imports that the table does not allow, modules without a row and rows
/// without a module.
fn imports_astray(files: &[SourceFile], table: &Table<'_>) -> Vec<String> {
    let graph = imports(files);
    let mut problems = Vec::new();
    for (module, edges) in &graph {
        let Some(allowed) = table.get(module) else {
            problems.push(format!("{module} has no row in the table"));
            continue;
        };
        for (import, file) in edges {
            if !allowed.contains(import) {
                problems.push(format!("{file}: {module} may not import {import}"));
            }
        }
    }
    let gone = table.keys().filter(|module| !graph.contains_key(*module));
    problems.extend(gone.map(|module| format!("{module} has a row and no code")));
    problems
}

/// The modules that import each other in a circle.
fn circle<'p>(table: &Table<'p>) -> Vec<&'p str> {
    let mut rest = table.clone();
    loop {
        let leaves: Vec<_> = rest
            .iter()
            .filter(|(_, imports)| imports.is_empty())
            .map(|(module, _)| *module)
            .collect();
        if leaves.is_empty() {
            return rest.into_keys().collect();
        }
        for leaf in leaves {
            rest.remove(leaf);
            for imports in rest.values_mut() {
                imports.remove(leaf);
            }
        }
    }
}

/// What pure modules name of the world outside.
fn impurities(files: &[SourceFile]) -> Vec<String> {
    const FOREIGN: &[&str] = &[
        "std::fs",
        "std::net::Tcp",
        "std::net::Udp",
        "std::net::ToSocketAddrs",
        "std::env",
        "std::process",
        "std::thread",
        "std::io::stdin",
        "std::os",
        "tokio",
        "reqwest",
        "hyper",
        "axum",
        "futures_util",
        "futures_channel",
        "tracing",
    ];
    const CLOCKS: &[&str] = &[
        "Instant::now",
        "SystemTime::now",
        "Timestamp::now",
        "Zoned::now",
        "std::time::Instant",
        "std::time::SystemTime",
    ];
    let mut problems = Vec::new();
    for file in files
        .iter()
        .filter(|file| PURE.contains(&file.module.as_str()))
    {
        if file.code.asyncs > 0 {
            problems.push(format!("{} has something async", file.name));
        }
        for path in &file.code.paths {
            let foreign = FOREIGN.iter().any(|name| path.starts_with(name));
            let clock = CLOCKS
                .iter()
                .any(|name| path == name || path.ends_with(&format!("::{name}")));
            if foreign || clock {
                problems.push(format!("{} names {path}", file.name));
            }
        }
    }
    problems
}

/// Paths that begin so, in files where they do not belong.
fn astray(files: &[SourceFile], start: &str, home: impl Fn(&SourceFile) -> bool) -> Vec<String> {
    files
        .iter()
        .filter(|file| !home(file))
        .flat_map(|file| {
            let found = file.code.paths.iter().filter(|path| {
                path.strip_prefix(start)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
            });
            found.map(|path| format!("{} names {path}", file.name))
        })
        .collect()
}

/// What prints and may not.
fn prints(files: &[SourceFile]) -> Vec<String> {
    const PRINTS: &[&str] = &["print", "println", "eprint", "eprintln", "dbg"];
    let mut problems = Vec::new();
    for file in files {
        if matches!(file.module.as_str(), "cli" | "telemetry") {
            continue;
        }
        let printing = file
            .code
            .macros
            .iter()
            .filter(|name| PRINTS.contains(&name.as_str()));
        problems.extend(printing.map(|name| format!("{} uses {name}!", file.name)));
        let streams = file
            .code
            .paths
            .iter()
            .filter(|path| path.ends_with("io::stdout") || path.ends_with("io::stderr"));
        problems.extend(streams.map(|path| format!("{} names {path}", file.name)));
    }
    problems
}

/// Where a claim could come to be called verified without a check.
fn unchecked_claims(files: &[SourceFile]) -> Vec<String> {
    let mut problems = Vec::new();
    for file in files {
        let constructs = file
            .code
            .paths
            .iter()
            .any(|path| path.ends_with("Verified::new"));
        if constructs && file.name != "trust/establish.rs" {
            problems.push(format!("{} makes verified claims", file.name));
        }
        for (of, name) in &file.code.traits {
            let harmless = ["Debug", "Clone", "PartialEq", "Eq"].contains(&name.as_str());
            if of == "Verified" && !harmless {
                problems.push(format!("{}: Verified is {name}", file.name));
            }
        }
        for (of, field) in &file.code.open_fields {
            if of == "Verified" {
                problems.push(format!("{}: others reach Verified.{field}", file.name));
            }
        }
        if file.name == "trust/verified.rs" {
            let makers = file
                .code
                .functions
                .iter()
                .filter(|(_, _, returned)| returned == "Self" || returned == "Verified");
            for (visibility, name, _) in makers {
                if (visibility.as_str(), name.as_str()) != ("super", "new") {
                    problems.push(format!("{}: {name} makes verified claims", file.name));
                }
            }
        }
    }
    problems
}

/// Types that are written or read directly and may not be: what is a contract
/// with a version has types of its own.
fn serialised(files: &[SourceFile]) -> Vec<String> {
    const WRITTEN: &[&str] = &["verdict/report/"];
    const READ: &[&str] = &[
        "admission/object.rs",
        "admission/review.rs",
        "admission/wire.rs",
        "admission/workload.rs",
        "cli/verify/review.rs",
        "config/file.rs",
        "evidence/json.rs",
        "oci/manifest.rs",
        "policy/yaml/node.rs",
        "source/layout/mod.rs",
        "source/registry/auth.rs",
        "source/registry/helper.rs",
        "source/registry/keychain.rs",
    ];
    let mut problems = Vec::new();
    for file in files {
        for (of, name) in &file.code.traits {
            let homes = match name.as_str() {
                "Serialize" => WRITTEN,
                "Deserialize" => READ,
                _ => continue,
            };
            if !homes.iter().any(|home| file.name.starts_with(home)) {
                problems.push(format!("{}: {of} is {name}", file.name));
            }
        }
    }
    problems
}

/// What no code of ours has: global variables, a variant for everything else,
/// lints silenced without a reason, enums that hide a new case, modules without
/// a meaning.
fn odds(files: &[SourceFile]) -> Vec<String> {
    const NAMELESS: &[&str] = &["utils", "util", "helpers", "common", "errors", "misc"];
    let mut problems = Vec::new();
    for file in files {
        let name = &file.name;
        let code = &file.code;
        problems.extend(code.statics.iter().map(|s| format!("{name}: static {s}")));
        let macros = code.macros.iter().filter(|m| *m == "thread_local");
        problems.extend(macros.map(|m| format!("{name}: {m}!")));
        for (of, variant) in &code.variants {
            if of.ends_with("Error") && variant == "Other" {
                problems.push(format!("{name}: {of}::{variant}"));
            }
        }
        problems.extend(
            code.odd_attributes
                .iter()
                .map(|a| format!("{name}: #[{a}]")),
        );
        let parts = name.trim_end_matches(".rs").split('/');
        let nameless = parts.filter(|part| NAMELESS.contains(part));
        problems.extend(nameless.map(|part| format!("{name}: {part} means nothing")));
    }
    problems
}

#[track_caller]
fn assert_none(problems: &[String]) {
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn every_module_imports_only_what_the_table_of_the_page_allows() {
    let table = table(PAGE);
    assert!(table.len() > 10, "the table was not found");
    assert_none(&imports_astray(&sources(), &table));
}

#[test]
fn the_table_itself_has_no_cycle() {
    assert_eq!(circle(&table(PAGE)), [""; 0]);
}

#[test]
fn pure_modules_name_no_clock_runtime_socket_file_or_environment() {
    assert_none(&impurities(&sources()));
}

#[test]
fn allow_is_written_in_exactly_one_expression() {
    let written: Vec<_> = sources()
        .into_iter()
        .filter(|file| file.code.allows > 0)
        .map(|file| (file.name, file.code.allows))
        .collect();
    assert_eq!(written, [("verdict/mod.rs".to_owned(), 1)]);
}

#[test]
fn the_verifier_returns_a_verdict_and_no_result() {
    let files = sources();
    let file = files.iter().find(|file| file.name == "verifier/mod.rs");
    let functions = &file.expect("the verifier").code.functions;
    let verify = |(visibility, name, returned): &(String, String, String)| {
        (visibility == "public" && name == "verify").then(|| returned.clone())
    };
    let returned: Vec<_> = functions.iter().filter_map(verify).collect();
    assert_eq!(returned, ["Verdict"]);
}

#[test]
fn only_the_command_line_and_telemetry_print() {
    assert_none(&prints(&sources()));
}

#[test]
fn only_the_registry_source_and_trust_roots_build_an_http_client() {
    let home = |file: &SourceFile| {
        file.name.starts_with("source/registry") || file.name == "roots/tuf/refresher.rs"
    };
    assert_none(&astray(&sources(), "reqwest", home));
}

#[test]
fn cryptography_is_in_trust_and_digests_alone() {
    let home = |file: &SourceFile| file.module == "trust" || file.name == "oci/digest.rs";
    assert_none(&astray(&sources(), "aws_lc_rs", home));
}

#[test]
fn looking_decides_nothing_and_only_sources_try_again() {
    let files = sources();
    let gather = files.iter().find(|file| file.name == "verifier/gather.rs");
    let imports = &gather.expect("the file").code.imports;
    for module in ["policy", "verdict", "trust"] {
        assert!(!imports.contains(module), "gather imports {module}");
    }
    let retrying: Vec<_> = files
        .iter()
        .filter(|file| file.code.methods.iter().any(|name| name == "is_transient"))
        .map(|file| file.name.as_str())
        .collect();
    assert_eq!(retrying, ["source/registry/retry.rs"]);
}

#[test]
fn only_the_registry_source_shows_a_secret() {
    let mut shown = 0;
    for file in sources() {
        let count = file
            .code
            .methods
            .iter()
            .filter(|name| *name == "expose")
            .count();
        let home = file.name.starts_with("source/registry");
        assert!(count == 0 || home, "{} shows a secret", file.name);
        shown += count;
    }
    assert!(shown > 0, "nothing was read");
}

#[test]
fn errors_lose_their_type_in_the_command_line_only() {
    let home = |file: &SourceFile| matches!(file.module.as_str(), "cli" | "main");
    assert_none(&astray(&sources(), "anyhow", home));
}

#[test]
fn verified_claims_are_constructed_in_trust_only_and_never_deserialised() {
    let files = sources();
    let made = files.iter().any(|file| file.name == "trust/verified.rs");
    assert!(made, "the type was not found");
    assert_none(&unchecked_claims(&files));
}

#[test]
fn only_contracts_are_serialised() {
    assert_none(&serialised(&sources()));
}

#[test]
fn there_is_no_global_state_and_nothing_without_a_name() {
    assert_none(&odds(&sources()));
}

#[test]
fn the_logger_and_the_crypto_provider_are_installed_by_the_command_line() {
    for file in sources() {
        for name in &file.code.methods {
            assert!(
                name != "install_default" || file.module == "cli",
                "{}",
                file.name
            );
            assert!(
                name != "try_init" || file.module == "telemetry",
                "{}",
                file.name
            );
        }
    }
}

#[test]
fn every_profile_unwinds() {
    let manifest = include_str!("../../Cargo.toml");
    assert!(!manifest.contains("\"abort\""));
    assert_eq!(manifest.matches("panic = \"unwind\"").count(), 2);
}

#[test]
fn no_file_is_longer_than_a_reader_can_hold_in_mind() {
    for file in sources() {
        let lines = file.text.lines().count();
        assert!(lines <= MAX_LINES, "{} has {lines} lines", file.name);
    }
}

#[test]
fn nothing_is_left_to_be_done_later() {
    for file in sources() {
        for word in ["TODO", "FIXME", "XXX"] {
            assert!(!file.text.contains(word), "{} says {word}", file.name);
        }
        for name in &file.code.macros {
            assert!(
                name != "todo" && name != "unimplemented",
                "{} uses {name}!",
                file.name
            );
        }
    }
}
