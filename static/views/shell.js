// @ts-check
// Owns the frame of a room: which columns show at this width, and the keys that move between channels.
// Never draws what is in a column.
import { html, useEffect } from '../vendor/ui.mjs';
import { model } from '../state.js';
import { Chat } from './chat.js';
import { membersWanted, narrow, openLayers, roomy } from './layout.js';
import { MembersColumn } from './members.js';
import { Sidebar } from './sidebar.js';
import { Loading, RoomFault, ServerSilent } from './states.js';

export function RoomShell() {
  const room = model.room.value;
  const route = model.route.value;
  useEffect(() => {
    document.addEventListener('keydown', switchByKey);
    return () => document.removeEventListener('keydown', switchByKey);
  }, []);
  if (model.roomError.value) return html`<${RoomFault} failure=${model.roomError.value} />`;
  if (!room) return model.connection.value.status === 'reconnecting' ? html`<${ServerSilent} />` : html`<${Loading} />`;
  const listOnly = narrow.value && route.name === 'room' && route.letter === null;
  const withMembers = roomy.value && membersWanted.value;
  return html`<div class=${withMembers ? 'shell with-members' : 'shell'} role=${listOnly ? 'main' : undefined}>
    ${(!narrow.value || listOnly) && html`<${Sidebar} room=${room} alone=${listOnly} />`}
    ${!listOnly && html`<${Chat} />`}
    ${withMembers && html`<${MembersColumn} room=${room} />`}
  </div>`;
}

/** Alt+Up and Alt+Down go to the channel above or below. @param {KeyboardEvent} event */
function switchByKey(event) {
  const step = event.key === 'ArrowUp' ? -1 : event.key === 'ArrowDown' ? 1 : 0;
  if (step === 0 || !event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
  const room = model.room.peek();
  if (!room || openLayers.peek().length > 0) return;
  const channels = room.channels.filter((channel) => channel.kind === 'text');
  if (channels.length === 0) return;
  event.preventDefault();
  const here = channels.findIndex((channel) => channel.id === model.channel.peek()?.id);
  const next = channels[(here + step + channels.length) % channels.length];
  if (next) model.navigate({ name: 'room', slug: room.slug, letter: next.letter });
}
