//! Who registered whom.

use std::collections::HashMap;

use agentreg::model::{Agent, AgentId};

/// Deeper ones are drawn no further to the right.
const DEEPEST: usize = 16;

/// Where an agent stands in the tree.
#[derive(Debug, PartialEq, Eq)]
pub struct Node {
    /// Its place in the list.
    pub index: usize,
    /// How many of its forebears are in the list, or [`DEEPEST`].
    pub depth: usize,
    /// The lines that lead to it, such as `│  └─ `.
    pub guide: String,
}

/// All `agents`, each under its parent, brothers by registration. Whose parent is not among them stands at the root.
#[expect(
    clippy::indexing_slicing,
    reason = "every index is a place in `agents`, and each list here has as many"
)]
pub fn tree(agents: &[Agent]) -> Vec<Node> {
    let places: HashMap<&AgentId, usize> = agents.iter().map(|agent| &agent.id).zip(0..).collect();
    let parent = |index: usize| agents[index].parent.as_ref().and_then(|id| places.get(id));
    let mut by_age: Vec<usize> = (0..agents.len()).collect();
    by_age.sort_by_key(|index| (agents[*index].registered_at, &agents[*index].id));
    let mut children = vec![Vec::new(); agents.len()];
    let mut roots = Vec::new();
    for index in by_age.iter().copied() {
        match parent(index) {
            Some(parent) if *parent != index => children[*parent].push(index),
            _ => roots.push(index),
        }
    }
    let mut seen = vec![false; agents.len()];
    let mut nodes = Vec::with_capacity(agents.len());
    // A damaged log can make agents each other's parents; they come last, cut open at the oldest.
    for root in roots.into_iter().chain(by_age) {
        descend(root, &children, &mut seen, &mut nodes);
    }
    nodes
}

#[expect(
    clippy::indexing_slicing,
    reason = "every index is a place in `agents`, and each list here has as many"
)]
fn descend(root: usize, children: &[Vec<usize>], seen: &mut [bool], nodes: &mut Vec<Node>) {
    let mut waiting = vec![(root, 0, String::new(), String::new())];
    while let Some((index, depth, guide, below)) = waiting.pop() {
        if std::mem::replace(&mut seen[index], true) {
            continue;
        }
        nodes.push(Node {
            index,
            depth,
            guide,
        });
        let deeper = (depth + 1).min(DEEPEST);
        let trunk = if deeper > depth { below.as_str() } else { "" };
        let mut last = true;
        for child in children[index].iter().rev().filter(|child| !seen[**child]) {
            let (branch, under) = if last {
                ("└─ ", "   ")
            } else {
                ("├─ ", "│  ")
            };
            last = false;
            let (guide, below) = if deeper > depth {
                (format!("{trunk}{branch}"), format!("{trunk}{under}"))
            } else {
                (format!("{}└─ ", "   ".repeat(DEEPEST - 1)), String::new())
            };
            waiting.push((*child, deeper, guide, below));
        }
    }
}
