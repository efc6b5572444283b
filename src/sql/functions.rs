//! The servers' own functions: which leave nothing behind.
//!
//! A name that is not listed may be a loadable function, which may do anything. Taken from MariaDB's `information_schema.sql_functions`, MySQL 9's list of
//! native functions and both grammars; the words of the grammar that parentheses may follow are listed among them.

/// What calling a function does besides giving a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Function {
    /// Nothing, however often it is called.
    Pure,
    /// Nothing that stays, but it waits, reads files or looks at the session: not to be called twice.
    Passive,
    /// Unknown.
    Unknown,
}

/// What is known of a name (lower case) before parentheses.
pub(super) fn of(name: &str) -> Function {
    if PURE.binary_search(&name).is_ok() {
        Function::Pure
    } else if PASSIVE.binary_search(&name).is_ok() {
        Function::Passive
    } else {
        Function::Unknown
    }
}

#[rustfmt::skip]
/// Sorted.
const PASSIVE: [&str; 21] = [
    "analyse", "benchmark", "create_asymmetric_priv_key", "create_asymmetric_pub_key", "create_dh_parameters", "create_digest",
    "is_free_lock", "is_used_lock", "lastval", "load_file", "master_gtid_wait", "master_pos_wait",
    "mysql_query_attribute_string", "ps_current_thread_id", "ps_thread_id", "sleep", "source_pos_wait",
    "validate_password_strength", "version_tokens_show", "wait_for_executed_gtid_set", "wsrep_sync_wait_upto_gtid",
];

