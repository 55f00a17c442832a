//! Reads the code of the crate: what each file names, makes and promises, its
//! tests left out.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use syn::visit::{self, Visit};

pub(super) struct SourceFile {
    /// Path below `src/`, with `/`.
    pub(super) name: String,
    /// Top-level module, or the file's stem for `lib` and `main`.
    pub(super) module: String,
    pub(super) text: String,
    pub(super) code: Code,
}

/// What was seen in one file, tests left out.
#[derive(Default)]
pub(super) struct Code {
    /// Module path of the file itself, below the crate.
    here: Vec<String>,
    /// Depth of inline modules while visiting.
    inline: Vec<String>,
    /// Top-level modules named by a path that begins with `crate` or climbs.
    pub(super) imports: BTreeSet<String>,
    /// Every path of two or more segments, `use` trees spelled out.
    pub(super) paths: Vec<String>,
    /// Names of macros.
    pub(super) macros: Vec<String>,
    /// Names of methods that are called.
    pub(super) methods: Vec<String>,
    /// `async` functions and blocks.
    pub(super) asyncs: usize,
    /// Expressions `Decision::Allow` that are not compared with something.
    pub(super) allows: usize,
    /// Traits that are derived or implemented, with the type.
    pub(super) traits: Vec<(String, String)>,
    /// Enums, with their variants.
    pub(super) variants: Vec<(String, String)>,
    /// Global variables.
    pub(super) statics: Vec<String>,
    /// Structs, with their fields that others can reach.
    pub(super) open_fields: Vec<(String, String)>,
    /// Functions: visibility, name and what they return.
    pub(super) functions: Vec<(String, String, String)>,
    /// Attributes that silence a lint without saying why, or leave an enum open.
    pub(super) odd_attributes: Vec<String>,
}

impl Code {
    fn note(&mut self, segments: &[String]) {
        if let Some(top) = self.top_level(segments) {
            self.imports.insert(top);
        }
        if segments.len() > 1 {
            self.paths.push(segments.join("::"));
        }
    }

    /// The top-level module that a path leads to; `None` if it does not leave
    /// where it stands, or begins elsewhere.
    fn top_level(&self, segments: &[String]) -> Option<String> {
        match segments.first().map(String::as_str) {
            Some("crate") => segments.get(1).cloned(),
            Some("super" | "self") => {
                let mut place: Vec<_> = self.here.iter().chain(&self.inline).cloned().collect();
                let mut rest = segments;
                while let Some(first) = rest.first() {
                    match first.as_str() {
                        "self" => {}
                        "super" => {
                            place.pop()?;
                        }
                        _ => break,
                    }
                    rest = &rest[1..];
                }
                place.extend(rest.iter().cloned());
                place.first().cloned()
            }
            _ => None,
        }
    }

    fn note_use(&mut self, tree: &syn::UseTree, mut prefix: Vec<String>) {
        match tree {
            syn::UseTree::Path(path) => {
                prefix.push(path.ident.to_string());
                self.note_use(&path.tree, prefix);
            }
            syn::UseTree::Name(name) => {
                prefix.push(name.ident.to_string());
                self.note(&prefix);
            }
            syn::UseTree::Rename(rename) => {
                prefix.push(rename.ident.to_string());
                self.note(&prefix);
            }
            syn::UseTree::Glob(_) => {
                prefix.push("*".to_owned());
                self.note(&prefix);
            }
            syn::UseTree::Group(group) => {
                for tree in &group.items {
                    self.note_use(tree, prefix.clone());
                }
            }
        }
    }

    fn note_derives(&mut self, name: &syn::Ident, attributes: &[syn::Attribute]) {
        let derives = attributes.iter().filter(|a| a.path().is_ident("derive"));
        for list in derives.filter_map(|a| a.meta.require_list().ok()) {
            for derived in list.tokens.to_string().split(',') {
                let derived = derived.rsplit(':').next().unwrap_or_default().trim();
                self.traits.push((name.to_string(), derived.to_owned()));
            }
        }
    }

