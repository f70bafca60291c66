// @ts-check
// Owns the chat column: header, connection banner, and which of the message list, the empty state or a fault shows.
// Never lists messages itself (messages.js) and never writes any (composer.js).
import { html, useEffect, useSignal } from '../vendor/ui.mjs';
import { model } from '../state.js';
import { ChannelDialog } from './channel-dialogs.js';
import { Composer, TypingLine } from './composer.js';
import { copyInviteLink } from './invite-dialog.js';
import { membersWanted, narrow, openDialog, roomy, wantMembers } from './layout.js';
import { MembersSheet } from './members.js';
import { MessageList } from './messages.js';
import { Button, Icon, IconButton, Spinner } from './parts.js';

/** @typedef {import('../model.d.ts').Channel} Channel */

/** A connection that is back sooner than this was not worth a banner. */
const PATIENCE_MS = 700;

export function Chat() {
  const channel = model.channel.value;
  if (!channel) return html`<main class="chat"><${ConnectionBanner} /><${NoChannel} /></main>`;
  return html`<main class="chat">
    <${ChatHead} channel=${channel} />
    <${ConnectionBanner} />
    <${ChatBody} key=${channel.id} channel=${channel} />
    <${TypingLine} />
    <${Composer} channel=${channel} />
  </main>`;
}

/** @param {{ channel: Channel }} p */
function ChatHead({ channel }) {
  const room = model.room.value;
  const toList = () => room && model.navigate({ name: 'room', slug: room.slug, letter: null });
  return html`<header class="chat-head">
    ${narrow.value && html`<${IconButton} name="chevron-left" label="Back to channels" size=${22} onClick=${toList} />`}
    <div class="chat-title">
      <h1><${Icon} name="hash" /><span>${channel.name}</span></h1>
      ${channel.topic && html`<p title=${channel.topic}>${channel.topic}</p>`}
    </div>
    ${model.can('create_channel').ok &&
    html`<${IconButton} name="settings-2" label="Channel settings" onClick=${() => openDialog(() => html`<${ChannelDialog} channel=${channel} />`)} />`}
    <${MembersToggle} />
  </header>`;
}

function MembersToggle() {
  if (roomy.value) {
    const shown = membersWanted.value;
    return html`<${IconButton} name="users" label="Members" pressed=${shown} onClick=${() => wantMembers(!shown)} />`;
  }
  return html`<${IconButton} name="users" label="Members" aria-haspopup="dialog" onClick=${() => openDialog(() => html`<${MembersSheet} />`)} />`;
}

/** @param {{ channel: Channel }} p */
function ChatBody({ channel }) {
  const timeline = model.timeline.value;
  if (!timeline || timeline.channel !== channel.id) return html`<${LoadingMessages} />`;
  const empty = timeline.messages.length === 0 && timeline.pending.length === 0;
  if (timeline.phase === 'error' && empty) return html`<${LoadFault} text=${timeline.error} />`;
  if (empty && (timeline.phase === 'idle' || timeline.phase === 'loading' || timeline.phase === 'gap')) return html`<${LoadingMessages} />`;
  if (empty && !timeline.hasOlder) return html`<${EmptyChannel} channel=${channel} />`;
  return html`${timeline.phase === 'gap' &&
    html`<div class="banner warn" role="status"><${Spinner} /><span>Fetching what you missed…</span></div>`}
    ${timeline.phase === 'error' && html`<${ReloadBanner} text=${timeline.error} />`}
    <${MessageList} timeline=${timeline} channel=${channel} />`;
}

function LoadingMessages() {
  return html`<div class="state"><div class="late"><${Spinner} label="Loading messages" /></div></div>`;
}

/** @param {{ text: string | null }} p */
function LoadFault({ text }) {
  return html`<div class="state" role="alert">
    <span class="feature-icon warn"><${Icon} name="triangle-alert" size=${30} /></span>
    <h2>The messages did not load</h2>
    <p>${text ?? 'The server gave no answer.'}</p>
    <div class="state-actions"><${Button} kind="primary" icon="refresh-cw" onClick=${() => model.reload()}>Try again</${Button}></div>
  </div>`;
}

/** @param {{ text: string | null }} p */
function ReloadBanner({ text }) {
  return html`<div class="banner bad" role="alert">
    <${Icon} name="triangle-alert" />
    <span>${text ?? 'Newer messages did not load.'}</span>
    <button type="button" onClick=${() => model.reload()}>Try again</button>
  </div>`;
}

/** @param {{ channel: Channel }} p */
function EmptyChannel({ channel }) {
  const busy = useSignal(false);
  const mayInvite = model.can('invite').ok;
  const copy = async () => {
    busy.value = true;
    await copyInviteLink();
    busy.value = false;
  };
  return html`<div class="state">
    <span class="feature-icon"><${Icon} name="hash" size=${30} /></span>
    <h2>This is the start of #${channel.name}</h2>
    <p>${mayInvite ? 'Say hello, or bring people in. Anyone with the link can join with just a name.' : 'Nobody has written here yet. Say hello.'}</p>
    ${mayInvite && html`<div class="state-actions">
      <${Button} kind="primary" icon="user-plus" busy=${busy.value} onClick=${copy}>Copy invite link</${Button}>
    </div>`}
  </div>`;
}

function NoChannel() {
  return html`<div class="state">
    <span class="feature-icon"><${Icon} name="message-square" size=${30} /></span>
    <h1>No such channel</h1>
    <p>It may have been removed. The others are in the list.</p>
  </div>`;
}

/** Says that the connection is gone and when the next attempt is. */
function ConnectionBanner() {
  const { status, retryAt } = model.connection.value;
  const now = useSignal(Date.now());
  const shown = useSignal(false);
  const waiting = status === 'reconnecting';
  useEffect(() => {
    if (!waiting) return undefined;
    const patience = setTimeout(() => (shown.value = true), PATIENCE_MS);
    return () => {
      clearTimeout(patience);
      shown.value = false;
    };
  }, [waiting]);
  useEffect(() => {
    if (!waiting) return undefined;
    now.value = Date.now();
    const timer = setInterval(() => (now.value = Date.now()), 1_000);
    return () => clearInterval(timer);
  }, [waiting, retryAt]);
  if (!waiting || !shown.value) return null;
  const seconds = retryAt === null ? 0 : Math.ceil((retryAt - now.value) / 1_000);
  return html`<div class="banner warn">
    <${Icon} name="wifi-off" />
    <span>
      <span role="status"><b>Reconnecting…</b> You can keep typing, messages will be sent when you are back.</span>
      ${seconds > 2 && html`<span aria-hidden="true"> Next try in\u00a0${seconds}\u00a0s.</span>`}
    </span>
    <button type="button" onClick=${() => model.reconnectNow()}>Try now</button>
  </div>`;
}