#[rustfmt::skip]
/// Sorted.
const PURE: [&str; 671] = [
    "abs", "acos", "add_months", "adddate", "addtime", "aes_decrypt", "aes_encrypt", "against", "all", "and", "any",
    "any_value", "area", "array", "as", "asbinary", "ascii", "asgeojson", "asin", "astext", "aswkb", "aswkt",
    "asymmetric_decrypt", "asymmetric_derive", "asymmetric_encrypt", "asymmetric_sign", "asymmetric_verify", "atan",
    "atan2", "avg", "between", "bin", "bin_to_uuid", "binary", "binlog_gtid_pos", "bit_and", "bit_count",
    "bit_length", "bit_or", "bit_xor", "boundary", "buffer", "by", "can_access_column", "can_access_database",
    "can_access_event", "can_access_resource_group", "can_access_routine", "can_access_table", "can_access_trigger",
    "can_access_user", "can_access_view", "case", "cast", "ceil", "ceiling", "centroid", "char", "char_length",
    "character", "character_length", "charset", "chr", "coalesce", "coercibility", "collate", "collation",
    "column_add", "column_check", "column_create", "column_delete", "column_exists", "column_get", "column_json",
    "column_list", "columns", "compress", "concat", "concat_operator_oracle", "concat_ws", "connection_id",
    "contains", "conv", "convert", "convert_cpu_id_mask", "convert_tz", "convexhull", "cos", "cot", "count", "crc32",
    "crc32c", "cross", "crosses", "cube", "cume_dist", "curdate", "current_date", "current_role", "current_role_in",
    "current_time", "current_timestamp", "current_user", "current_user_in", "curtime", "database", "date", "date_add",
    "date_format", "date_sub", "datediff", "datetime", "day", "dayname", "dayofmonth", "dayofweek", "dayofyear",
    "dec", "decimal", "decode", "decode_histogram", "decode_oracle", "default", "degrees", "dense_rank",
    "des_decrypt", "des_encrypt", "dimension", "disjoint", "distance", "distinct", "distinctrow", "div", "double",
    "else", "elt", "encode", "encrypt", "encryption_key_exists", "endpoint", "envelope", "equals", "escape", "etag",
    "except", "exists", "exp", "export_set", "exteriorring", "extract", "extractvalue", "field", "find_in_set",
    "first_value", "float", "floor", "for", "force", "format", "format_bytes", "format_pico_time", "from",
    "from_base64", "from_days", "from_unixtime", "from_vector", "geomcollection", "geomcollfromtext",
    "geomcollfromwkb", "geometry", "geometrycollection", "geometryfromtext", "geometryfromwkb", "geometryn",
    "geometrytype", "geomfromtext", "geomfromwkb", "get_dd_column_privileges", "get_dd_create_options",
    "get_dd_index_private_data", "get_dd_index_sub_part_length", "get_dd_property_key_value", "get_dd_schema_options",
    "get_format", "get_jdv_property_key_value", "glength", "greatest", "group", "group_concat", "grouping", "groups",
    "gtid_subset", "gtid_subtract", "having", "hex", "hour", "icu_version", "if", "ifnull", "ignore", "in", "index",
    "inet6_aton", "inet6_ntoa", "inet_aton", "inet_ntoa", "inner", "insert", "instr", "int", "integer",
    "interiorringn", "internal_auto_increment", "internal_avg_row_length", "internal_check_time", "internal_checksum",
    "internal_data_free", "internal_data_length", "internal_dd_char_length", "internal_get_comment_or_error",
    "internal_get_dd_column_extra", "internal_get_hostname", "internal_get_username", "internal_index_length",
    "internal_is_enabled_role", "internal_is_mandatory_role", "internal_keys_disabled", "internal_max_data_length",
    "internal_table_rows", "internal_tablespace_data_free", "internal_tablespace_extra", "internal_tablespace_id",
    "internal_tablespace_status", "internal_tablespace_type", "internal_tablespace_version", "internal_update_time",
    "intersect", "intersects", "interval", "into", "is", "is_ipv4", "is_ipv4_compat", "is_ipv4_mapped", "is_ipv6",
    "is_uuid", "is_visible_dd_object", "isclosed", "isempty", "isnull", "isring", "issimple", "join", "json",
    "json_array", "json_array_append", "json_array_insert", "json_array_intersect", "json_arrayagg", "json_compact",
    "json_contains", "json_contains_path", "json_depth", "json_detailed", "json_equals", "json_exists",
    "json_extract", "json_insert", "json_key_value", "json_keys", "json_length", "json_loose", "json_merge",
    "json_merge_patch", "json_merge_preserve", "json_normalize", "json_object", "json_object_filter_keys",
    "json_object_to_array", "json_objectagg", "json_overlaps", "json_pretty", "json_query", "json_quote",
    "json_remove", "json_replace", "json_schema_valid", "json_schema_validation_report", "json_search", "json_set",
    "json_storage_free", "json_storage_size", "json_table", "json_type", "json_unquote", "json_valid", "json_value",
    "kdf", "key", "keys", "lag", "last_day", "last_value", "lateral", "lcase", "lead", "least", "left", "length",
    "lengthb", "like", "limit", "linefromtext", "linefromwkb", "linestring", "linestringfromtext",
    "linestringfromwkb", "ln", "localtime", "localtimestamp", "locate", "log", "log10", "log2", "lower", "lpad",
    "lpad_oracle", "ltrim", "ltrim_oracle", "make_set", "makedate", "maketime", "match", "max", "mbrcontains",
    "mbrcoveredby", "mbrcovers", "mbrdisjoint", "mbrequal", "mbrequals", "mbrintersects", "mbroverlaps", "mbrtouches",
    "mbrwithin", "md5", "median", "member", "microsecond", "mid", "min", "minus", "minute", "mlinefromtext",
    "mlinefromwkb", "mod", "month", "monthname", "mpointfromtext", "mpointfromwkb", "mpolyfromtext", "mpolyfromwkb",
    "multilinestring", "multipoint", "multipolygon", "name_const", "national", "natural_sort_key", "nchar", "nested",
    "not", "now", "nth_value", "ntile", "nullif", "numeric", "numgeometries", "numinteriorrings", "numpoints", "nvl",
    "nvl2", "oct", "octet_length", "of", "old_password", "on", "or", "oracle_decode", "ord", "order", "ordinality",
    "outer", "over", "overlaps", "overlay", "partition", "password", "path", "percent_rank", "percentile_cont",
    "percentile_disc", "period_add", "period_diff", "pi", "point", "pointfromtext", "pointfromwkb", "pointn",
    "pointonsurface", "polyfromtext", "polyfromwkb", "polygon", "polygonfromtext", "polygonfromwkb", "position",
    "pow", "power", "precision", "qualify", "quarter", "quote", "radians", "rand", "random_bytes", "range", "rank",
    "real", "recursive", "regexp", "regexp_instr", "regexp_like", "regexp_replace", "regexp_substr",
    "remove_dd_property_key", "repeat", "replace", "replace_oracle", "returning", "reverse", "right", "rlike",
    "roles_graphml", "rollup", "round", "row", "row_number", "rownum", "rows", "rpad", "rpad_oracle", "rtrim",
    "rtrim_oracle", "sample", "schema", "schemas", "sec_to_time", "second", "select", "session_user", "set",
    "sformat", "sha", "sha1", "sha2", "sign", "signed", "sin", "some", "soundex", "sounds", "space", "sqrt", "srid",
    "st_area", "st_asbinary", "st_asgeojson", "st_astext", "st_aswkb", "st_aswkt", "st_boundary", "st_buffer",
    "st_buffer_strategy", "st_centroid", "st_collect", "st_contains", "st_convexhull", "st_crosses", "st_difference",
    "st_dimension", "st_disjoint", "st_distance", "st_distance_sphere", "st_distancesphere", "st_endpoint",
    "st_envelope", "st_equals", "st_exteriorring", "st_frechetdistance", "st_geohash", "st_geomcollfromtext",
    "st_geomcollfromtxt", "st_geomcollfromwkb", "st_geometrycollectionfromtext", "st_geometrycollectionfromwkb",
    "st_geometryfromtext", "st_geometryfromwkb", "st_geometryn", "st_geometrytype", "st_geomfromgeojson",
    "st_geomfromtext", "st_geomfromwkb", "st_hausdorffdistance", "st_interiorringn", "st_intersection",
    "st_intersects", "st_isclosed", "st_isempty", "st_isring", "st_issimple", "st_isvalid", "st_latfromgeohash",
    "st_latitude", "st_length", "st_linefromtext", "st_linefromwkb", "st_lineinterpolatepoint",
    "st_lineinterpolatepoints", "st_linestringfromtext", "st_linestringfromwkb", "st_longfromgeohash", "st_longitude",
    "st_makeenvelope", "st_mlinefromtext", "st_mlinefromwkb", "st_mpointfromtext", "st_mpointfromwkb",
    "st_mpolyfromtext", "st_mpolyfromwkb", "st_multilinestringfromtext", "st_multilinestringfromwkb",
    "st_multipointfromtext", "st_multipointfromwkb", "st_multipolygonfromtext", "st_multipolygonfromwkb",
    "st_numgeometries", "st_numinteriorring", "st_numinteriorrings", "st_numpoints", "st_overlaps",
    "st_pointatdistance", "st_pointfromgeohash", "st_pointfromtext", "st_pointfromwkb", "st_pointn",
    "st_pointonsurface", "st_polyfromtext", "st_polyfromwkb", "st_polygonfromtext", "st_polygonfromwkb", "st_relate",
    "st_simplify", "st_srid", "st_startpoint", "st_swapxy", "st_symdifference", "st_touches", "st_transform",
    "st_union", "st_validate", "st_within", "st_x", "st_y", "startpoint", "statement_digest", "statement_digest_text",
    "std", "stddev", "stddev_pop", "stddev_samp", "str_to_date", "straight_join", "strcmp", "string_to_vector",
    "subdate", "substr", "substr_oracle", "substring", "substring_index", "subtime", "sum", "sys_guid", "sysdate",
    "system", "system_user", "tablesample", "tan", "then", "time", "time_format", "time_to_sec", "timediff",
    "timestamp", "timestampadd", "timestampdiff", "to_base64", "to_char", "to_date", "to_days", "to_number",
    "to_seconds", "to_vector", "touches", "trim", "trim_oracle", "trunc", "truncate", "ucase", "uncompress",
    "uncompressed_length", "unhex", "union", "unique", "unix_timestamp", "unsigned", "updatexml", "upper", "use",
    "user", "uses", "using", "utc_date", "utc_time", "utc_timestamp", "uuid", "uuid_short", "uuid_to_bin", "value",
    "values", "var_pop", "var_samp", "varbinary", "varchar", "variance", "varying", "vec_distance",
    "vec_distance_cosine", "vec_distance_euclidean", "vec_fromtext", "vec_totext", "vector_dim", "vector_distance",
    "vector_to_string", "version", "version_with_update", "week", "weekday", "weekofyear", "weight_string", "when",
    "where", "window", "with", "within", "wsrep_last_seen_gtid", "wsrep_last_written_gtid", "x", "xml_table",
    "xmltable", "xor", "y", "year", "yearweek",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lists_are_sorted_and_hold_nothing_that_acts() {
        assert!(PURE.is_sorted() && PASSIVE.is_sorted());
        for active in
            ["get_lock", "release_lock", "release_all_locks", "last_insert_id", "nextval", "setval", "sys_exec"]
        {
            assert_eq!(of(active), Function::Unknown, "{active}");
        }
        assert_eq!((of("st_astext"), of("sleep")), (Function::Pure, Function::Passive));
    }
}