    fn note_function(&mut self, visibility: &syn::Visibility, signature: &syn::Signature) {
        let visibility = match visibility {
            syn::Visibility::Inherited => "private".to_owned(),
            syn::Visibility::Public(_) => "public".to_owned(),
            syn::Visibility::Restricted(place) => {
                let place = place.path.segments.last();
                place
                    .map(|segment| segment.ident.to_string())
                    .unwrap_or_default()
            }
        };
        let returned = match &signature.output {
            syn::ReturnType::Default => String::new(),
            syn::ReturnType::Type(_, of) => match &**of {
                syn::Type::Path(path) => {
                    let last = path.path.segments.last();
                    last.map(|segment| segment.ident.to_string())
                        .unwrap_or_default()
                }
                _ => "other".to_owned(),
            },
        };
        self.functions
            .push((visibility, signature.ident.to_string(), returned));
    }

    /// The paths inside of a macro call, which `syn` sees as tokens only.
    fn note_tokens(&mut self, tokens: &str) {
        let glued = tokens.replace(" :: ", "::").replace(":: ", "::");
        for word in glued.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':')) {
            let segments: Vec<_> = word
                .split("::")
                .filter(|segment| !segment.is_empty())
                .map(str::to_owned)
                .collect();
            if segments.len() > 1 {
                self.allows += usize::from(word.ends_with("Decision::Allow"));
                self.note(&segments);
            }
        }
    }
}

fn is_test(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("test")
            || (attribute.path().is_ident("cfg")
                && attribute
                    .meta
                    .require_list()
                    .is_ok_and(|list| list.tokens.to_string() == "test"))
    })
}

fn is_allow(expression: &syn::Expr) -> bool {
    match expression {
        syn::Expr::Path(path) => {
            let segments: Vec<_> = path
                .path
                .segments
                .iter()
                .map(|segment| segment.ident.to_string())
                .collect();
            segments.ends_with(&["Decision".to_owned(), "Allow".to_owned()])
        }
        syn::Expr::Reference(reference) => is_allow(&reference.expr),
        _ => false,
    }
}

impl<'ast> Visit<'ast> for Code {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        let attributes = match item {
            syn::Item::Mod(item) => &item.attrs,
            syn::Item::Fn(item) => &item.attrs,
            syn::Item::Impl(item) => &item.attrs,
            syn::Item::Use(item) => &item.attrs,
            syn::Item::Struct(item) => &item.attrs,
            syn::Item::Const(item) => &item.attrs,
            syn::Item::Macro(item) => &item.attrs,
            _ => return visit::visit_item(self, item),
        };
        if !is_test(attributes) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        self.inline.push(module.ident.to_string());
        visit::visit_item_mod(self, module);
        self.inline.pop();
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        if !is_test(&function.attrs) {
            self.note_function(&function.vis, &function.sig);
            visit::visit_impl_item_fn(self, function);
        }
    }

    fn visit_item_fn(&mut self, function: &'ast syn::ItemFn) {
        self.note_function(&function.vis, &function.sig);
        visit::visit_item_fn(self, function);
    }

    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        if let (Some((_, path, _)), syn::Type::Path(of)) = (&item.trait_, &*item.self_ty)
            && let (Some(of), Some(name)) = (of.path.segments.last(), path.segments.last())
        {
            self.traits
                .push((of.ident.to_string(), name.ident.to_string()));
        }
        visit::visit_item_impl(self, item);
    }

    fn visit_item_struct(&mut self, item: &'ast syn::ItemStruct) {
        self.note_derives(&item.ident, &item.attrs);
        for (index, field) in item.fields.iter().enumerate() {
            if !matches!(field.vis, syn::Visibility::Inherited) {
                let name = field.ident.as_ref().map(ToString::to_string);
                let name = name.unwrap_or_else(|| index.to_string());
                self.open_fields.push((item.ident.to_string(), name));
            }
        }
        visit::visit_item_struct(self, item);
    }

    fn visit_item_enum(&mut self, item: &'ast syn::ItemEnum) {
        self.note_derives(&item.ident, &item.attrs);
        let variants = item
            .variants
            .iter()
            .map(|variant| (item.ident.to_string(), variant.ident.to_string()));
        self.variants.extend(variants);
        visit::visit_item_enum(self, item);
    }

    fn visit_item_static(&mut self, item: &'ast syn::ItemStatic) {
        self.statics.push(item.ident.to_string());
        visit::visit_item_static(self, item);
    }

    fn visit_attribute(&mut self, attribute: &'ast syn::Attribute) {
        let name = attribute.path().get_ident().map(ToString::to_string);
        let silences = matches!(name.as_deref(), Some("allow" | "expect"));
        let reason = attribute
            .meta
            .require_list()
            .is_ok_and(|list| list.tokens.to_string().contains("reason ="));
        if (silences && !reason) || name.as_deref() == Some("non_exhaustive") {
            self.odd_attributes.push(name.unwrap_or_default());
        }
        visit::visit_attribute(self, attribute);
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.note_use(&item.tree, Vec::new());
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let segments: Vec<_> = path
            .segments
            .iter()
            .map(|segment| segment.ident.to_string())
            .collect();
        self.note(&segments);
        visit::visit_path(self, path);
    }

    fn visit_expr_method_call(&mut self, call: &'ast syn::ExprMethodCall) {
        self.methods.push(call.method.to_string());
        visit::visit_expr_method_call(self, call);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        if let Some(name) = call.path.segments.last() {
            self.macros.push(name.ident.to_string());
        }
        self.note_tokens(&call.tokens.to_string());
        visit::visit_macro(self, call);
    }

    fn visit_signature(&mut self, signature: &'ast syn::Signature) {
        self.asyncs += usize::from(signature.asyncness.is_some());
        visit::visit_signature(self, signature);
    }

    fn visit_expr_async(&mut self, block: &'ast syn::ExprAsync) {
        self.asyncs += 1;
        visit::visit_expr_async(self, block);
    }

    fn visit_expr_binary(&mut self, binary: &'ast syn::ExprBinary) {
        let comparison = matches!(binary.op, syn::BinOp::Eq(_) | syn::BinOp::Ne(_));
        let before = self.allows;
        visit::visit_expr_binary(self, binary);
        if comparison && (is_allow(&binary.left) || is_allow(&binary.right)) {
            self.allows = before;
        }
    }

    fn visit_expr_path(&mut self, path: &'ast syn::ExprPath) {
        self.allows += usize::from(is_allow(&syn::Expr::Path(path.clone())));
        visit::visit_expr_path(self, path);
    }

    fn visit_pat(&mut self, pattern: &'ast syn::Pat) {
        // A pattern asks; only an expression makes.
        let before = self.allows;
        visit::visit_pat(self, pattern);
        self.allows = before;
    }
}

