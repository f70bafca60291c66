// @ts-check
// Owns the invite card: who invites, to what, and the ways in: a name, an account, or the account already here.
// Never shows anything of the room beyond the preview.
import { html, useEffect, useSignal } from '../vendor/ui.mjs';
import { model } from '../state.js';
import { RegisterForm, SignInForm } from './auth.js';
import { CardPage } from './card.js';
import { asFailure, Field, Form, need, Problem, useAction } from './forms.js';
import { Avatar, Button, counted, Icon, RoomMark, Spinner } from './parts.js';

/**
 * @typedef {import('../model.d.ts').InvitePreview} InvitePreview
 * @typedef {import('../model.d.ts').Failure} Failure
 */

const FACES = 4;

/** @param {{ token: string }} p */
export function JoinPage({ token }) {
  const preview = useSignal(/** @type {InvitePreview | null} */ (null));
  const failure = useSignal(/** @type {Failure | null} */ (null));
  const load = async () => {
    failure.value = null;
    try {
      preview.value = await model.previewInvite(token);
    } catch (error) {
      failure.value = asFailure(error);
    }
  };
  useEffect(() => void load(), []);
  if (failure.value) return html`<${CardPage}><${BadInvite} failure=${failure.value} retry=${load} /></${CardPage}>`;
  if (!preview.value) {
    return html`<${CardPage}><div class="card-head"><h1 class="unseen">Invite</h1><div class="late"><${Spinner} label="Loading the invite" /></div></div></${CardPage}>`;
  }
  return html`<${CardPage}><${Invitation} token=${token} preview=${preview.value} /></${CardPage}>`;
}

/** @param {{ token: string, preview: InvitePreview }} p */
function Invitation({ token, preview }) {
  const way = useSignal(/** @type {'name' | 'signin' | 'register'} */ ('name'));
  const { room, inviter, talking } = preview;
  const accept = () => model.acceptInvite(token);
  const me = model.me.value;
  return html`<header class="card-head">
      <${RoomMark} title=${room.title} large />
      <p>${inviter ? html`<b>${inviter}</b> invited you to` : 'You are invited to'}</p>
      <h1>${room.title}</h1>
      ${talking.length === 0 && room.members > 0 && html`<p>${counted(room.members, 'member')}</p>`}
    </header>
    ${talking.length > 0 && html`<${Talking} people=${talking} />`}
    ${me
      ? html`<${JoinAsMe} accept=${accept} />`
      : way.value === 'name'
        ? html`<${JoinByName} token=${token} />`
        : way.value === 'signin'
          ? html`<${SignInForm} label="Sign in and join" after=${accept} />`
          : html`<${RegisterForm} label="Create account and join" invite=${token} after=${accept} />`}
    <${OtherWays} way=${way} signedIn=${me !== null} mayRegister=${preview.registration !== 'closed'} />`;
}

/** @param {{ people: { name: string }[] }} p */
function Talking({ people }) {
  const words = people.length === 1 ? `${people[0]?.name} is talking now` : `${people.length} people are talking now`;
  return html`<div class="talking">
    <span class="talking-faces">
      ${people.slice(0, FACES).map((person) => html`<${Avatar} id=${person.name} name=${person.name} size=${28} />`)}
    </span>
    <span>${words}</span>
  </div>`;
}

/** @param {{ token: string }} p */
function JoinByName({ token }) {
  const name = useSignal('');
  const join = useAction(() => {
    need('display_name', name.value, 'Write the name others should see.');
    return model.joinAsGuest(token, name.value.trim());
  });
  const failure = join.failure.value;
  return html`<${Form} action=${join} label="Join" focusFirst>
    <${Field} label="Your name" value=${name} autocomplete="nickname" maxlength="64" required placeholder="How should we call you?" error=${failure?.fields.display_name ?? null} />
    <${Problem} failure=${failure} fields=${['display_name']} />
    <${Button} type="submit" kind="primary" large busy=${join.busy.value}>Join room</${Button}>
  </${Form}>`;
}

/** @param {{ accept: () => Promise<void> }} p */
function JoinAsMe({ accept }) {
  const me = model.me.value;
  const join = useAction(accept);
  if (!me) return null;
  return html`<${Form} action=${join} label="Join">
    <div class="identity">
      <${Avatar} id=${me.id} name=${me.display_name} size=${36} />
      <span class="two-lines"><b>${me.display_name}</b><small>${me.guest ? 'Guest' : `@${me.username}`}</small></span>
    </div>
    <${Problem} failure=${join.failure.value} />
    <${Button} type="submit" kind="primary" large busy=${join.busy.value} data-autofocus>Join room</${Button}>
  </${Form}>`;
}

/**
 * @param {{ way: import('../vendor/ui.mjs').Signal<'name' | 'signin' | 'register'>, signedIn: boolean, mayRegister: boolean }} p
 */
function OtherWays({ way, signedIn, mayRegister }) {
  /** @param {'name' | 'signin' | 'register'} to @param {string} words */
  const turn = (to, words) => html`<button type="button" class="text-link" onClick=${() => (way.value = to)}>${words}</button>`;
  if (signedIn) return html`<p class="card-alt"><span>Not you?</span><button type="button" class="text-link" onClick=${() => model.signOut()}>Sign out</button></p>`;
  if (way.value === 'name') {
    return html`<p class="card-alt">${turn('signin', 'Sign in')}${mayRegister && html`<span>or</span>${turn('register', 'create an account')}`}</p>`;
  }
  return html`<p class="card-alt">${turn('name', 'Join with just a name')}</p>`;
}

/** @param {{ failure: Failure, retry: () => Promise<void> }} p */
function BadInvite({ failure, retry }) {
  const { icon, title, text, again } = wordsFor(failure);
  const signedIn = model.me.value !== null;
  return html`<header class="card-head">
      <span class="room-mark large alert" aria-hidden="true"><${Icon} name=${icon} size=${28} /></span>
      <h1>${title}</h1>
      <p>${text}</p>
    </header>
    ${again
      ? html`<${Button} kind="primary" large icon="refresh-cw" onClick=${retry}>Try again</${Button}>`
      : html`<${Button} kind="primary" large onClick=${() => model.navigate({ name: signedIn ? 'home' : 'signin' })}>${signedIn ? 'Go to my rooms' : 'Sign in'}</${Button}>`}`;
}

/** @param {Failure} failure */
function wordsFor(failure) {
  switch (failure.code) {
    case 'invite_expired':
      return { icon: 'clock-alert', title: 'This invite has expired', text: 'Ask whoever sent it for a new link.', again: false };
    case 'invite_used':
      return { icon: 'unlink', title: 'This invite is used up', text: 'As many people as it was made for have joined. Ask for a new link.', again: false };
    case 'banned':
      return { icon: 'ban', title: 'You are banned from this room', text: failure.message, again: false };
    case 'not_found':
      return { icon: 'unlink', title: 'This invite does not work', text: 'It has expired, was revoked, or the link is not whole. Ask for a new one.', again: false };
    default:
      return { icon: 'server-off', title: 'The invite did not load', text: failure.message, again: true };
  }
}
