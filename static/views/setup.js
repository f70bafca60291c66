// @ts-check
// Owns the first run: the one-time link from the terminal becomes the first account and the first room.
// Never shows the token.
import { html, useSignal } from '../vendor/ui.mjs';
import { model } from '../state.js';
import { AccountFields } from './auth.js';
import { AppMark, CardPage, PageLink } from './card.js';
import { Field, Form, need, Problem, useAction } from './forms.js';
import { Button } from './parts.js';

/** @param {{ token: string }} p */
export function SetupPage({ token }) {
  const shown = useSignal('');
  const username = useSignal('');
  const password = useSignal('');
  const room = useSignal('');
  const begin = useAction(() => {
    need('room', room.value, 'Give the room a name.');
    return model.setup(token, {
      username: username.value.trim(),
      password: password.value,
      room: room.value.trim(),
      ...(shown.value.trim() ? { display_name: shown.value.trim() } : {}),
    });
  });
  const failure = begin.failure.value;
  return html`<${CardPage}>
    <header class="card-head">
      <${AppMark} />
      <h1>Your server is ready</h1>
      <p>Name your first room and the account that runs it.</p>
    </header>
    ${token === '' && html`<p class="note">The link is not whole. Open the one the server printed in its terminal.</p>`}
    ${token !== '' && html`<${Form} action=${begin} label="First run" focusFirst>
      <${Field} label="Room name" value=${room} required maxlength="80" autocomplete="off" placeholder="Foxglove" error=${failure?.fields.room ?? failure?.fields.title ?? null} />
      <${AccountFields} shown=${shown} username=${username} password=${password} failure=${failure} />
      <${Problem} failure=${failure} fields=${['room', 'title', 'display_name', 'username', 'password']} />
      <${Button} type="submit" kind="primary" large busy=${begin.busy.value}>Open the room</${Button}>
    </${Form}>`}
    <p class="card-alt"><span>Set up already?</span><${PageLink} to=${{ name: 'signin' }}>Sign in</${PageLink}></p>
  </${CardPage}>`;
}
