// @ts-check
// Owns the pages that stand in for a room: loading, not found, ended, the server silent.
// Never decides that something failed; it says what the model says.
import { html } from '../vendor/ui.mjs';
import { model } from '../state.js';
import { Button, Icon, Spinner } from './parts.js';

/**
 * @param {{ icon: string, tone?: '' | 'warn' | 'bad', title: string, children?: any, actions?: any }} p
 */
export function StatePage({ icon, tone = '', title, children, actions }) {
  return html`<main class="state state-page">
    <span class=${`feature-icon ${tone}`}><${Icon} name=${icon} size=${30} /></span>
    <h1>${title}</h1>
    ${children}
    ${actions && html`<div class="state-actions">${actions}</div>`}
  </main>`;
}

export function Loading() {
  return html`<main class="state state-page">
    <h1 class="unseen">Loading</h1>
    <div class="late"><${Spinner} label="Loading" /></div>
  </main>`;
}

function toHome() {
  model.navigate({ name: 'home' });
}

const home = html`<${Button} kind="primary" icon="house" onClick=${toHome}>Go to my rooms</${Button}>`;

/** The room of the route cannot be shown. @param {{ failure: import('../model.d.ts').Failure }} p */
export function RoomFault({ failure }) {
  if (failure.code === 'banned' || failure.code === 'removed' || failure.code === 'kicked') {
    return html`<${StatePage} icon="ban" tone="bad" title=${failure.code === 'banned' ? 'You are banned from this room' : 'You were removed from this room'} actions=${home}>
      <p>${failure.message}</p>
    </${StatePage}>`;
  }
  if (failure.status === 404 || failure.code === 'not_found') {
    return html`<${StatePage} icon="search" title="No such room" actions=${home}>
      <p>It does not exist, or you are not a member. An invite link gets you in.</p>
    </${StatePage}>`;
  }
  const again = html`<${Button} kind="primary" icon="refresh-cw" onClick=${() => model.retryRoom()}>Try again</${Button}>
    <${Button} onClick=${toHome}>Go to my rooms</${Button}>`;
  return html`<${StatePage} icon="triangle-alert" tone="warn" title="The room did not load" actions=${again}>
    <p>${failure.message}</p>
  </${StatePage}>`;
}

/** Nothing was loaded yet and the server does not answer. */
export function ServerSilent() {
  const { origin } = model.app.value;
  const again = html`<${Button} kind="primary" icon="refresh-cw" onClick=${() => model.reconnectNow()}>Try now</${Button}>`;
  return html`<${StatePage} icon="server-off" tone="warn" title="The server does not answer" actions=${again}>
    <p role="status">Trying again on its own. Check your connection, or ask whoever runs ${hostOf(origin)}.</p>
  </${StatePage}>`;
}

/** The connection ended for good. */
export function Ended() {
  const { code, reason } = model.connection.value;
  if (code === 4503) {
    return html`<${StatePage} icon="ban" tone="bad" title="You were removed" actions=${home}>
      <p>${reason ?? 'An owner or admin took you out of the room.'}</p>
    </${StatePage}>`;
  }
  const reload = html`<${Button} kind="primary" icon="refresh-cw" onClick=${() => location.reload()}>Reload</${Button}>`;
  const title = code === 4505 ? 'Charge was updated' : 'The connection ended';
  return html`<${StatePage} icon=${code === 4505 ? 'refresh-cw' : 'circle-alert'} tone=${code === 4505 ? '' : 'warn'} title=${title} actions=${reload}>
    <p>${reason ?? (code === 4505 ? 'Reload to use the new version. What you typed is kept.' : 'Reload to connect again. What you typed is kept.')}</p>
  </${StatePage}>`;
}

/** The host of an address, for a person. @param {string} origin */
export function hostOf(origin) {
  try {
    return new URL(origin).host;
  } catch {
    return origin;
  }
}