pub(super) fn parse(name: &str, text: &str) -> SourceFile {
    let mut here: Vec<_> = name
        .trim_end_matches(".rs")
        .split('/')
        .map(str::to_owned)
        .collect();
    let module = here[0].clone();
    if matches!(
        here.last().map(String::as_str),
        Some("mod" | "lib" | "main")
    ) {
        here.pop();
    }
    let mut code = Code {
        here,
        ..Code::default()
    };
    let file = syn::parse_file(text).unwrap_or_else(|error| panic!("{name}: {error}"));
    if !file.attrs.iter().any(|a| is_test(std::slice::from_ref(a))) {
        code.visit_file(&file);
    }
    SourceFile {
        name: name.to_owned(),
        module,
        text: text.to_owned(),
        code,
    }
}

pub(super) fn sources() -> Vec<SourceFile> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&root, &mut files);
    assert!(files.len() > 20, "the sources were not found");
    let names: Vec<_> = files
        .iter()
        .map(|path| {
            let name = path.strip_prefix(&root).expect("below the root");
            name.to_string_lossy().replace('\\', "/")
        })
        .collect();
    let tests = test_modules(&files);
    files
        .iter()
        .zip(&names)
        .filter(|(path, _)| !tests.contains(*path))
        .map(|(path, name)| parse(name, &fs::read_to_string(path).expect("readable")))
        .collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("readable") {
        let path = entry.expect("readable").path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
}

/// Files that are modules of tests: `#[cfg(test)] mod NAME;`.
fn test_modules(files: &[PathBuf]) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    for path in files {
        let text = fs::read_to_string(path).expect("readable");
        let Ok(file) = syn::parse_file(&text) else {
            continue;
        };
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        let folder = path.parent().expect("below the root");
        let folder = match stem.as_ref() {
            "mod" | "lib" | "main" => folder.to_owned(),
            stem => folder.join(stem),
        };
        for item in file.items {
            if let syn::Item::Mod(module) = item
                && module.content.is_none()
                && is_test(&module.attrs)
            {
                found.insert(folder.join(format!("{}.rs", module.ident)));
                found.insert(folder.join(module.ident.to_string()).join("mod.rs"));
            }
        }
    }
    found
}
