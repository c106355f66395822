//! What marginfi uses of the Pyth receiver's crate, that is only in a repository: the price account and its age.

use anchor_lang::prelude::*;
declare_id!("rec5EKMGg6MxZYaMdyBfgwp4d5rB9T1VQH5pJv5LtFJ");
pub const PYTH_PUSH_ORACLE_ID: Pubkey = pubkey!("pythWSnswVUd12oZpeFP8e9CVaEqJg25g1Vtc2biRsT");
pub mod error {
    #[derive(Debug)]
    pub enum GetPriceError {
        PriceTooOld,
        MismatchedFeedId,
        InsufficientVerificationLevel,
        FeedIdMustBe32Bytes,
        FeedIdNonHexCharacter,
        InvalidWindowSize,
    }
}
pub mod price_update {
    use super::error::GetPriceError;
    use anchor_lang::prelude::*;
    pub type FeedId = [u8; 32];
    #[derive(AnchorSerialize, AnchorDeserialize, Copy, Clone, PartialEq, Debug)]
    pub enum VerificationLevel {
        Partial { num_signatures: u8 },
        Full,
    }
    impl VerificationLevel {
        pub fn gte(&self, other: VerificationLevel) -> bool {
            match self {
                VerificationLevel::Full => true,
                VerificationLevel::Partial { num_signatures } => match other {
                    VerificationLevel::Full => false,
                    VerificationLevel::Partial { num_signatures: o } => *num_signatures >= o,
                },
            }
        }
    }
    #[derive(AnchorSerialize, AnchorDeserialize, Copy, Clone, PartialEq, Debug)]
    pub struct PriceFeedMessage {
        pub feed_id: FeedId,
        pub price: i64,
        pub conf: u64,
        pub exponent: i32,
        pub publish_time: i64,
        pub prev_publish_time: i64,
        pub ema_price: i64,
        pub ema_conf: u64,
    }
    #[derive(AnchorSerialize, AnchorDeserialize, Clone, PartialEq, Debug)]
    pub struct PriceUpdateV2 {
        pub write_authority: Pubkey,
        pub verification_level: VerificationLevel,
        pub price_message: PriceFeedMessage,
        pub posted_slot: u64,
    }
    impl anchor_lang::Discriminator for PriceUpdateV2 {
        const DISCRIMINATOR: &'static [u8] = &[0x22, 0xf1, 0x23, 0x63, 0x9d, 0x7e, 0xf4, 0xcd];
    }
    #[derive(Copy, Clone, PartialEq, Debug)]
    pub struct Price {
        pub price: i64,
        pub conf: u64,
        pub exponent: i32,
        pub publish_time: i64,
    }
    impl PriceUpdateV2 {
        pub fn get_price_unchecked(
            &self,
            feed_id: &FeedId,
        ) -> std::result::Result<Price, GetPriceError> {
            if self.price_message.feed_id != *feed_id {
                return Err(GetPriceError::MismatchedFeedId);
            }
            let m = &self.price_message;
            Ok(Price {
                price: m.price,
                conf: m.conf,
                exponent: m.exponent,
                publish_time: m.publish_time,
            })
        }
        pub fn get_price_no_older_than_with_custom_verification_level(
            &self,
            clock: &Clock,
            maximum_age: u64,
            feed_id: &FeedId,
            level: VerificationLevel,
        ) -> std::result::Result<Price, GetPriceError> {
            if !self.verification_level.gte(level) {
                return Err(GetPriceError::InsufficientVerificationLevel);
            }
            let price = self.get_price_unchecked(feed_id)?;
            if price
                .publish_time
                .saturating_add(maximum_age.try_into().unwrap())
                < clock.unix_timestamp
            {
                return Err(GetPriceError::PriceTooOld);
            }
            Ok(price)
        }
    }
}
