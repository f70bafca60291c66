// @ts-check
// The entry: draws the page that belongs to the route, and over it dialogs and notices.
// Owns nothing itself; state is in state.js, the pages are in views/.
import { effect, html, render } from './vendor/ui.mjs';
import { model } from './state.js';
import { followAppearance } from './views/appearance.js';
import { RegisterPage, SignInPage } from './views/auth.js';
import { DialogHost } from './views/dialog.js';
import { HomePage } from './views/home.js';
import { JoinPage } from './views/join.js';
import { closeAllDialogs, openLayers } from './views/layout.js';
import { SetupPage } from './views/setup.js';
import { RoomShell } from './views/shell.js';
import { Ended, Loading, ServerSilent } from './views/states.js';
import { Toasts } from './views/toasts.js';

function Page() {
  const { status, code } = model.connection.value;
  if (!model.ready.value) return status === 'reconnecting' ? html`<${ServerSilent} />` : html`<${Loading} />`;
  const route = model.route.value;
  if (route.name === 'invite') return html`<${JoinPage} key=${route.token} token=${route.token} />`;
  if (route.name === 'setup') return html`<${SetupPage} token=${route.token} />`;
  if (route.name === 'register') return html`<${RegisterPage} />`;
  if (route.name === 'signin' || !model.me.value) return html`<${SignInPage} />`;
  // Removed from the last room: the way to a new one stays open.
  if (status === 'ended' && !(code === 4503 && route.name === 'home')) return html`<${Ended} />`;
  if (route.name === 'room') return html`<${RoomShell} />`;
  return html`<${HomePage} />`;
}

function App() {
  return html`<div class="page" inert=${openLayers.value.length > 0}><${Page} /></div>
    <${DialogHost} />
    <${Toasts} />`;
}

/** Dialogs belong to the page under them: they go when it does. */
function closeDialogsOnLeaving() {
  /** @type {string | null} */
  let before = null;
  effect(() => {
    const route = model.route.value;
    const place = `${route.name}/${route.name === 'room' ? `${route.slug}/${route.letter}` : ''}/${model.me.value?.id ?? ''}`;
    if (before !== null && before !== place) closeAllDialogs();
    before = place;
  });
}

const root = document.getElementById('app');
if (root) {
  followAppearance();
  closeDialogsOnLeaving();
  render(html`<${App} />`, root);
}
