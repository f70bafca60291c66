//! What the demo room says: people, channels, messages.
//!
//! Owns the words. Never stores them.

/// Somebody of the demo.
pub(super) struct Person {
    pub(super) username: &'static str,
    pub(super) name: &'static str,
    pub(super) guest: bool,
}

/// A channel beside the two every room begins with.
pub(super) struct Place {
    pub(super) name: &'static str,
    pub(super) voice: bool,
    pub(super) topic: Option<&'static str>,
}

/// A message; `minutes` before now.
pub(super) struct Line {
    pub(super) channel: &'static str,
    /// Unique in the script: what another line answers to, and the idempotency key.
    pub(super) key: &'static str,
    pub(super) by: &'static str,
    pub(super) minutes: i64,
    pub(super) text: &'static str,
    pub(super) reply_to: Option<&'static str>,
    pub(super) reactions: &'static [(&'static str, &'static str)],
    pub(super) pinned: bool,
}

const LINE: Line =
    Line { channel: "general", key: "", by: "", minutes: 0, text: "", reply_to: None, reactions: &[], pinned: false };

/// The room.
pub(super) const ROOM: (&str, &str, &str) =
    ("foxglove", "Foxglove", "A small workshop that builds instruments out of old telephones");

/// The first is the owner and the one whose password is printed.
pub(super) const PEOPLE: &[Person] = &[
    Person { username: "lea", name: "Léa Fontaine", guest: false },
    Person { username: "ada", name: "Ada Okafor", guest: false },
    Person { username: "jonas", name: "Jonas Weber", guest: false },
    Person { username: "mio", name: "Mio Tanaka", guest: false },
    Person { username: "priya", name: "Priya Nair", guest: false },
    Person { username: "sam", name: "Sam Rivera", guest: false },
    Person { username: "guest-tomas", name: "Tomás", guest: true },
];

pub(super) const CHANNELS: &[Place] = &[
    Place { name: "workbench", voice: false, topic: Some("What is on the table right now") },
    Place { name: "open-evening", voice: false, topic: Some("Saturday, doors at seven") },
    Place { name: "Rehearsal", voice: true, topic: None },
];

pub(super) const LINES: &[Line] = &[
    Line {
        key: "general-1",
        by: "lea",
        minutes: 2_900,
        text: "Welcome to Foxglove. This room is for everything that rings, hums or should not be on fire.",
        reactions: &[("ada", "👋"), ("mio", "👋"), ("jonas", "🔥")],
        pinned: true,
        ..LINE
    },
    Line {
        key: "general-2",
        by: "ada",
        minutes: 2_870,
        text: "The dial synth made it through the night without drifting. Two cents flat at dawn, back in tune by breakfast.",
        ..LINE
    },
    Line {
        key: "general-3",
        by: "mio",
        minutes: 2_860,
        text: "Two cents is what I am before coffee. Did you log the temperature?",
        reply_to: Some("general-2"),
        reactions: &[("lea", "☕"), ("ada", "☕")],
        ..LINE
    },
    Line {
        key: "general-4",
        by: "ada",
        minutes: 2_855,
        text: "Yes, every minute. The whole log in one line:\n```sh\njoin drift.csv kitchen.csv | plot --x time --y cents,celsius\n```\nIt follows the kitchen, not the workshop. The cable runs behind the oven.",
        ..LINE
    },
    Line {
        key: "general-5",
        by: "jonas",
        minutes: 1_500,
        text: "I found **forty metres** of cloth-covered cable in my uncle's attic. Smells of 1961, measures like new.",
        reactions: &[("sam", "😮"), ("priya", "👏"), ("lea", "👏")],
        ..LINE
    },
    Line {
        key: "general-6",
        by: "priya",
        minutes: 1_420,
        text: "@lea the sign for the door is ready to look at. Letters are big enough for people who forget their glasses, me among them.",
        ..LINE
    },
    Line {
        key: "general-7",
        by: "lea",
        minutes: 1_410,
        text: "It is lovely. Print it, and one for the back door, where they will all come in anyway.",
        reply_to: Some("general-6"),
        reactions: &[("priya", "❤️")],
        ..LINE
    },
    Line {
        key: "general-8",
        by: "guest-tomas",
        minutes: 35,
        text: "Hello! Somebody at the market gave me this link. Do I need to bring an instrument?",
        ..LINE
    },
    Line {
        key: "general-9",
        by: "sam",
        minutes: 33,
        text: "Bring two hands. We have more telephones than players.",
        reply_to: Some("general-8"),
        reactions: &[("guest-tomas", "😄"), ("lea", "☎️")],
        ..LINE
    },
    Line {
        channel: "workbench",
        key: "bench-1",
        by: "mio",
        minutes: 640,
        text: "Bell no. 7 has a crack you can only hear. Do not ship it; I want to keep it.",
        ..LINE
    },
    Line {
        channel: "workbench",
        key: "bench-2",
        by: "jonas",
        minutes: 610,
        text: "Checklist before anything leaves the table:\n- screws counted\n- no bare copper\n- rings when called, and *only* when called",
        pinned: true,
        reactions: &[("mio", "✅")],
        ..LINE
    },
    Line {
        channel: "open-evening",
        key: "evening-1",
        by: "sam",
        minutes: 300,
        text: "Running order: receiver choir at eight, dial duet after, then whatever Ada has not told us about.",
        ..LINE
    },
    Line {
        channel: "open-evening",
        key: "evening-2",
        by: "ada",
        minutes: 290,
        text: "It is a switchboard. It answers back.",
        reply_to: Some("evening-1"),
        reactions: &[("sam", "🫣"), ("lea", "🎉"), ("jonas", "🎉")],
        ..LINE
    },
];
