//! What the documents promise is tested, by the tests that they name.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on ends"
)]

use std::collections::HashMap;
use std::fs;
use std::path::Path;

/// The tests that are named in a text as `tests/file.rs: name`: their files and names.
fn named(text: &str) -> Vec<(&str, &str)> {
    let pieces = text.split('`');
    pieces
        .filter(|piece| piece.starts_with("tests/"))
        .filter_map(|piece| piece.split_once(": "))
        .collect()
}

/// Whether a file has a test of this name, and not only a function.
fn has_test(source: &str, name: &str) -> bool {
    let head = format!("fn {name}(");
    source.match_indices(&head).any(|(place, _)| {
        let before = &source[..place];
        // Its attributes stand between the end of what comes before and its name.
        let attributes = before.rsplit(['}', ';']).next().unwrap_or_default();
        attributes.contains("#[test]") && !attributes.contains("#[ignore")
    })
}

/// The statements of a document: its list items, and the rows of its tables but for their heads.
fn statements(text: &str) -> Vec<String> {
    let mut statements: Vec<String> = Vec::new();
    let mut is_open = false;
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        if line.starts_with('|') {
            is_open = false;
            let is_head = lines.peek().is_some_and(|next| next.starts_with("|-"));
            if !is_head && !line.starts_with("|-") {
                statements.push(line.to_owned());
            }
        } else if line.starts_with("* ") {
            is_open = true;
            statements.push(line.to_owned());
        } else if is_open && line.starts_with("  ") {
            statements.last_mut().unwrap().push_str(line);
        } else {
            is_open = false;
        }
    }
    statements
}

#[test]
fn every_statement_about_delivery_names_tests_that_are_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(root.join("docs/delivery.md")).unwrap();
    let statements = statements(&text);
    assert!(statements.len() > 30, "they are found");
    let mut sources = HashMap::new();
    let mut wrong = Vec::new();
    for statement in &statements {
        let tests = named(statement);
        if tests.is_empty() {
            wrong.push(format!("no test for: {statement}"));
        }
        for (file, name) in tests {
            let source = sources
                .entry(file)
                .or_insert_with(|| fs::read_to_string(root.join(file)).unwrap_or_default());
            if !has_test(source, name) {
                wrong.push(format!("{file} has no test {name}"));
            }
        }
    }
    // All that look like a test are in a statement.
    let counted: usize = statements.iter().map(|it| named(it).len()).sum();
    assert_eq!(
        counted,
        text.matches("`tests/").count() - 1,
        "but the example"
    );
    assert!(wrong.is_empty(), "{wrong:#?}");
}
