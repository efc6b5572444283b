#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| meridian_fuzz::keys(bytes));
