// @ts-check
// Owns making and copying invite links.
// Never lists them; the room settings do.
import { html, useSignal } from '../vendor/ui.mjs';
import { model } from '../state.js';
import { copyText } from './clipboard.js';
import { Dialog } from './dialog.js';
import { Form, Problem, Select, useAction } from './forms.js';
import { openDialog } from './layout.js';
import { Button, Icon } from './parts.js';

/** @type {[string, string][]} */
const EXPIRY = [
  ['3600', '1 hour'],
  ['86400', '1 day'],
  ['604800', '7 days'],
  ['2592000', '30 days'],
  ['', 'Never'],
];
/** @type {[string, string][]} */
const USES = [
  ['1', '1 person'],
  ['5', '5 people'],
  ['25', '25 people'],
  ['100', '100 people'],
  ['', 'No limit'],
];

/** Copies a link that works, making one if need be; shows it where copying is refused. */
export async function copyInviteLink() {
  try {
    const url = model.inviteUrl.peek() ?? (await model.createInvite()).url;
    if (await copyText(url)) model.notify('Invite link copied.');
    else openDialog(() => html`<${InviteDialog} />`);
  } catch (error) {
    model.notify(error instanceof Error ? error.message : 'No invite link could be made.', 'error');
  }
}

export function InviteDialog() {
  const room = model.room.value;
  const expiry = useSignal('604800');
  const uses = useSignal('');
  const url = model.inviteUrl.value;
  const make = useAction(async () => {
    /** @type {{ max_uses?: number, expires_in?: number }} */
    const limits = {};
    if (uses.value) limits.max_uses = Number(uses.value);
    if (expiry.value) limits.expires_in = Number(expiry.value);
    const invite = await model.createInvite(limits);
    if (await copyText(invite.url)) model.notify('Invite link copied.');
  });
  return html`<${Dialog} title=${`Invite people to ${room?.title ?? 'this room'}`}>
    <p>Anyone with the link can join with just a name.</p>
    ${url && html`<${LinkRow} url=${url} />`}
    <${Form} action=${make} label="New invite link">
      <div class="two-fields">
        <${Select} label="Works for" value=${expiry} options=${EXPIRY} />
        <${Select} label="At most" value=${uses} options=${USES} />
      </div>
      <${Problem} failure=${make.failure.value} />
      <${Button} type="submit" kind=${url ? '' : 'primary'} icon="link" large busy=${make.busy.value} data-autofocus=${!url}>
        ${url ? 'Make another link' : 'Make and copy a link'}
      </${Button}>
    </${Form}>
  </${Dialog}>`;
}

/** @param {{ url: string }} p */
function LinkRow({ url }) {
  const done = useSignal(false);
  const copy = async () => {
    done.value = await copyText(url);
    if (!done.value) model.notify('Your browser does not allow copying here. Select the link and copy it.', 'error');
  };
  /** @param {FocusEvent} event */
  const selectAll = (event) => /** @type {HTMLInputElement} */ (event.currentTarget).select();
  return html`<div class="field">
    <label for="invite-url">Invite link</label>
    <div class="with-button">
      <input class="input" id="invite-url" readonly value=${url} onFocus=${selectAll} />
      <${Button} kind="primary" onClick=${copy} data-autofocus><${Icon} name=${done.value ? 'check' : 'copy'} />${done.value ? 'Copied' : 'Copy'}</${Button}>
    </div>
  </div>`;
}
