//! The protocol's packets, as far as a rogue needs them.

/// CLIENT_PROTOCOL_41, SECURE_CONNECTION, PLUGIN_AUTH, TRANSACTIONS, LOCAL_FILES, DEPRECATE_EOF and
/// the like: everything that the driver asks for but TLS.
const CAPABILITIES: u32 = 0x013F_F7FF & !0x0000_0820;

/// All is well.
pub const OK: [u8; 7] = [0, 0, 0, 2, 0, 0, 0];
/// The end of a result set.
pub(super) const END: [u8; 7] = [0xFE, 0, 0, 2, 0, 0, 0];
/// The end of a result set with another one behind it.
pub(super) const MORE: [u8; 7] = [0xFE, 0, 0, 0x0A, 0, 0, 0];

/// A handshake with this nonce, which may be empty.
pub fn handshake(nonce: &[u8]) -> Vec<u8> {
    let capabilities = CAPABILITIES.to_le_bytes();
    let (first, second) = nonce.split_at(nonce.len().min(8));
    let mut out = b"\x0a8.4.0-rogue\0\x07\0\0\0".to_vec();
    out.extend(first);
    out.extend(std::iter::repeat_n(0, 8 - first.len() + 1));
    out.extend(&capabilities[..2]);
    out.extend([45, 2, 0]);
    out.extend(&capabilities[2..]);
    out.push(21);
    out.extend([0; 10]);
    out.extend(second);
    out.extend(std::iter::repeat_n(0, 13_usize.saturating_sub(second.len())));
    out.extend(b"mysql_native_password\0");
    out
}

/// The wish for another way of login.
pub(super) fn switch(plugin: &str, nonce: &[u8]) -> Vec<u8> {
    let mut out = vec![0xFE];
    out.extend(plugin.as_bytes());
    out.push(0);
    out.extend(nonce);
    out
}

/// A length-encoded number.
pub(super) fn number(value: u64) -> Vec<u8> {
    let bytes = value.to_le_bytes();
    match value {
        0..=250 => vec![bytes[0]],
        251..=0xFFFF => [&[0xFC], &bytes[..2]].concat(),
        0x1_0000..=0xFF_FFFF => [&[0xFD], &bytes[..3]].concat(),
        _ => [&[0xFE], &bytes[..]].concat(),
    }
}

/// A length-encoded text.
pub(super) fn text(value: &[u8]) -> Vec<u8> {
    [number(value.len() as u64), value.to_vec()].concat()
}

/// The definition of a text column.
pub(super) fn column(name: &str) -> Vec<u8> {
    let mut out = Vec::new();
    for part in ["def", "", "t", "t", name, name] {
        out.extend(text(part.as_bytes()));
    }
    out.extend([0x0C, 45, 0, 0, 1, 0, 0, 0xFD, 0, 0, 0, 0, 0]);
    out
}

/// A packet as it goes over the wire; it is shorter than 16 MiB.
pub(super) fn framed(payload: &[u8], number: u8) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a short packet");
    let mut out = (length | u32::from(number) << 24).to_le_bytes().to_vec();
    out.extend(payload);
    out
}
