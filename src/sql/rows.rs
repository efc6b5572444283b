//! Runs of equal rows in `VALUES (…),(…)` are written into the shape once.
//!
//! A part of the lexer; it sees parentheses and commas only.

use super::lexer::Lexer;

/// Rows after VALUES, while they last.
#[derive(Clone, Copy)]
pub(super) struct Values {
    pub(super) depth: usize,
    pub(super) progress: Progress,
    /// The last finished row that a further one may join: `(start, end, first slot)` in the normalised form.
    pub(super) previous: Option<(usize, usize, usize)>,
}

#[derive(Clone, Copy)]
pub(super) enum Progress {
    /// `(` must follow.
    Before,
    /// Inside a row: where it began, its first slot, and the parameters before it.
    Within(usize, usize, usize),
    /// After a row's `)`.
    After,
}

impl Lexer<'_> {
    pub(super) fn open(&mut self) {
        let after_in = self.after_in;
        let start = self.out.normalised.len();
        if let Some(values) = &mut self.values {
            match values.progress {
                Progress::Before if values.depth == self.depth => {
                    values.progress = Progress::Within(start, self.out.slots.len(), self.out.parameters);
                }
                Progress::Within(..) => {}
                _ => self.values = None,
            }
        }
        let was_start = self.is_start;
        self.emit(b'(');
        self.is_start = was_start;
        self.in_list = after_in;
        self.depth += 1;
        self.at += 1;
    }

    pub(super) fn close(&mut self) {
        self.leave_list();
        self.depth = self.depth.saturating_sub(1);
        self.emit(b')');
        self.at += 1;
        let Some(mut values) = self.values else { return };
        match values.progress {
            Progress::Within(start, slot, parameters) if values.depth == self.depth => {
                values.previous = self.join_row(values.previous, start, slot, parameters);
                values.progress = Progress::After;
                self.values = Some(values);
            }
            Progress::Within(..) => {}
            _ => self.values = None,
        }
    }

    /// Drops the row just read if it looks like the one before, and counts it there. Returns what the next row is compared with.
    fn join_row(
        &mut self,
        previous: Option<(usize, usize, usize)>,
        start: usize,
        slot: usize,
        parameters: usize,
    ) -> Option<(usize, usize, usize)> {
        let out = &mut *self.out;
        let width = out.slots.len() - slot;
        if out.parameters != parameters || out.slots[slot..].iter().any(|slot| slot.count != 1) {
            return None;
        }
        let Some((before, before_end, before_slot)) = previous else {
            return Some((start, out.normalised.len(), slot));
        };
        if slot - before_slot != width || out.normalised[before..before_end] != out.normalised[start..] {
            return Some((start, out.normalised.len(), slot));
        }
        out.normalised.truncate(before_end);
        out.slots.truncate(slot);
        for slot in &mut out.slots[before_slot..] {
            slot.step = width as u32;
            slot.count += 1;
        }
        previous
    }

    pub(super) fn comma(&mut self) {
        if let Some(values) = &mut self.values {
            match values.progress {
                Progress::After if values.depth == self.depth => values.progress = Progress::Before,
                Progress::Within(..) => {}
                _ => self.values = None,
            }
        }
        self.emit(b',');
        self.at += 1;
    }
}
