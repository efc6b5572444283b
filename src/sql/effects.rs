//! What a statement leaves behind or asks for, seen from its tokens alone.
//!
//! Functions and variables with a meaning for the session. SET has a file of its own.

use super::statement::{Effect, PinReason, SqlContext};
use super::structure::Name;
use super::token::{Token, TokenKind, name_at};

/// What a data statement does besides reading and writing rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Traces {
    pub(super) effects: Vec<Effect>,
    /// It takes a lock or changes a sequence or session state: not a plain read.
    pub(super) is_active: bool,
    pub(super) asks_previous: bool,
    pub(super) leaves_found_rows: bool,
    /// Every function in it is known to have no side effect.
    pub(super) is_pure: bool,
    /// The first stored routine it calls.
    pub(super) routine: Option<String>,
    /// Sequences it takes numbers from.
    pub(super) sequences: Vec<Name>,
}

/// Names before `(` that are grammar or functions without side effects; anything else makes a read unrepeatable.
const PURE: &str = " in values value and or xor on using from join select as where not exists over by union any all some case when then else \
between like is limit having distinct index key interval with into set partition except intersect div mod rlike regexp straight_join \
left right inner outer cross ignore use force match against row group order recursive lateral \
abs acos addtime adddate ascii asin atan atan2 avg bin bit_and bit_count bit_length bit_or bit_xor cast ceil ceiling char char_length character_length \
charset coalesce coercibility collation concat concat_ws conv convert convert_tz cos cot count crc32 curdate current_date current_time \
current_timestamp current_user curtime database date date_add date_format date_sub datediff day dayname dayofmonth dayofweek dayofyear default degrees \
dense_rank elt exp export_set extract field find_in_set first_value floor format from_base64 from_days from_unixtime get_format greatest group_concat \
grouping hex hour if ifnull inet_aton inet_ntoa inet6_aton inet6_ntoa insert instr isnull json_array json_arrayagg json_contains json_contains_path \
json_depth json_extract json_keys json_length json_merge json_merge_patch json_object json_objectagg json_overlaps json_quote json_search json_set \
json_remove json_replace json_insert json_type json_unquote json_valid json_value json_pretty json_table lag last_day last_value lcase lead least length \
ln localtime localtimestamp locate log log10 log2 lower lpad ltrim makedate maketime max md5 microsecond mid min minute month monthname \
name_const now nth_value ntile nullif nvl nvl2 oct octet_length ord percent_rank period_add period_diff pi position pow power quarter quote radians rand \
rank regexp_instr regexp_like regexp_replace regexp_substr repeat replace reverse round row_number rpad rtrim schema sec_to_time second \
session_user sha sha1 sha2 sign sin soundex space sqrt std stddev stddev_pop stddev_samp str_to_date strcmp subdate substr substring substring_index \
subtime sum sysdate system_user tan time time_format time_to_sec timediff timestamp timestampadd timestampdiff to_base64 to_days to_seconds trim \
truncate ucase unhex unix_timestamp upper user utc_date utc_time utc_timestamp uuid uuid_short uuid_to_bin bin_to_uuid is_uuid var_pop var_samp variance \
version week weekday weekofyear weight_string year yearweek cume_dist connection_id binary decimal signed unsigned varchar st_distance st_x st_y \
st_astext st_geomfromtext point any_value ";

/// Words before a name with a column list that looks like a call.
const BEFORE_COLUMN_LIST: [&str; 9] =
    ["into", "insert", "replace", "ignore", "low_priority", "delayed", "high_priority", "references", "table"];

/// The traces of a data statement.
pub(super) fn traces(context: &SqlContext<'_>, tokens: &[Token<'_>]) -> Traces {
    let mut traces = Traces { is_pure: true, ..Traces::default() };
    for (index, token) in tokens.iter().enumerate() {
        match token.kind {
            TokenKind::Word | TokenKind::Quoted => word(context, tokens, index, &mut traces),
            TokenKind::SystemVariable => {
                let name = token.name().to_lowercase();
                let name = name.rsplit('.').next().unwrap_or_default();
                if ["identity", "last_insert_id", "warning_count", "error_count"].contains(&name) {
                    traces.asks_previous = true;
                }
            }
            TokenKind::UserVariable
                if tokens.get(index + 1).is_some_and(|next| next.is_symbol(":="))
                    || is_selected_into(tokens, index) =>
            {
                traces.pin(PinReason::ComputedUserVariable);
            }
            _ => {}
        }
    }
    traces
}

