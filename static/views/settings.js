// @ts-check
// Owns the settings of the person: profile, appearance, keyboard, where they are signed in, and the rest.
// Never holds a setting itself: the model keeps them on the account.
import { html, useEffect, useSignal } from '../vendor/ui.mjs';
import { model } from '../state.js';
import { copyText } from './clipboard.js';
import { deviceOf } from './device.js';
import { askFirst, Dialog, PagedDialog } from './dialog.js';
import { asFailure, Choice, Field, Form, need, Problem, SwitchRow, useAction } from './forms.js';
import { closeAllDialogs, closeDialog, openDialog } from './layout.js';
import { Avatar, Button, Icon, IconButton, Spinner } from './parts.js';
import { distanceOf } from './times.js';

/** @typedef {import('../model.d.ts').Settings} SettingsOf */

/** @param {{ initial?: string }} p */
export function Settings({ initial }) {
  const pages = [
    { id: 'profile', label: 'Profile', icon: 'user', view: () => html`<${Profile} />` },
    { id: 'appearance', label: 'Appearance', icon: 'palette', view: () => html`<${Appearance} />` },
    { id: 'keyboard', label: 'Keyboard', icon: 'keyboard', view: () => html`<${Keyboard} />` },
    { id: 'sessions', label: 'Sessions', icon: 'shield', view: () => html`<${Sessions} />` },
    { id: 'advanced', label: 'Advanced', icon: 'sliders-horizontal', view: () => html`<${Advanced} />` },
  ];
  return html`<${PagedDialog} label="Settings" pages=${pages} initial=${initial} />`;
}

/** Saves settings and says so only when it failed. @param {Partial<SettingsOf>} settings */
async function keep(settings) {
  try {
    await model.updateMe({ settings });
  } catch (error) {
    model.notify(error instanceof Error ? error.message : 'The setting was not saved.', 'error');
  }
}

function Profile() {
  const me = model.me.value;
  const name = useSignal(me?.display_name ?? '');
  const save = useAction(async () => {
    need('display_name', name.value, 'Write the name others should see.');
    await model.updateMe({ display_name: name.value.trim() });
    model.notify('Profile saved.');
  });
  if (!me) return null;
  const failure = save.failure.value;
  return html`<div class="identity">
      <${Avatar} id=${me.id} name=${me.display_name} size=${48} />
      <span class="two-lines"><b>${me.display_name}</b><small>${me.guest ? 'Guest, no account yet' : `@${me.username}`}</small></span>
    </div>
    <${Form} action=${save} label="Profile">
      <${Field} label="Shown name" value=${name} maxlength="64" autocomplete="nickname" error=${failure?.fields.display_name ?? null}
        hint="What others see beside your messages." />
      <${Problem} failure=${failure} fields=${['display_name']} />
      <div class="actions start">
        <${Button} type="submit" kind="primary" busy=${save.busy.value}>Save</${Button}>
      </div>
    </${Form}>
    ${me.guest ? html`<${BecomeAccount} />` : html`<${Password} />`}`;
}

function BecomeAccount() {
  const username = useSignal('');
  const password = useSignal('');
  const make = useAction(async () => {
    await model.becomeAccount({ username: username.value.trim(), password: password.value });
    model.notify('You have an account now.');
  });
  const failure = make.failure.value;
  return html`<section class="section">
    <h3>Keep this name</h3>
    <p>With an account you can come back from any device, and this room stays yours to visit.</p>
    <${Form} action=${make} label="Make an account">
      <${Field} label="Username" value=${username} autocomplete="username" autocapitalize="none" spellcheck="false"
        hint="3 to 32 letters a to z, digits, dot, dash or underscore." error=${failure?.fields.username ?? null} />
      <${Field} label="Password" type="password" value=${password} autocomplete="new-password" hint="At least 8 characters." error=${failure?.fields.password ?? null} />
      <${Problem} failure=${failure} fields=${['username', 'password']} />
      <div class="actions start"><${Button} type="submit" kind="primary" busy=${make.busy.value}>Make an account</${Button}></div>
    </${Form}>
  </section>`;
}

function Password() {
  const old = useSignal('');
  const fresh = useSignal('');
  const change = useAction(async () => {
    await model.changePassword({ old: old.value, new: fresh.value });
    old.value = '';
    fresh.value = '';
    model.notify('Password changed.');
  });
  const failure = change.failure.value;
  return html`<section class="section">
    <h3>Password</h3>
    <${Form} action=${change} label="Change password">
      <${Field} label="Current password" type="password" value=${old} autocomplete="current-password" error=${failure?.fields.old ?? null} />
      <${Field} label="New password" type="password" value=${fresh} autocomplete="new-password" hint="At least 8 characters." error=${failure?.fields.new ?? null} />
      <${Problem} failure=${failure} fields=${['old', 'new']} />
      <div class="actions start"><${Button} type="submit" busy=${change.busy.value}>Change password</${Button}></div>
    </${Form}>
  </section>`;
}

function Appearance() {
  const settings = model.me.value?.settings ?? {};
  return html`<${Choice} label="Theme" value=${settings.theme ?? 'system'} onChange=${(/** @type {any} */ theme) => keep({ theme })}
      options=${[
        { value: 'system', label: 'System', icon: 'monitor' },
        { value: 'light', label: 'Light', icon: 'sun' },
        { value: 'dark', label: 'Dark', icon: 'moon' },
      ]} />
    <${Choice} label="Space between messages" value=${settings.density ?? 'cosy'} onChange=${(/** @type {any} */ density) => keep({ density })}
      options=${[
        { value: 'cosy', label: 'Cosy' },
        { value: 'compact', label: 'Compact' },
      ]} />
    <${Choice} label="Clock" value=${settings.clock ?? 'auto'} onChange=${(/** @type {any} */ clock) => keep({ clock })}
      options=${[
        { value: 'auto', label: 'Device' },
        { value: '24', label: '24 hours' },
        { value: '12', label: '12 hours' },
      ]} />`;
}

