// @ts-check
// Owns the left column: the room menu, the channels, the voice channels and the row about me.
// Never changes a room; the dialogs it opens do.
import { html, useId } from '../vendor/ui.mjs';
import { model } from '../state.js';
import { NewChannelDialog } from './channel-dialogs.js';
import { askFirst } from './dialog.js';
import { InviteDialog } from './invite-dialog.js';
import { openDialog } from './layout.js';
import { href, onLink } from './links.js';
import { MenuButton } from './menu.js';
import { Avatar, counted, Icon, IconButton, RoomMark } from './parts.js';
import { NewRoomDialog, RoomSettings } from './room-settings.js';
import { Settings } from './settings.js';

/** @typedef {import('../model.d.ts').Channel} Channel */
/** @typedef {import('../model.d.ts').RoomView} RoomView */

const VOICE_NOTE = 'Talking arrives in the next version.';

/** `alone` on a phone, where it is the whole page. @param {{ room: RoomView, alone?: boolean }} p */
export function Sidebar({ room, alone }) {
  return html`<nav class="sidebar" aria-label="Rooms and channels">
    ${alone && html`<h1 class="unseen">${room.title}</h1>`}
    <${RoomSwitch} room=${room} />
    <div class="sidebar-scroll">
      <${Channels} room=${room} alone=${alone} />
      <${VoiceChannels} room=${room} />
    </div>
    <${MeRow} />
  </nav>`;
}

/** @param {{ room: RoomView }} p */
function RoomSwitch({ room }) {
  const summary = `${counted(room.members.length, 'member')} · ${room.onlineCount} online`;
  return html`<${MenuButton} class="room-switch" label="Room menu" groups=${roomMenu(room)}>
    <${RoomMark} title=${room.title} />
    <span class="two-lines"><b>${room.title}</b><small>${summary}</small></span>
    <${Icon} name="chevron-down" size=${16} />
  </${MenuButton}>`;
}

/** @param {RoomView} room @returns {import('./menu.js').Group[]} */
function roomMenu(room) {
  const rooms = model.rooms.value.map((each) => ({
    label: each.title,
    checked: each.slug === room.slug,
    run: () => model.navigate({ name: 'room', slug: each.slug, letter: null }),
    before: html`<${RoomMark} title=${each.title} />`,
  }));
  /** @type {import('./menu.js').Item[]} */
  const here = [];
  if (model.can('invite').ok) {
    here.push({ label: 'Invite people', icon: 'user-plus', run: () => openDialog(() => html`<${InviteDialog} />`) });
  }
  here.push({ label: 'Room settings', icon: 'settings', run: () => openDialog(() => html`<${RoomSettings} />`) });
  /** @type {import('./menu.js').Item[]} */
  const more = [];
  if (model.can('create_room').ok) {
    more.push({ label: 'New room', icon: 'plus', run: () => openDialog(() => html`<${NewRoomDialog} />`) });
  }
  const leave = { label: 'Leave room', icon: 'door-open', danger: true, why: whyStay(room), run: () => askToLeave(room) };
  return [{ label: 'Your rooms', items: [...rooms, ...more] }, { label: room.title, items: here }, { items: [leave] }];
}

/** @param {RoomView} room */
function whyStay(room) {
  return room.role === 'owner' ? 'You own this room. Make someone else its owner first, or delete it.' : null;
}

/** @param {RoomView} room */
function askToLeave(room) {
  const guest = model.me.peek()?.guest;
  askFirst({
    title: `Leave ${room.title}?`,
    text: guest
      ? 'You are here as a guest: after leaving, your name is free again and only a new invite brings you back.'
      : 'You need a new invite to come back. What you wrote stays.',
    action: 'Leave room',
    run: () => model.leaveRoom(),
  });
}

/** @param {{ title: string, kind: 'text' | 'voice', children?: any }} p */
function Group({ title, kind, children }) {
  const label = kind === 'text' ? 'New channel' : 'New voice channel';
  const add = () => openDialog(() => html`<${NewChannelDialog} kind=${kind} />`);
  return html`<section>
    <div class="group-head">
      <h2>${title}</h2>
      ${model.can('create_channel').ok && html`<${IconButton} name="plus" label=${label} size=${16} onClick=${add} />`}
    </div>
    ${children}
  </section>`;
}

/** @param {{ room: RoomView, alone?: boolean }} p */
function Channels({ room, alone }) {
  const last = model.channel.value?.id ?? null;
  const channels = room.channels.filter((channel) => channel.kind === 'text');
  return html`<${Group} title="Channels" kind="text">
    <ul>
      ${channels.map((channel) => html`<li key=${channel.id}>
        <${ChannelLink} room=${room} channel=${channel} last=${channel.id === last} open=${channel.id === last && !alone} />
      </li>`)}
    </ul>
    ${channels.length === 0 && html`<p class="voice-note"><small>No channels yet.</small></p>`}
  </${Group}>`;
}

/** `open`: its messages are on the screen; `last`: they were. @param {{ room: RoomView, channel: Channel, last: boolean, open: boolean }} p */
function ChannelLink({ room, channel, last, open }) {
  const unread = channel.unread > 0 && !open;
  const to = /** @type {const} */ ({ name: 'room', slug: room.slug, letter: channel.letter });
  const classes = ['channel-row', last && 'current', unread && 'unread'].filter(Boolean).join(' ');
  return html`<a class=${classes} href=${href(to)} aria-current=${open ? 'page' : undefined} onClick=${onLink(to)}>
    <${Icon} name="hash" size=${16} />
    <span class="channel-name">${channel.name}</span>
    ${channel.mentions > 0 && !open
      ? html`<span class="badge"><span aria-hidden="true">${channel.mentions}</span><span class="unseen">${counted(channel.mentions, 'mention')}</span></span>`
      : unread && html`<i class="unread-dot"></i><span class="unseen">unread</span>`}
  </a>`;
}

/** @param {{ room: RoomView }} p */
function VoiceChannels({ room }) {
  const note = useId();
  const channels = room.channels.filter((channel) => channel.kind === 'voice');
  if (channels.length === 0 && !model.can('create_channel').ok) return null;
  return html`<${Group} title="Voice" kind="voice">
    <ul aria-describedby=${note}>
      ${channels.map((channel) => html`<li class="channel-row" key=${channel.id} title=${VOICE_NOTE}>
        <${Icon} name="volume-2" size=${16} />
        <span class="channel-name">${channel.name}</span>
      </li>`)}
    </ul>
    <p class="voice-note" id=${note}><small>${VOICE_NOTE}</small></p>
  </${Group}>`;
}

function MeRow() {
  const me = model.me.value;
  if (!me) return null;
  const { status } = model.connection.value;
  const online = status === 'online';
  const words = online ? 'Online' : status === 'reconnecting' || status === 'connecting' ? 'Connecting…' : 'Offline';
  return html`<div class="me-row">
    <${Avatar} id=${me.id} name=${me.display_name} size=${32} status=${online ? 'online' : 'offline'} />
    <span class="two-lines">
      <b>${me.display_name}</b>
      <small>${me.guest ? `Guest · ${words}` : words}</small>
    </span>
    <${IconButton} name="settings" label="Settings" onClick=${() => openDialog(() => html`<${Settings} />`)} />
  </div>`;
}
