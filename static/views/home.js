// @ts-check
// Owns the page of someone who is signed in and in no room: their rooms, a new one, or an invite link.
// Never creates anything by itself.
import { html, useSignal } from '../vendor/ui.mjs';
import { parse } from '../router.js';
import { model } from '../state.js';
import { CardPage } from './card.js';
import { askFirst } from './dialog.js';
import { Field, Form, need, Problem, useAction } from './forms.js';
import { openDialog } from './layout.js';
import { href, onLink } from './links.js';
import { Avatar, Button, Icon, IconButton, RoomMark } from './parts.js';
import { Settings } from './settings.js';

export function HomePage() {
  const me = model.me.value;
  const rooms = model.rooms.value;
  if (!me) return null;
  const may = model.can('create_room');
  return html`<${CardPage}>
    <header class="card-head">
      <h1>${rooms.length > 0 ? 'Your rooms' : `Hello, ${me.display_name}`}</h1>
      <p>${rooms.length > 0 ? 'Where do you want to go?' : may.ok ? 'Start a room, or open an invite.' : may.why}</p>
    </header>
    ${rooms.length > 0 && html`<ul class="card-list">${rooms.map((room) => html`<li key=${room.id}><${RoomLink} room=${room} /></li>`)}</ul>`}
    ${may.ok && html`<${NewRoom} />`}
    ${may.ok && html`<p class="or-line">or</p>`}
    <${OpenInvite} />
    <hr class="card-rule" />
    <${Me} me=${me} />
  </${CardPage}>`;
}

/** @param {{ room: { slug: string, title: string } }} p */
function RoomLink({ room }) {
  const to = /** @type {const} */ ({ name: 'room', slug: room.slug, letter: null });
  return html`<a href=${href(to)} onClick=${onLink(to)}>
    <${RoomMark} title=${room.title} />
    <span class="channel-name">${room.title}</span>
    <${Icon} name="chevron-right" size=${16} />
  </a>`;
}

function NewRoom() {
  const title = useSignal('');
  const create = useAction(() => {
    need('title', title.value, 'Give the room a name.');
    return model.createRoom({ title: title.value.trim() });
  });
  const failure = create.failure.value;
  return html`<${Form} action=${create} label="New room">
    <${Field} label="Name of a new room" value=${title} maxlength="80" autocomplete="off" placeholder="Foxglove" error=${failure?.fields.title ?? null} />
    <${Problem} failure=${failure} fields=${['title']} />
    <${Button} type="submit" kind="primary" large busy=${create.busy.value}>Create room</${Button}>
  </${Form}>`;
}

function OpenInvite() {
  const link = useSignal('');
  const open = useAction(() => {
    need('link', link.value, 'Paste an invite link.');
    const token = tokenOf(link.value) ?? '';
    need('link', token, 'This is not an invite link of this server.');
    model.navigate({ name: 'invite', token });
  });
  return html`<${Form} action=${open} label="Open an invite">
    <${Field} label="Invite link" value=${link} inputmode="url" autocomplete="off" placeholder=${`${model.app.value.origin}/i/…`} error=${open.failure.value?.fields.link ?? null} />
    <${Button} type="submit" large>Open invite</${Button}>
  </${Form}>`;
}

/** The token in a pasted link, or null if the link leads elsewhere. @param {string} text */
function tokenOf(text) {
  try {
    const url = new URL(text.trim(), model.app.value.origin);
    if (url.host !== new URL(model.app.value.origin).host) return null;
    const route = parse(url);
    return route.name === 'invite' ? route.token : null;
  } catch {
    return null;
  }
}

/** @param {{ me: import('../model.d.ts').Me }} p */
function Me({ me }) {
  const out = () => model.signOut();
  const ask = () =>
    askFirst({
      title: 'Sign out as a guest?',
      text: 'A guest has no password, so there is no way back to this name.',
      action: 'Sign out',
      run: out,
    });
  return html`<div class="identity">
    <${Avatar} id=${me.id} name=${me.display_name} size=${32} />
    <span class="two-lines"><b>${me.display_name}</b><small>${me.guest ? 'Guest' : `@${me.username}`}</small></span>
    <${IconButton} name="settings" label="Settings" onClick=${() => openDialog(() => html`<${Settings} />`)} />
    <${IconButton} name="log-out" label="Sign out" onClick=${me.guest ? ask : out} />
  </div>`;
}
