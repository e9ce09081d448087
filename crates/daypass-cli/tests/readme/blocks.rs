//! Code in Markdown: fenced blocks, and code inside a line.

/// A fenced block.
pub(crate) struct Block {
    pub(crate) language: String,
    pub(crate) text: String,
    /// The line of its first fence, from 1.
    pub(crate) line: usize,
}

/// Returns the fenced blocks of a document.
pub(crate) fn blocks(document: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for (number, line) in document.lines().enumerate() {
        match (line.strip_prefix("```"), open.as_mut()) {
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (Some(language), None) => {
                let language = language.trim().to_owned();
                open = Some(Block { language, text: String::new(), line: number + 1 });
            }
            (None, Some(block)) => {
                block.text.push_str(line);
                block.text.push('\n');
            }
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a block does not end");
    blocks
}

/// Returns the code inside lines, outside of blocks, with the numbers of the lines.
pub(crate) fn inline(document: &str) -> impl Iterator<Item = (usize, String)> {
    let mut inside = false;
    let lines = document.lines().enumerate().filter(move |(_, line)| {
        let fence = line.starts_with("```");
        inside ^= fence;
        !inside && !fence
    });
    lines.flat_map(|(number, line)| {
        let code = line.split('`').skip(1).step_by(2);
        code.map(|code| (number + 1, code.replace("\\|", "|"))).collect::<Vec<_>>()
    })
}
