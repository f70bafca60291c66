//! Whatever comes over the wire costs only who sent it.

use charge::live::Entrance;
use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::world::{Client, World};

/// A masked frame of any kind, well-formed but for what was asked.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match payload.len() {
        short @ 0..126 => frame.push(0x80 | short as u8),
        long => {
            frame.push(0x80 | 126);
            frame.extend((long as u16).to_be_bytes());
        }
    }
    frame.extend([1, 2, 3, 4]);
    frame.extend(payload.iter().zip([1u8, 2, 3, 4].iter().cycle()).map(|(byte, mask)| byte ^ mask));
    frame
}

fn garbage() -> impl Strategy<Value = Vec<u8>> {
    let bytes = prop::collection::vec(any::<u8>(), 0..300);
    let op = prop_oneof![
        Just("send"),
        Just("sub"),
        Just("unsub"),
        Just("edit"),
        Just("delete"),
        Just("pin"),
        Just("react"),
        Just("read"),
        Just("typing"),
        Just("auth"),
        Just("pong"),
        Just("voice.join"),
        Just("fly")
    ];
    let d = prop_oneof![
        Just(json!(null)),
        Just(json!([])),
        Just(json!({})),
        Just(json!([{ "ch": "0197a7a0-0000-7000-8000-000000000001", "after": u64::MAX }])),
        Just(json!({ "key": "k", "text": "x", "reply_to": u64::MAX, "upto": u64::MAX, "emoji": "x",
            "message": "0197a7a0-0000-7000-8000-000000000001", "token": "a.b.c" })),
        any::<String>().prop_map(|text| json!({ "key": text, "text": text, "token": text })),
    ];
    let ch = prop_oneof![
        Just(json!("CHANNEL")),
        any::<String>().prop_map(|text| json!(text)),
        any::<i64>().prop_map(|n| json!(n))
    ];
    let command = (any::<Option<u32>>(), op, ch, d)
        .prop_map(|(id, op, ch, d)| json!({ "id": id, "op": op, "ch": ch, "d": d }).to_string().into_bytes());
    prop_oneof![
        2 => bytes.clone(),
        2 => (any::<u8>(), bytes.clone()).prop_map(|(first, payload)| frame(first, &payload)),
        2 => bytes.prop_map(|payload| frame(0x81, &payload)),
        6 => command.clone().prop_map(|payload| frame(0x81, &payload)),
        1 => (command, 1usize..20).prop_map(|(payload, cut)| frame(0x81, &payload[..payload.len() - cut.min(payload.len())])),
        1 => Just(frame(0x88, &[0x03, 0xe8])),
        1 => Just(frame(0x89, b"ping")),
    ]
}

async fn attack(world: &World, other: &mut Client, signed_in: bool, pieces: &[Vec<u8>]) {
    let person = signed_in.then_some(&world.ada);
    let client = world.client(Entrance::All, person);
    let mut pipe = client.into_pipe();
    for piece in pieces {
        let piece = String::from_utf8(piece.clone())
            .map_or_else(|_| piece.clone(), |text| text.replace("CHANNEL", &world.text.to_string()).into_bytes());
        if pipe.write_all(&piece).await.is_err() {
            break;
        }
    }
    // Only this side's end is certain: what came may have been half a frame.
    pipe.shutdown().await.ok();
    let mut heard = Vec::new();
    pipe.read_to_end(&mut heard).await.ok();
    other.ok("pong", None, Value::Null).await;
}

#[test]
fn nothing_that_comes_harms_the_others() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (world, mut other) = runtime.block_on(async {
        let world = World::new().await;
        let mio = world.member("mio").await;
        let other = world.follow(&mio).await;
        (world, other)
    });
    let other = std::cell::RefCell::new(&mut other);
    let mut runner = TestRunner::new(Config { cases: 300, failure_persistence: None, ..Config::default() });
    let attacks = (any::<bool>(), prop::collection::vec(garbage(), 1..12));
    runner
        .run(&attacks, |(signed_in, pieces)| {
            runtime.block_on(attack(&world, &mut other.borrow_mut(), signed_in, &pieces));
            Ok(())
        })
        .unwrap();
    runtime.block_on(async {
        world.until("only one is left", |metrics| metrics.sessions.get() == 1).await;
        assert_eq!(world.metrics.session_closes.with_label_values(&["1011"]).get(), 0, "no session failed");
        let mut ada = world.follow(&world.ada).await;
        ada.say(world.text, "after-all-that", "still here").await;
    });
}
