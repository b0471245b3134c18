//! PAIR: exactly two sockets, talking both ways.
//!
//! Its usual job is to join two threads of one program, as here; it works over `tcp://`
//! and `ipc://` just as well.

use std::thread;
use std::time::Duration;

use zocket::Pair;

fn main() -> Result<(), zocket::Error> {
    let main = Pair::new();
    main.bind("inproc://the-two-of-us")?;
    let helper = thread::spawn(help);

    // Both sides may send whenever they like; nobody has to take turns.
    for question in ["ready?", "warm?", "bye"] {
        println!("main:   {question}");
        main.send(question)?;
    }
    // A wait need not be for ever.
    loop {
        let answer = main.recv_timeout(Duration::from_secs(10))?;
        println!("helper: {}", answer.first().to_str().unwrap_or("?"));
        if answer == "bye" {
            break;
        }
    }
    helper
        .join()
        .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

fn help() -> Result<(), zocket::Error> {
    let helper = Pair::new();
    helper.connect("inproc://the-two-of-us")?;
    loop {
        let question = helper.recv()?;
        if question == "bye" {
            // Dropping the socket on return waits until this is on its way.
            helper.send("bye")?;
            return Ok(());
        }
        helper.send("yes")?;
    }
}
