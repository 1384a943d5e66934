//! How deep a byte of JSON lies, without reading what the bytes mean.

/// Follows brackets and strings.
#[derive(Debug, Default)]
pub(super) struct Nesting {
    pub(super) depth: u64,
    pub(super) in_string: bool,
    escaped: bool,
}

impl Nesting {
    /// Passes `byte`; true where it closed the outermost bracket or string.
    pub(super) fn closes(&mut self, byte: u8) -> bool {
        if self.in_string {
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' => self.escaped = true,
                b'"' => {
                    self.in_string = false;
                    return self.depth == 0;
                }
                _ => {}
            }
            return false;
        }
        match byte {
            b'"' => self.in_string = true,
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' => {
                self.depth = self.depth.saturating_sub(1);
                return self.depth == 0;
            }
            _ => {}
        }
        false
    }
}
