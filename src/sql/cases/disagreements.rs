//! Where our classifier and the parser differ: it is told, and the stricter one counts.

use super::world::{line, world};
use crate::sql::{Disagreement, PlanCache};

#[test]
fn the_stricter_reading_counts_and_the_difference_is_told_once() {
    let world = world();
    let context = world.context();
    let refused = "refused Unreadable { table: \"orders\" }";
    let cases = [
        ("SELECT * FROM orders WHERE user_id = 5", None, "Read sharded [5] repeatable".to_owned()),
        (
            "SELECT * FROM orders FROBNICATE user_id = 5",
            Some(Disagreement::NotParsed),
            format!("Read {refused} repeatable"),
        ),
        (
            "SELECT ROW_NUMBER() OVER (ORDER BY (SELECT 1)) FROM orders WHERE user_id = 5",
            Some(Disagreement::UnseenQuery),
            format!("Read {refused} repeatable"),
        ),
        // No server takes it; if one did, it would write.
        (
            "(WITH x AS (SELECT 1) UPDATE orders SET note = 1 WHERE user_id = 5)",
            Some(Disagreement::OtherStatement),
            format!("Write(Change) {refused}"),
        ),
        ("SELECT 1 FROM audit_log FROBNICATE x", Some(Disagreement::NotParsed), "Read local0 repeatable".to_owned()),
    ];
    let mut plans = PlanCache::new(1 << 20);
    for (text, disagreement, expected) in cases {
        let statement = plans.analyze(text.as_bytes(), &context);
        assert_eq!((plans.met(), line(&statement)), (disagreement, expected), "{text}");
        plans.analyze(text.as_bytes(), &context);
        assert_eq!(plans.met(), None, "a plan that is known is not counted again: {text}");
    }
}
