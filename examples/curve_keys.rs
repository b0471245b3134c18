//! Makes keys for CURVE: a certificate with the public key, which others get, and one with both, which
//! only its owner may read. Run it with the path of the first; the second has `_secret` at its end:
//!
//! ```sh
//! cargo run --features curve --example curve_keys server.cert
//! ```
//!
//! Without a path it prints a pair, and shows that the public key comes from the secret one.

use std::error::Error;

use zocket::curve::{KeyPair, PublicKey, SecretKey, public_from_secret};

fn main() -> Result<(), Box<dyn Error>> {
    let pair = KeyPair::generate()?;
    if let Some(path) = std::env::args().nth(1) {
        pair.write_files(&path)?;
        // As the server does it, and as a client does it:
        assert_eq!(KeyPair::read_file(format!("{path}_secret"))?, pair);
        assert_eq!(&PublicKey::read_file(&path)?, pair.public_key());
        println!("{path}: the public key, {}", pair.public_key());
        println!("{path}_secret: both; for nobody else");
        return Ok(());
    }
    let text = pair.secret_key().to_z85();
    println!("public {}", pair.public_key());
    println!("secret {}", text.as_ref());
    let secret: SecretKey = text.as_ref().parse()?;
    assert_eq!(&public_from_secret(&secret), pair.public_key());
    Ok(())
}