/// `INTO @a, @b`.
fn is_selected_into(tokens: &[Token<'_>], index: usize) -> bool {
    let before =
        tokens[..index].iter().rposition(|token| token.kind != TokenKind::UserVariable && !token.is_symbol(","));
    before.is_some_and(|before| tokens[before].is("into"))
}

impl Traces {
    fn pin(&mut self, reason: PinReason) {
        self.is_pure = false;
        self.effects.push(Effect::Pin(reason));
    }
}

fn word(context: &SqlContext<'_>, tokens: &[Token<'_>], index: usize, traces: &mut Traces) {
    let token = &tokens[index];
    let next_is = |ahead: usize, keyword: &str| tokens.get(index + ahead).is_some_and(|next| next.is(keyword));
    if token.is("sql_calc_found_rows") {
        traces.leaves_found_rows = true;
    }
    let is_sequence_word = token.is("next") && next_is(1, "value") && next_is(2, "for");
    let is_oracle_form = token.is_qualified && token.bytes.eq_ignore_ascii_case(b"nextval");
    if is_sequence_word || is_oracle_form {
        traces.is_active = true;
        traces.is_pure = false;
        let name = if is_sequence_word {
            name_at(tokens, index + 3)
        } else {
            name_at(tokens, index.saturating_sub(4))
                .filter(|(name, end)| name.schema.is_some() && end + 2 == index + 1)
                .or_else(|| index.checked_sub(2).map(|at| (Name { schema: None, table: tokens[at].name() }, at)))
        };
        traces.sequences.extend(name.map(|(name, _)| name));
    }
    if tokens.get(index + 1).is_some_and(|next| next.is_symbol("(")) {
        call(context, tokens, index, traces);
    }
}

fn call(context: &SqlContext<'_>, tokens: &[Token<'_>], index: usize, traces: &mut Traces) {
    let name = tokens[index].name().to_lowercase();
    let has_arguments = !tokens.get(index + 2).is_some_and(|next| next.is_symbol(")"));
    if is_stored(context, tokens, index, &name) {
        traces.is_active = true;
        traces.pin(PinReason::Routine);
        traces.routine.get_or_insert(name);
        return;
    }
    match name.as_str() {
        "get_lock" => {
            traces.is_active = true;
            traces.pin(PinReason::NamedLock);
        }
        "release_lock" => {
            traces.is_active = true;
            traces.is_pure = false;
            traces.effects.push(Effect::LockReleased);
        }
        "release_all_locks" => {
            traces.is_active = true;
            traces.is_pure = false;
            traces.effects.push(Effect::Unpin(PinReason::NamedLock));
        }
        "last_insert_id" if has_arguments => {
            traces.is_active = true;
            traces.pin(PinReason::InsertIdSet);
        }
        "last_insert_id" | "found_rows" | "row_count" => traces.asks_previous = true,
        "nextval" | "setval" => {
            traces.is_active = true;
            traces.is_pure = false;
            traces.sequences.extend(name_at(tokens, index + 2).map(|(name, _)| name));
        }
        _ if PURE.contains(&format!(" {name} ")) => {}
        _ => traces.is_pure = false,
    }
}

/// Whether the call is one of a stored function: qualified, or in the catalog of the session's schema.
fn is_stored(context: &SqlContext<'_>, tokens: &[Token<'_>], index: usize, name: &str) -> bool {
    if tokens[index].is_qualified {
        let first = index.saturating_sub(2);
        let before = first.checked_sub(1).map(|before| &tokens[before]);
        return !before.is_some_and(|before| before.is_any(&BEFORE_COLUMN_LIST));
    }
    let before = index.checked_sub(1).map(|before| &tokens[before]);
    if before.is_some_and(|before| before.is_any(&BEFORE_COLUMN_LIST)) {
        return false;
    }
    context.schema.is_some_and(|schema| context.catalog.routines.contains(&(schema.to_owned(), name.to_owned())))
}
