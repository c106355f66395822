//! A book as bytes: versioned, checksummed, and the same book again when read, what was told included.
//!
//! `LIQBOOK`, version (u8), then little-endian: clock (u64 ×2), assets (u32; name length u16, name, decimals u8, exponent i8,
//! price u64, weights u32 ×2 each), positions (u64; id u64, bits u8, legs u8, slot u16 and amount u64 each), and the SHA-256 of
//! everything before. Rearmed positions are among those that the next tick tells.

use super::kernels::Kernel;
use super::market::Asset;
use super::rule::SIDE_LEGS;
use super::GenericBook;
use crate::book::sealed::{broken, Fields, Seal};
use crate::CoreError;

const SEAL: Seal = Seal {
    magic: b"LIQBOOK",
    version: 1,
};

impl GenericBook {
    /// Returns the book as bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = SEAL.begin(self.len() * 80 + 4096);
        bytes.extend_from_slice(&self.clock.0.to_le_bytes());
        bytes.extend_from_slice(&self.clock.1.to_le_bytes());
        self.write_market(&mut bytes);
        bytes.extend_from_slice(&(self.len() as u64).to_le_bytes());
        let rows = self.store.rows();
        for row in rows.present() {
            bytes.extend_from_slice(&rows.id(row).to_le_bytes());
            let legs = rows.record(row).legs();
            bytes.extend_from_slice(&[self.verdicts.bits(row), legs.clone().count() as u8]);
            for (slot, amount) in legs {
                bytes.extend_from_slice(&slot.to_le_bytes());
                bytes.extend_from_slice(&amount.to_le_bytes());
            }
        }
        SEAL.end(bytes)
    }

    fn write_market(&self, bytes: &mut Vec<u8>) {
        let assets = self.market.assets();
        bytes.extend_from_slice(&(assets.len() as u32).to_le_bytes());
        for (number, asset) in assets.iter().enumerate() {
            bytes.extend_from_slice(&(asset.name.len() as u16).to_le_bytes());
            bytes.extend_from_slice(asset.name.as_bytes());
            bytes.extend_from_slice(&asset.decimals.to_le_bytes());
            bytes.extend_from_slice(&asset.exponent.to_le_bytes());
            bytes.extend_from_slice(&self.market.mantissas()[number].to_le_bytes());
            self.market
                .weights()
                .iter()
                .for_each(|weights| bytes.extend_from_slice(&weights[number].to_le_bytes()));
        }
    }

    /// Returns the book of these bytes, its order laid at the prices in them.
    pub fn from_bytes(bytes: &[u8], kernel: Kernel) -> Result<GenericBook, CoreError> {
        let mut fields = SEAL.open(bytes)?;
        let clock = (fields.u64()?, fields.u64()?);
        let (mut assets, mut prices, mut weights) =
            (Vec::new(), Vec::new(), [Vec::new(), Vec::new()]);
        for _ in 0..fields.u32()? {
            let length = fields.u16()?;
            let name = String::from_utf8_lossy(fields.take(length.into())?).into_owned();
            assets.push(Asset {
                name,
                decimals: fields.u8()?,
                exponent: fields.u8()? as i8,
            });
            prices.push(fields.u64()? as i64);
            weights[0].push(fields.u32()?);
            weights[1].push(fields.u32()?);
        }
        let mut book = GenericBook::new(assets, kernel)?;
        book.set_weights(&weights[0], &weights[1])?;
        book.tick(&prices, clock.0, clock.1)?;
        for _ in 0..fields.u64()? {
            book.read_position(&mut fields)?;
        }
        fields.end()?;
        book.reanchor();
        Ok(book)
    }

    fn read_position(&mut self, fields: &mut Fields<'_>) -> Result<(), CoreError> {
        let (id, bits) = (fields.u64()?, fields.u8()?);
        let count = fields.u8()?;
        let legs = (0..count)
            .map(|_| Ok((fields.u16()?, fields.u64()?)))
            .collect::<Result<Vec<_>, CoreError>>()?;
        let slots = self.market.factors().slots().len();
        let fits =
            legs.len() <= 2 * SIDE_LEGS && legs.iter().all(|(slot, _)| usize::from(*slot) < slots);
        if !fits || self.store.row(id).is_some() {
            return Err(broken("a position that no book would write"));
        }
        let row = self.store.put(id, &legs);
        self.hold(row, true);
        self.verdicts.reach(row);
        self.verdicts.restore(row, bits);
        if self.verdicts.is_liquidatable(row) {
            self.place(row);
        }
        Ok(())
    }
}
