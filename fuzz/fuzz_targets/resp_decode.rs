//! The reply decoder on any bytes: no panic, nothing read beyond the input, and a reply that is
//! complete stays the same reply when more bytes follow it.
#![no_main]

use hallows_resp::reply::decode;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(Some((_, consumed))) = decode(data) {
        assert!((1..=data.len()).contains(&consumed));
        // Compared as text, in which a NaN equals itself.
        let alone = format!("{:?}", decode(&data[..consumed]));
        assert_eq!(format!("{:?}", decode(data)), alone);
        assert_eq!(decode(&data[..consumed - 1]), Ok(None));
    }
});
