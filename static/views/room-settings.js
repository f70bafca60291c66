// @ts-check
// Owns the dialogs about a whole room: creating one, its name and topic, its members and its invites.
// Never handles one channel (channel-dialogs.js).
import { html, useEffect, useSignal } from '../vendor/ui.mjs';
import { model } from '../state.js';
import { copyText } from './clipboard.js';
import { askFirst, Dialog, PagedDialog } from './dialog.js';
import { asFailure, Field, Form, need, Problem, useAction } from './forms.js';
import { InviteDialog } from './invite-dialog.js';
import { closeAllDialogs, closeDialog, openDialog } from './layout.js';
import { memberMenu, ROLE_WORDS } from './members.js';
import { MenuButton } from './menu.js';
import { Avatar, Button, counted, Icon, IconButton, Spinner } from './parts.js';
import { distanceOf, momentOf } from './times.js';

/** @typedef {import('../model.d.ts').Invite} Invite */

const TITLE_MAX = 80;
const TOPIC_MAX = 300;

export function NewRoomDialog() {
  const title = useSignal('');
  const create = useAction(async () => {
    need('title', title.value, 'Give the room a name.');
    await model.createRoom({ title: title.value.trim() });
    closeAllDialogs();
  });
  return html`<${Dialog} title="New room">
    <p>A room starts with a text channel and a voice channel. You decide who comes in.</p>
    <${Form} action=${create}>
      <${Field} label="Name" value=${title} maxlength=${TITLE_MAX} autocomplete="off" placeholder="Foxglove" data-autofocus
        error=${create.failure.value?.fields.title ?? null} />
      <${Problem} failure=${create.failure.value} fields=${['title']} />
      <div class="actions">
        <${Button} onClick=${closeDialog}>Cancel</${Button}>
        <${Button} type="submit" kind="primary" busy=${create.busy.value}>Create room</${Button}>
      </div>
    </${Form}>
  </${Dialog}>`;
}

/** @param {{ initial?: string }} p */
export function RoomSettings({ initial }) {
  const pages = [
    { id: 'overview', label: 'Overview', icon: 'house', view: () => html`<${Overview} />` },
    { id: 'members', label: 'Members', icon: 'users', view: () => html`<${RoomMembers} />` },
  ];
  if (model.can('invite').ok) pages.push({ id: 'invites', label: 'Invites', icon: 'link', view: () => html`<${Invites} />` });
  return html`<${PagedDialog} label="Room settings" pages=${pages} initial=${initial} />`;
}

function Overview() {
  const room = model.room.value;
  const title = useSignal(room?.title ?? '');
  const topic = useSignal(room?.topic ?? '');
  const save = useAction(async () => {
    need('title', title.value, 'A room needs a name.');
    await model.updateRoom({ title: title.value.trim(), topic: topic.value.trim() || null });
    model.notify('Room saved.');
  });
  if (!room) return null;
  const may = model.can('edit_room');
  const failure = save.failure.value;
  return html`<${Form} action=${save} label="Overview">
      <${Field} label="Name" value=${title} maxlength=${TITLE_MAX} readonly=${!may.ok} autocomplete="off" error=${failure?.fields.title ?? null} />
      <${Field} label="Topic" value=${topic} maxlength=${TOPIC_MAX} readonly=${!may.ok} long placeholder="What is this room for?" error=${failure?.fields.topic ?? null} />
      <${Problem} failure=${failure} fields=${['title', 'topic']} />
      <div class="actions start"><${Button} type="submit" kind="primary" busy=${save.busy.value} why=${may.ok ? null : may.why}>Save</${Button}></div>
    </${Form}>
    ${model.can('remove_room').ok && html`<section class="section">
      <h3>Delete this room</h3>
      <p>Every channel and message is gone, for everyone.</p>
      <div class="actions start"><${Button} kind="quiet-danger" icon="trash-2" onClick=${() => askToDelete(room.title)}>Delete room</${Button}></div>
    </section>`}`;
}

