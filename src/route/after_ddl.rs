//! A session that has changed the schema goes on where it did: elsewhere the change may not have arrived yet.

use super::course::{Access, Course, Freedom};
use super::{Rule, SessionView};

/// A read that any copy would do for, and a look at the schema, stay with the primary that made the session's own change.
pub(super) fn stay(session: &SessionView<'_>, course: &mut Course<'_>) {
    let Some(at) = session.schema_changed_at else { return };
    let may_stay = course.access == Access::Read
        && course.freedom != Freedom::Bound
        && course.target.group == at.group
        && course.target != at;
    if may_stay {
        course.move_to(at, Rule::AfterDdl);
    }
}
