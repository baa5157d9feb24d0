//! Protobuf in the one form that encoders write: each field once, in ascending order, in the fewest bytes.
//!
//! Other forms are valid protobuf too. Refusing them keeps the reader small, and whatever it accepts was understood to the
//! last byte.

/// What is left of a message.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes exactly these bytes; `None` where others follow.
    pub(super) fn exact(&mut self, bytes: &[u8]) -> Option<()> {
        self.0 = self.0.strip_prefix(bytes)?;
        Some(())
    }

    /// Takes a number in the fewest bytes.
    pub(super) fn varint(&mut self) -> Option<u64> {
        let mut number = 0_u64;
        for shift in (0..u64::BITS).step_by(7) {
            let (&byte, rest) = self.0.split_first()?;
            self.0 = rest;
            let bits = u64::from(byte & 0x7f);
            let placed = bits.checked_shl(shift)?;
            if placed.checked_shr(shift)? != bits {
                return None;
            }
            number |= placed;
            if byte & 0x80 == 0 {
                // Only a number of one byte may end in zero.
                return (byte != 0 || shift == 0).then_some(number);
            }
        }
        None
    }

    /// Takes a field of bytes or a message, with its number's key.
    pub(super) fn field(&mut self, key: u8) -> Option<&'a [u8]> {
        self.exact(&[key])?;
        let length = usize::try_from(self.varint()?).ok()?;
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes)
    }

    /// Takes a field of bytes, which is left out where it is empty.
    pub(super) fn optional_field(&mut self, key: u8) -> Option<&'a [u8]> {
        if self.0.first() != Some(&key) {
            return Some(&[]);
        }
        self.field(key).filter(|bytes| !bytes.is_empty())
    }
}

/// Writes a number in the fewest bytes.
pub(super) fn put_varint(bytes: &mut Vec<u8>, mut number: u64) {
    loop {
        let [low, ..] = number.to_le_bytes();
        number >>= 7;
        if number == 0 {
            bytes.push(low & 0x7f);
            return;
        }
        bytes.push(low | 0x80);
    }
}
