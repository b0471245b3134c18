//! A secure pair: a server that lets in whose keys it knows, and a client that knows the server's.
//!
//! Two programs would have their keys in files, as `curve_keys` makes them; here both sides are threads
//! of one. A stranger, who has the address and the server's public key, is not let in.

use std::error::Error;
use std::thread;
use std::time::Duration;

use zocket::auth::AllowedKeys;
use zocket::curve::KeyPair;
use zocket::{MonitorEvent, Rep, Req, Security};

fn main() -> Result<(), Box<dyn Error>> {
    let (server_keys, client_keys) = (KeyPair::generate()?, KeyPair::generate()?);
    let server_key = *server_keys.public_key();

    let rep = Rep::builder()
        .security(Security::curve_server(server_keys))
        .authenticator(AllowedKeys::new().with("alice", client_keys.public_key()))
        .build()?;
    let here = rep.bind("tcp://127.0.0.1:*")?;
    let events = rep.monitor();
    let server = thread::spawn(move || {
        for request in rep.iter().take(3) {
            let user = request.peer().user_id().unwrap_or("nobody").to_owned();
            println!("{user} asks: {:?}", &*request);
            // Whoever has asked may have gone.
            let _ = request.reply(format!("hello, {user}"));
        }
    });

    let stranger = Req::builder()
        .security(Security::curve_client(KeyPair::generate()?, server_key))
        .linger(Duration::ZERO)
        .build()?;
    stranger.connect(&here)?;
    for event in &events {
        if let MonitorEvent::HandshakeFailed { failure, .. } = event {
            println!("somebody was not let in: {failure:?}");
            break;
        }
    }

    let req = Req::builder()
        .security(Security::curve_client(client_keys, server_key))
        .build()?;
    req.connect(&here)?;
    for question in ["who am I?", "is this private?", "are you sure?"] {
        let answer = req.request_timeout(question, Duration::from_secs(30))?;
        assert_eq!(answer, "hello, alice");
    }
    server.join().map_err(|_| "the server has panicked")?;
    Ok(())
}
