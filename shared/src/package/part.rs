//! A part's text on its way in and out: zstd, hashed, bounded.

use std::io::{self, Cursor, Read as _, Write as _};

use bytes::Bytes;

use super::PackageError;

/// Bytes that are unpacked at once.
const PIECE: usize = 256 << 10;

/// A part that fills.
pub struct PartWriter {
    packer: zstd::stream::write::Encoder<'static, Vec<u8>>,
    hash: blake3::Hasher,
    raw_bytes: u64,
}

/// A part that is full.
#[derive(Clone, Debug)]
pub struct PackedPart {
    /// The packed text, not yet sealed.
    pub packed: Bytes,
    /// Bytes of the text.
    pub raw_bytes: u64,
    /// BLAKE3 of the text, in hex.
    pub raw_hash: String,
}

impl PartWriter {
    /// An empty one, packed at this level of zstd.
    ///
    /// Errors: zstd has no memory for it.
    pub fn new(level: i32) -> io::Result<Self> {
        let packer = zstd::stream::write::Encoder::new(Vec::new(), level)?;
        Ok(Self { packer, hash: blake3::Hasher::new(), raw_bytes: 0 })
    }

    /// Takes more of the text.
    pub fn write(&mut self, text: &[u8]) -> io::Result<()> {
        self.hash.update(text);
        self.raw_bytes += text.len() as u64;
        self.packer.write_all(text)
    }

    /// Bytes of the text so far.
    pub fn raw_bytes(&self) -> u64 {
        self.raw_bytes
    }

    /// The packed part.
    pub fn finish(self) -> io::Result<PackedPart> {
        let packed = self.packer.finish()?.into();
        let raw_hash = self.hash.finalize().to_hex().to_string();
        Ok(PackedPart { packed, raw_bytes: self.raw_bytes, raw_hash })
    }
}

/// A part's text, unpacked piece by piece, and no more of it than its manifest says.
pub struct PartText {
    unpacker: zstd::stream::read::Decoder<'static, io::BufReader<Cursor<Bytes>>>,
    hash: blake3::Hasher,
    left: u64,
    expected: String,
}

impl PartText {
    /// Of a packed text, of which so many bytes with this hash (BLAKE3, in hex) are expected.
    pub(super) fn new(packed: Bytes, raw_bytes: u64, raw_hash: &str) -> Result<Self, PackageError> {
        let unpacker =
            zstd::stream::read::Decoder::new(Cursor::new(packed)).map_err(|error| unpacked(&error))?;
        Ok(Self { unpacker, hash: blake3::Hasher::new(), left: raw_bytes, expected: raw_hash.to_owned() })
    }

    /// The next piece; `None`: that was all, and it was what was written.
    ///
    /// Errors: [`PackageError::Damaged`] where the text ends early, goes on, or is another one.
    pub fn piece(&mut self) -> Result<Option<Bytes>, PackageError> {
        let mut piece = vec![0; PIECE];
        let mut filled = 0;
        while filled < piece.len() {
            match self.unpacker.read(&mut piece[filled..]) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) => return Err(unpacked(&error)),
            }
        }
        piece.truncate(filled);
        if filled as u64 > self.left {
            return Err(PackageError::Damaged("a part holds more than its manifest says".to_owned()));
        }
        self.left -= filled as u64;
        self.hash.update(&piece);
        if filled > 0 {
            return Ok(Some(piece.into()));
        }
        if self.left > 0 {
            return Err(PackageError::Damaged("a part holds less than its manifest says".to_owned()));
        }
        if self.hash.finalize().to_hex().as_str() != self.expected {
            return Err(PackageError::Damaged("a part's text is another one than was written".to_owned()));
        }
        Ok(None)
    }
}

fn unpacked(error: &io::Error) -> PackageError {
    PackageError::Damaged(format!("a part cannot be unpacked: {error}"))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use proptest::prelude::*;

    use super::*;

    fn packed(text: &[u8]) -> PackedPart {
        let mut writer = PartWriter::new(3).unwrap();
        text.chunks(1_000).for_each(|piece| writer.write(piece).unwrap());
        writer.finish().unwrap()
    }

    fn text(packed: Bytes, raw_bytes: u64, raw_hash: &str) -> Result<Vec<u8>, PackageError> {
        let mut reading = PartText::new(packed, raw_bytes, raw_hash)?;
        let mut text = Vec::new();
        while let Some(piece) = reading.piece()? {
            text.extend_from_slice(&piece);
        }
        Ok(text)
    }

    proptest! {
        #[test]
        fn d40_what_went_in_comes_out_or_is_refused(content: Vec<u8>, at: prop::sample::Index) {
            let PackedPart { packed, raw_bytes, raw_hash } = packed(&content);
            prop_assert_eq!(text(packed.clone(), raw_bytes, &raw_hash).unwrap(), content.clone());
            let cut = packed.slice(..at.index(packed.len()));
            prop_assert!(text(cut, raw_bytes, &raw_hash).is_err());
            prop_assert!(text(packed.clone(), raw_bytes + 1, &raw_hash).is_err());
            if raw_bytes > 0 {
                prop_assert!(text(packed, raw_bytes - 1, &raw_hash).is_err());
            }
        }
    }

    #[test]
    fn i21_a_part_that_unpacks_to_more_than_was_said_is_not_unpacked() {
        let bomb = packed(&vec![0; 64 << 20]);
        assert!(bomb.packed.len() < 64 << 10);
        let mut reading = PartText::new(bomb.packed, 1_000, &bomb.raw_hash).unwrap();
        assert!(matches!(reading.piece(), Err(PackageError::Damaged(_))));
    }
}