/** @param {string} title */
function askToDelete(title) {
  askFirst({
    title: `Delete ${title}?`,
    text: 'All its channels and messages are deleted for everyone. This cannot be undone.',
    action: 'Delete room',
    run: async () => {
      await model.removeRoom();
      closeAllDialogs();
    },
  });
}

function RoomMembers() {
  const room = model.room.value;
  if (!room) return null;
  return html`<ul class="rows">
    ${room.members.map((member) => {
      const groups = memberMenu(member, room);
      return html`<li key=${member.user}>
        <${Avatar} id=${member.user} name=${member.name} size=${32} />
        <span class="two-lines"><b>${member.name}</b><small>@${member.username}</small></span>
        ${groups.length > 0
          ? html`<${MenuButton} class="button" label=${`${member.name}: what to do`} groups=${groups}>
              <span class="unseen">${member.name}: </span>${ROLE_WORDS[member.role]}<${Icon} name="chevron-down" size=${16} />
            </${MenuButton}>`
          : html`<span class="tag">${ROLE_WORDS[member.role]}</span>`}
      </li>`;
    })}
  </ul>`;
}

function Invites() {
  const list = useSignal(/** @type {Invite[] | null} */ (null));
  const failure = useSignal(/** @type {import('../model.d.ts').Failure | null} */ (null));
  const latest = model.inviteUrl.value;
  const load = async () => {
    failure.value = null;
    try {
      list.value = await model.invites();
    } catch (error) {
      failure.value = asFailure(error);
    }
  };
  useEffect(() => void load(), [latest]);
  const make = html`<div class="actions start">
    <${Button} kind="primary" icon="link" onClick=${() => openDialog(() => html`<${InviteDialog} />`)}>New invite link</${Button}>
  </div>`;
  if (failure.value) {
    return html`<${Problem} failure=${failure.value} /><div class="actions start"><${Button} onClick=${load}>Try again</${Button}></div>`;
  }
  if (!list.value) return html`<p class="late"><${Spinner} label="Loading invites" /></p>`;
  if (list.value.length === 0) return html`<p>No invite links are in use.</p>${make}`;
  return html`${make}<ul class="rows">
    ${list.value.map((invite) => html`<${InviteRow} key=${invite.token} invite=${invite} gone=${load} />`)}
  </ul>`;
}

/** @param {{ invite: Invite, gone: () => Promise<void> }} p */
function InviteRow({ invite, gone }) {
  const tail = `…${invite.token.slice(-6)}`;
  const by = model.room.value?.members.find((member) => member.user === invite.created_by)?.name ?? null;
  const uses = invite.max_uses === null ? `used ${counted(invite.uses, 'time')}` : `used ${invite.uses} of ${invite.max_uses}`;
  const ends = invite.expires_at ? `ends ${distanceOf(invite.expires_at)}` : 'does not end';
  const copy = async () => {
    const done = await copyText(invite.url);
    model.notify(done ? 'Invite link copied.' : 'Your browser does not allow copying here.', done ? 'info' : 'error');
  };
  const revoke = () =>
    askFirst({
      title: 'Revoke this link?',
      text: 'Nobody can join with it any more. Those who already did stay.',
      action: 'Revoke link',
      run: async () => {
        await model.revokeInvite(invite.token);
        await gone();
      },
    });
  return html`<li>
    <span class="two-lines">
      <b>${tail}${by ? ` by ${by}` : ''}</b>
      <small title=${invite.expires_at ? momentOf(invite.expires_at) : undefined}>${uses}, ${ends}</small>
    </span>
    <${IconButton} name="copy" label=${`Copy link ${tail}`} onClick=${copy} />
    <${IconButton} name="trash-2" label=${`Revoke link ${tail}`} onClick=${revoke} />
  </li>`;
}
