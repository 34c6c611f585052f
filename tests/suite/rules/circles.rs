//! No circle of imports between the files of a crate: what two files need of each other belongs in a
//! third. A module and what lies inside it count as one.

use std::collections::{BTreeMap, BTreeSet};

use syn::visit::{self, Visit};
use syn::{Attribute, Item, ItemUse, UseTree};

use super::source::{Source, sources};

/// The crates that are held.
const HELD: &[&str] = &["api", "scheduler", "shared"];

/// A module's path from its crate's root: that of a file.
type Module = Vec<String>;

/// The paths that a file names from its crate's root or from where it lies.
struct Paths {
    from: Module,
    found: Vec<Module>,
}

impl Paths {
    /// What the code names; its tests may know more.
    fn of(text: &str, from: &Module) -> Vec<Module> {
        let file = syn::parse_file(text).expect("the compiler has read it");
        let mut paths = Self { from: from.clone(), found: Vec::new() };
        paths.visit_file(&file);
        paths.found
    }

    fn add(&mut self, segments: &[String]) {
        let (first, rest) = segments.split_first().expect("a path has a segment");
        let mut path = match first.as_str() {
            "crate" => Module::new(),
            "self" => self.from.clone(),
            "super" => self.from[..self.from.len().saturating_sub(1)].to_vec(),
            _ => return,
        };
        for segment in rest {
            if segment == "super" {
                path.pop();
            } else {
                path.push(segment.clone());
            }
        }
        self.found.push(path);
    }

    fn tree(&mut self, before: &[String], tree: &UseTree) {
        let with = |name: &syn::Ident| [before, &[name.to_string()]].concat();
        match tree {
            UseTree::Path(path) => self.tree(&with(&path.ident), &path.tree),
            UseTree::Name(name) => self.add(&with(&name.ident)),
            UseTree::Rename(name) => self.add(&with(&name.ident)),
            UseTree::Glob(_) => self.add(before),
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.tree(before, tree)),
        }
    }
}

impl<'a> Visit<'a> for Paths {
    fn visit_item(&mut self, item: &'a Item) {
        let is_test = matches!(item, Item::Mod(inner) if inner.attrs.iter().any(is_cfg_test));
        if !is_test {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &'a ItemUse) {
        self.tree(&[], &item.tree);
    }

    fn visit_path(&mut self, path: &'a syn::Path) {
        let segments: Vec<_> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        self.add(&segments);
        visit::visit_path(self, path);
    }
}

fn is_cfg_test(attribute: &Attribute) -> bool {
    attribute.path().is_ident("cfg")
        && attribute.parse_args::<syn::Path>().is_ok_and(|path| path.is_ident("test"))
}

/// Which file imports which: the innermost file of each path that is named, unless one of the two
/// lies inside the other.
fn imports(files: &BTreeMap<Module, Source>) -> BTreeMap<Module, BTreeSet<Module>> {
    let owner = |path: &[String]| (0..=path.len()).rev().find(|end| files.contains_key(&path[..*end]));
    let of = |(module, source): (&Module, &Source)| {
        let named = Paths::of(&source.text, module);
        let known = named.iter().filter_map(|path| owner(path).map(|end| path[..end].to_vec()));
        let apart = known.filter(|other| !other.starts_with(module) && !module.starts_with(other));
        (module.clone(), apart.collect())
    };
    files.iter().map(of).collect()
}

/// The files that reach themselves.
fn circles(imports: &BTreeMap<Module, BTreeSet<Module>>) -> Vec<String> {
    let reaches_itself = |module: &Module| {
        let (mut seen, mut open) = (BTreeSet::new(), vec![module]);
        while let Some(next) = open.pop() {
            open.extend(imports.get(next).into_iter().flatten().filter(|other| seen.insert(*other)));
        }
        seen.contains(module)
    };
    imports.keys().filter(|module| reaches_itself(module)).map(|module| module.join("::")).collect()
}

fn files(krate: &str) -> BTreeMap<Module, Source> {
    let found = sources(&[krate]).into_iter().filter(|source| !source.is_test());
    let module = |source: &Source| -> Module {
        let inside = source.path.strip_prefix(&format!("{krate}/src/")).unwrap();
        let parts = inside.trim_end_matches(".rs").split('/').map(str::to_owned);
        parts.filter(|part| !["mod", "lib"].contains(&part.as_str())).collect()
    };
    found.map(|source| (module(&source), source)).collect()
}

#[test]
fn no_files_import_each_other_in_a_circle() {
    for krate in HELD {
        let found = circles(&imports(&files(krate)));
        assert!(found.is_empty(), "files of {krate} that reach themselves: {found:#?}");
    }
}

#[test]
fn routes_are_no_library_for_each_other() {
    let is_route = |module: &Module| module.first().is_some_and(|room| room == "routes");
    for (module, known) in imports(&files("api")).iter().filter(|(module, _)| is_route(module)) {
        let found: Vec<_> = known.iter().filter(|other| is_route(other)).collect();
        assert!(found.is_empty(), "{module:?}: {found:?}");
    }
}

#[test]
fn paths_are_found_wherever_they_stand() {
    let from = ["view".to_owned(), "job".to_owned()];
    let check = |code: &str, expected: &[&str]| {
        let found: Vec<_> = Paths::of(code, &from.to_vec()).iter().map(|path| path.join("::")).collect();
        assert_eq!(found, expected, "{code}");
    };
    check("use crate::{error::ApiError, word::*};", &["error::ApiError", "word"]);
    check("use super::table::{self, TableView as T};", &["view::table::self", "view::table::TableView"]);
    check("use super::super::live;", &["live"]);
    check("fn a() -> crate::error::A { super::b::c() }", &["error::A", "view::b::c"]);
    check("use std::fmt; fn a() { b::c() }", &[]);
    check("#[cfg(test)] mod tests { use super::table::tests::table; }", &[]);
    check("// use crate::error::ApiError;\nconst A: &str = \"crate::error\";", &[]);
}
