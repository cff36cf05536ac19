//! AES-128 on single blocks, which is all that bands ask for.

use aes::Aes128;
use aes::cipher::{Array, BlockCipherDecrypt, BlockCipherEncrypt, KeyInit};

/// Encrypts one block (AES-128-ECB without padding).
#[must_use]
pub fn encrypt_block(key: &[u8; 16], block: &[u8; 16]) -> [u8; 16] {
    let mut block = Array(*block);
    Aes128::new(&Array(*key)).encrypt_block(&mut block);
    block.0
}

/// Decrypts one block (AES-128-ECB without padding).
#[must_use]
pub fn decrypt_block(key: &[u8; 16], block: &[u8; 16]) -> [u8; 16] {
    let mut block = Array(*block);
    Aes128::new(&Array(*key)).decrypt_block(&mut block);
    block.0
}
