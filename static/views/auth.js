// @ts-check
// Owns signing in and creating an account, as pages and as forms other cards use.
// Never keeps a password after it was sent.
import { html, useSignal } from '../vendor/ui.mjs';
import { model } from '../state.js';
import { AppMark, CardPage, PageLink } from './card.js';
import { Field, Form, need, Problem, useAction } from './forms.js';
import { Button } from './parts.js';

export const USERNAME_HINT = '3 to 32 letters a to z, digits, dot, dash or underscore.';
export const PASSWORD_HINT = 'At least 8 characters.';

export function SignInPage() {
  const open = model.app.value.registration === 'open';
  return html`<${CardPage}>
    <header class="card-head">
      <${AppMark} />
      <h1>Sign in</h1>
      <p>to ${model.app.value.name}</p>
    </header>
    <${SignInForm} />
    <p class="card-alt">
      ${open
        ? html`<span>New here?</span><${PageLink} to=${{ name: 'register' }}>Create an account</${PageLink}>`
        : 'New here? Open an invite link to join.'}
    </p>
  </${CardPage}>`;
}

/** @param {{ label?: string, after?: () => Promise<void> }} p */
export function SignInForm({ label = 'Sign in', after }) {
  const username = useSignal('');
  const password = useSignal('');
  const enter = useAction(async () => {
    need('username', username.value, 'Write your username.');
    need('password', password.value, 'Write your password.');
    await model.signIn({ username: username.value.trim(), password: password.value });
    password.value = '';
    await after?.();
  });
  const failure = enter.failure.value;
  return html`<${Form} action=${enter} label="Sign in" focusFirst>
    <${Field} label="Username" value=${username} autocomplete="username" autocapitalize="none" spellcheck="false" required error=${failure?.fields.username ?? null} />
    <${Field} label="Password" type="password" value=${password} autocomplete="current-password" required error=${failure?.fields.password ?? null} />
    <${Problem} failure=${failure} fields=${['username', 'password']} />
    <${Button} type="submit" kind="primary" large busy=${enter.busy.value}>${label}</${Button}>
  </${Form}>`;
}

export function RegisterPage() {
  const { name, registration } = model.app.value;
  return html`<${CardPage}>
    <header class="card-head">
      <${AppMark} />
      <h1>Create an account</h1>
      <p>on ${name}</p>
    </header>
    ${registration === 'open'
      ? html`<${RegisterForm} />`
      : html`<p class="note">This server takes new people by invite only. Open the invite link you were given.</p>`}
    <p class="card-alt"><span>Have an account?</span><${PageLink} to=${{ name: 'signin' }}>Sign in</${PageLink}></p>
  </${CardPage}>`;
}

/** @param {{ label?: string, invite?: string, after?: () => Promise<void> }} p */
export function RegisterForm({ label = 'Create account', invite, after }) {
  const shown = useSignal('');
  const username = useSignal('');
  const password = useSignal('');
  const create = useAction(async () => {
    need('username', username.value, 'Choose a username.');
    need('password', password.value, 'Choose a password.');
    await model.register({
      username: username.value.trim(),
      password: password.value,
      ...(shown.value.trim() ? { display_name: shown.value.trim() } : {}),
      ...(invite ? { invite } : {}),
    });
    password.value = '';
    await after?.();
  });
  const failure = create.failure.value;
  return html`<${Form} action=${create} label="Create an account" focusFirst>
    <${AccountFields} shown=${shown} username=${username} password=${password} failure=${failure} />
    <${Problem} failure=${failure} fields=${['display_name', 'username', 'password']} />
    <${Button} type="submit" kind="primary" large busy=${create.busy.value}>${label}</${Button}>
  </${Form}>`;
}

/**
 * @param {{ shown: import('../vendor/ui.mjs').Signal<string>, username: import('../vendor/ui.mjs').Signal<string>,
 *   password: import('../vendor/ui.mjs').Signal<string>, failure: import('../model.d.ts').Failure | null }} p
 */
export function AccountFields({ shown, username, password, failure }) {
  return html`<${Field} label="Your name" value=${shown} autocomplete="nickname" maxlength="64" placeholder="How should we call you?" error=${failure?.fields.display_name ?? null} />
    <${Field} label="Username" value=${username} autocomplete="username" autocapitalize="none" spellcheck="false" required maxlength="32" hint=${USERNAME_HINT} error=${failure?.fields.username ?? null} />
    <${Field} label="Password" type="password" value=${password} autocomplete="new-password" required maxlength="128" hint=${PASSWORD_HINT} error=${failure?.fields.password ?? null} />`;
}