function Keyboard() {
  const enterSends = model.me.value?.settings.enter_sends !== false;
  /** @type {[string, string[]][]} */
  const keys = [
    ['Send a message', enterSends ? ['Enter'] : ['Ctrl', 'Enter']],
    ['Start a new line', enterSends ? ['Shift', 'Enter'] : ['Enter']],
    ['Next or previous channel', ['Alt', '↑ ↓']],
    ['From message to message', ['↑ ↓']],
    ['Back to writing, cancel, close', ['Esc']],
  ];
  return html`<ul class="rows">
      <${SwitchRow} label="Enter sends" hint="Off: Enter starts a new line, and Ctrl+Enter sends." checked=${enterSends}
        onChange=${(/** @type {boolean} */ on) => keep({ enter_sends: on })} />
      ${keys.map(([what, parts]) => html`<li key=${what}>
        <span class="two-lines">${what}</span>
        <span class="keys">${parts.map((part) => html`<kbd>${part}</kbd> `)}</span>
      </li>`)}
    </ul>
    <p>The arrow keys move between messages once the list has the focus.</p>`;
}

function Sessions() {
  const list = useSignal(/** @type {import('../model.d.ts').SignIn[] | null} */ (null));
  const failure = useSignal(/** @type {import('../model.d.ts').Failure | null} */ (null));
  const load = async () => {
    failure.value = null;
    try {
      list.value = await model.sessions();
    } catch (error) {
      failure.value = asFailure(error);
    }
  };
  useEffect(() => void load(), []);
  /** @param {string} id */
  const end = async (id) => {
    try {
      await model.endSession(id);
      await load();
    } catch (error) {
      failure.value = asFailure(error);
    }
  };
  return html`<${Problem} failure=${failure.value} />
    ${!list.value && !failure.value && html`<p class="late"><${Spinner} label="Loading sessions" /></p>`}
    ${list.value && html`<ul class="rows">
      ${list.value.map((session) => html`<li key=${session.id}>
        <${Icon} name="monitor" />
        <span class="two-lines">
          <b title=${session.agent ?? undefined}>${deviceOf(session.agent)}</b>
          <small>${session.current ? 'This device' : `Seen ${distanceOf(session.seen_at ?? session.created_at)}`}</small>
        </span>
        ${!session.current && html`<${Button} aria-label=${`Sign out ${deviceOf(session.agent)}`} onClick=${() => end(session.id)}>Sign out</${Button}>`}
      </li>`)}
    </ul>`}
    <${SignOut} />`;
}

function SignOut() {
  const guest = model.me.value?.guest ?? false;
  const out = async () => {
    await model.signOut();
    closeAllDialogs();
  };
  const ask = () =>
    askFirst({
      title: 'Sign out as a guest?',
      text: 'A guest has no password, so there is no way back to this name. Make an account in Profile to keep it.',
      action: 'Sign out',
      run: out,
    });
  return html`<section class="section">
    <h3>Sign out here</h3>
    <div class="actions start"><${Button} icon="log-out" onClick=${guest ? ask : out}>Sign out</${Button}></div>
  </section>`;
}

function Advanced() {
  const { origin } = model.app.value;
  const me = model.me.value;
  return html`<ul class="rows">
      <${CopyRow} label="Server address" value=${origin} hint="The REST and WebSocket API answer here." />
      ${me && html`<${CopyRow} label="Your id" value=${me.id} hint="An operator may ask for it." />`}
      <li>
        <span class="two-lines"><b>API documentation</b><small>For bots and scripts.</small></span>
        <a class="button" href="/docs" target="_blank" rel="noopener">Open</a>
      </li>
    </ul>
    <section class="section">
      <h3>${me?.guest ? 'Delete my name' : 'Delete my account'}</h3>
      <p>You leave every room. What you wrote stays, under “deleted user”.</p>
      <div class="actions start">
        <${Button} kind="quiet-danger" icon="trash-2" onClick=${() => openDialog(() => html`<${DeleteAccount} />`)}>Delete…</${Button}>
      </div>
    </section>`;
}

/** @param {{ label: string, value: string, hint: string }} p */
function CopyRow({ label, value, hint }) {
  const copy = async () => {
    if (await copyText(value)) model.notify(`${label} copied.`);
  };
  return html`<li>
    <span class="two-lines"><b>${label}</b><small>${value}</small><small>${hint}</small></span>
    <${IconButton} name="copy" label=${`Copy ${label.toLowerCase()}`} onClick=${copy} />
  </li>`;
}

function DeleteAccount() {
  const guest = model.me.value?.guest ?? false;
  const password = useSignal('');
  const remove = useAction(async () => {
    if (!guest) need('password', password.value, 'Write your password.');
    await model.deleteAccount(guest ? {} : { password: password.value });
    closeAllDialogs();
  });
  const failure = remove.failure.value;
  return html`<${Dialog} title="Delete your account?">
    <p>This cannot be undone. Rooms you own must be handed over or deleted first.</p>
    <${Form} action=${remove} label="Delete account">
      ${!guest && html`<${Field} label="Your password" type="password" value=${password} autocomplete="current-password" data-autofocus error=${failure?.fields.password ?? null} />`}
      <${Problem} failure=${failure} fields=${['password']} />
      <div class="actions">
        <${Button} onClick=${closeDialog}>Cancel</${Button}>
        <${Button} type="submit" kind="danger" busy=${remove.busy.value}>Delete</${Button}>
      </div>
    </${Form}>
  </${Dialog}>`;
}
