// The people, channels and messages of the gallery.

/** @typedef {import('../../static/model.d.ts').Member} Member */

export const PEOPLE = /** @type {Member[]} */ ([
  { user: 'u-ada-7', name: 'Ada Okafor', username: 'ada', role: 'owner' },
  { user: 'u-mio', name: 'Mio Tanaka', username: 'mio', role: 'admin' },
  { user: 'u-jon', name: 'Jonas Weber', username: 'jonas', role: 'member' },
  { user: 'u-lea', name: 'Léa Fontaine', username: 'lea', role: 'admin' },
  { user: 'u-sam', name: 'Sam Rivera', username: 'sam', role: 'member' },
  { user: 'u-pri', name: 'Priya Nair', username: 'priya', role: 'member' },
  { user: 'u-tom', name: 'Tomás', username: 'guest-4f2a', role: 'guest' },
  { user: 'u-oli', name: 'Olive Chen', username: 'olive', role: 'member' },
]);

export const PRESENCE = new Map([
  ['u-ada-7', 'online'],
  ['u-mio', 'online'],
  ['u-jon', 'online'],
  ['u-lea', 'online'],
  ['u-sam', 'dnd'],
  ['u-pri', 'idle'],
  ['u-tom', 'online'],
]);

const text = (id, letter, name, more = {}) => ({
  id, letter, name, kind: 'text', topic: null, head: 40, unread: 0, mentions: 0, ...more,
});
const voice = (id, letter, name) => ({ ...text(id, letter, name), kind: 'voice', topology: 'forwarded' });

export const CHANNELS = [
  text('c-welcome', 'a', 'welcome'),
  text('c-general', 'b', 'general', { topic: 'Everyday talk. Be kind, be brief.' }),
  text('c-design', 'c', 'design', { unread: 12, mentions: 2 }),
  text('c-releases', 'd', 'releases', { unread: 1 }),
  text('c-random', 'e', 'random'),
  voice('v-lounge', 'f', 'Lounge'),
  voice('v-standup', 'g', 'Stand-up'),
];

const DAY = '2026-11-19T';
let seq = 0;

/** One message of the gallery. */
export function message(user, time, body, more = {}) {
  seq += 1;
  const author = PEOPLE.find((person) => person.user === user);
  return {
    id: `m${seq}`, seq, channel: 'c-general', author: { id: user, name: author?.name ?? 'Deleted user' }, text: body,
    reply_to: null, created_at: `${DAY}${time}:00Z`, edited_at: null, deleted: false, reactions: [], mentions: [],
    pinned: false, ...more,
  };
}

export const MESSAGES = [
  message('u-ada-7', '10:02', 'Morning all. The 0.9 release candidate is on staging: voice joins now take **one click** and reconnect on their own after a network drop.'),
  message('u-ada-7', '10:03', 'Could someone on Firefox try switching channels *during* a long scroll?'),
  message('u-mio', '10:11', 'On it. Works for me on Firefox and on my phone. This is all it takes from a script:\n```sh\ncurl -H "Authorization: Bearer $TOKEN" \\\n  https://rooms.foxglove.dev/api/rooms/foxglove/channels\n```', { reply_to: 2 }),
  message('u-jon', '10:14', 'New poster draft for the open evening: https://foxglove.dev/posters/open-evening, feedback welcome ✨'),
  message('u-jon', '10:15', 'Things still missing:\n- the date in both languages\n- a line on [how to get here](https://foxglove.dev/map)\n- `@here` once it is final', { edited_at: `${DAY}10:16:00Z` }),
  message('u-sam', '10:17', '', { deleted: true }),
  message('u-sam', '10:18', '> feedback welcome\n\nThe sun could be a bit lower. <b>Bold</b> choice of colours though, and I mean that.'),
  message('u-pri', '10:26', '@lea the accessibility pass is ready for a look. Two items are still open.', { mentions: ['u-lea'] }),
  message('u-tom', '10:31', 'Hi! Came in through the invite link, no account. That was pleasantly quick.'),
];

/** A long history for the scrolling screens. */
export function longHistory(count) {
  const names = ['u-ada-7', 'u-jon', 'u-mio', 'u-pri'];
  const words = ['Yes.', 'That sounds right to me, let us try it tomorrow.', 'I moved the notes into the shared folder.', 'Who is in on Friday?'];
  return Array.from({ length: count }, (_, index) => {
    const minute = 8 * 60 + index * 2;
    const time = `${String(Math.floor(minute / 60) % 24).padStart(2, '0')}:${String(minute % 60).padStart(2, '0')}`;
    return message(names[Math.floor(index / 3) % 4], time, `${words[index % 4]} (${index + 1})`);
  });
}
