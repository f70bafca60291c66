// @ts-check
// Owns the list of members: who is here, their roles, and what an owner or admin may do about them.
// Never changes a member without asking where it cannot be undone.
import { html } from '../vendor/ui.mjs';
import { model } from '../state.js';
import { askFirst, Dialog } from './dialog.js';
import { InviteDialog } from './invite-dialog.js';
import { openDialog } from './layout.js';
import { MenuButton } from './menu.js';
import { Avatar, Button, Icon } from './parts.js';

/**
 * @typedef {import('../model.d.ts').Member} Member
 * @typedef {import('../model.d.ts').RoomView} RoomView
 * @typedef {import('../model.d.ts').Role} Role
 */

/** More rows than this help nobody and slow the page. */
const MAX_ROWS = 300;

/** @type {Record<Role, number>} */
const RANK = { owner: 0, admin: 1, member: 2, guest: 3 };

/** @type {Record<Role, string>} */
export const ROLE_WORDS = { owner: 'Owner', admin: 'Admin', member: 'Member', guest: 'Guest' };

/** The column on wide screens. @param {{ room: RoomView }} p */
export function MembersColumn({ room }) {
  return html`<aside class="members" aria-label="Members">
    <${InviteButton} />
    <div class="members-scroll"><${MemberGroups} room=${room} /></div>
  </aside>`;
}

/** The same list as a sheet, for narrow screens. */
export function MembersSheet() {
  const room = model.room.value;
  return html`<${Dialog} title="Members" side>
    <${InviteButton} />
    <div class="members-scroll">${room && html`<${MemberGroups} room=${room} />`}</div>
  </${Dialog}>`;
}

function InviteButton() {
  if (!model.can('invite').ok) return null;
  return html`<div class="members-top">
    <${Button} icon="user-plus" onClick=${() => openDialog(() => html`<${InviteDialog} />`)}>Invite people</${Button}>
  </div>`;
}

/** @param {{ room: RoomView }} p */
function MemberGroups({ room }) {
  const members = [...room.members].sort(byRankThenName);
  /** @param {Member} member */
  const isHere = (member) => (room.presence.get(member.user) ?? 'offline') !== 'offline';
  const online = members.filter(isHere);
  if (online.length < room.onlineCount) {
    const title = `Members · ${members.length}, ${room.onlineCount} online`;
    return html`<${MemberList} title=${title} members=${members} room=${room} counted />`;
  }
  const offline = members.filter((member) => !isHere(member));
  return html`<${MemberList} title=${`Online · ${online.length}`} members=${online} room=${room} />
    ${offline.length > 0 && html`<${MemberList} title=${`Offline · ${offline.length}`} members=${offline} room=${room} away />`}`;
}

/** @param {Member} a @param {Member} b */
function byRankThenName(a, b) {
  return RANK[a.role] - RANK[b.role] || a.name.localeCompare(b.name, undefined, { numeric: true });
}

/** `counted`: how many are online is known, but not who. @param {{ title: string, members: Member[], room: RoomView, away?: boolean, counted?: boolean }} p */
function MemberList({ title, members, room, away, counted }) {
  return html`<section>
    <div class="group-head"><h2>${title}</h2></div>
    <ul>
      ${members.slice(0, MAX_ROWS).map((member) => html`<li key=${member.user}>
        <${MemberRow} member=${member} room=${room} away=${away} counted=${counted} />
      </li>`)}
    </ul>
    ${members.length > MAX_ROWS && html`<p class="group-head">and ${members.length - MAX_ROWS} more</p>`}
  </section>`;
}

/** @param {{ member: Member, room: RoomView, away?: boolean, counted?: boolean }} p */
function MemberRow({ member, room, away, counted }) {
  const me = model.me.value?.id === member.user;
  const status = room.presence.get(member.user) ?? (counted ? null : 'offline');
  const note = [member.role === 'member' ? '' : ROLE_WORDS[member.role], me ? 'You' : ''].filter(Boolean).join(' · ');
  const classes = away ? 'member away' : 'member';
  const face = html`<${Avatar} id=${member.user} name=${member.name} size=${30} status=${status} gone=${away} />
    <span class="two-lines"><b title=${`@${member.username}`}>${member.name}</b>${note && html`<small>${note}</small>`}</span>
    ${status && status !== 'offline' && status !== 'online' && html`<span class="unseen">${status === 'dnd' ? 'do not disturb' : 'away'}</span>`}`;
  const groups = memberMenu(member, room);
  if (groups.length === 0) return html`<div class=${classes}>${face}</div>`;
  return html`<${MenuButton} class=${classes} label=${`${member.name}: what to do`} groups=${groups}>
    ${face}<span class="chevron"><${Icon} name="ellipsis" size=${16} /></span>
  </${MenuButton}>`;
}

/** What I may do about a member; empty when nothing. @param {Member} member @param {RoomView} room @returns {import('./menu.js').Group[]} */
export function memberMenu(member, room) {
  const me = model.me.value?.id;
  if (member.user === me || member.role === 'owner') return [];
  /** @type {import('./menu.js').Item[]} */
  const roles = [];
  if (model.can('set_role').ok && member.role !== 'guest') {
    for (const role of /** @type {const} */ (['admin', 'member'])) {
      roles.push({ label: ROLE_WORDS[role], checked: member.role === role, run: () => changeRole(member, role) });
    }
    if (room.role === 'owner') {
      roles.push({ label: 'Make owner…', icon: 'crown', run: () => askToTransfer(member, room) });
    }
  }
  /** @type {import('./menu.js').Item[]} */
  const acts = [];
  if (model.can('kick').ok && (room.role === 'owner' || member.role !== 'admin')) {
    acts.push({ label: 'Remove from room…', icon: 'user-minus', danger: true, run: () => askToRemove(member, room) });
  }
  const named = roles.length > 0 ? [{ label: 'Role', items: roles }] : [];
  return [...named, { items: acts }].filter((group) => group.items.length > 0);
}

/** @param {Member} member @param {Role} role */
async function changeRole(member, role) {
  if (member.role === role) return;
  try {
    await model.setRole(member.user, role);
    model.notify(`${member.name} is now ${role === 'admin' ? 'an admin' : 'a member'}.`);
  } catch (error) {
    model.notify(error instanceof Error ? error.message : 'The role did not change.', 'error');
  }
}

/** @param {Member} member @param {RoomView} room */
function askToTransfer(member, room) {
  askFirst({
    title: `Make ${member.name} the owner?`,
    text: `There is one owner. You become an admin of ${room.title} and cannot take it back yourself.`,
    action: 'Make owner',
    run: () => model.setRole(member.user, 'owner'),
  });
}

/** @param {Member} member @param {RoomView} room */
function askToRemove(member, room) {
  askFirst({
    title: `Remove ${member.name}?`,
    text: `They leave ${room.title} at once and can come back with an invite. Their messages stay.`,
    action: 'Remove',
    run: () => model.removeMember(member.user),
  });
}
